"""The way of a request through a route, laid out once.

FastAPI finds out anew for each request what its dependencies and parameters are, and enters two stacks for what has to be cleaned up: half of a small
request. Here that is done when the route is first used, for routes made of what ours are made of. Whatever else comes goes FastAPI's own way: routes
that have more, as a whole; and a request with something wrong in it, so that it is refused in one place.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from enum import Enum
from inspect import iscoroutinefunction, unwrap
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, cast, get_args, get_origin
from uuid import UUID

from fastapi import params
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import ResponseValidationError
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from starlette.requests import Request
from starlette.responses import Response

_SCALARS = (str, int, float, bool, UUID, datetime, date, NoneType, Enum)
NOTHING: Any = object()
"""No body, or nothing planned."""


class _Field(NamedTuple):
    """A parameter, or the body. `find` gives what was sent, or NOTHING; `default` is NOTHING where something must be sent."""

    name: str
    find: Callable[[Request, Any], Any]
    validate: Callable[..., tuple[Any, Sequence[Any]]]
    default: Any


class _Step(NamedTuple):
    """One call: of a dependency, or last of the endpoint. `needs` are the names of earlier results, by the number of their step."""

    call: Callable[..., Awaitable[Any]]
    fields: tuple[_Field, ...]
    needs: tuple[tuple[str, int], ...]
    request: str | None
    response: str | None
    scopes: tuple[str, SecurityScopes] | None


class Plan:
    """Made by `plan_of`."""

    def __init__(self, route: APIRoute, steps: Sequence[_Step]) -> None:
        reply = route.response_field
        assert reply is not None, "see plan_of"
        self._steps = steps
        self._status = route.status_code or 200
        self._wants_response = any(step.response for step in steps)
        self._check = reply.validate
        self._encode = reply.serialize_json

    async def answer(self, request: Request, body: Any) -> Response | None:
        """None when something is wrong with the request, and nothing was called yet. `body` is the JSON value, or NOTHING."""
        arguments = self._arguments(request, body)
        if arguments is None:
            return None
        response = _empty_response() if self._wants_response else None
        results: list[Any] = []
        for step, values in zip(self._steps, arguments, strict=True):
            for name, number in step.needs:
                values[name] = results[number]
            if step.response is not None:
                values[step.response] = response
            results.append(await step.call(**values))
        reply = results[-1]
        return reply if isinstance(reply, Response) else self._reply(reply, response)

    def _arguments(self, request: Request, body: Any) -> list[dict[str, Any]] | None:
        """What each step is called with, but for the results of the others."""
        arguments: list[dict[str, Any]] = []
        for step in self._steps:
            values: dict[str, Any] = {}
            for field in step.fields:
                sent = field.find(request, body)
                if sent is not NOTHING:
                    values[field.name], errors = field.validate(sent)
                    if errors:
                        return None
                elif field.default is NOTHING:
                    return None
                else:
                    values[field.name] = field.default
            if step.request is not None:
                values[step.request] = request
            if step.scopes is not None:
                values[step.scopes[0]] = step.scopes[1]
            arguments.append(values)
        return arguments

    def _reply(self, value: Any, response: Response | None) -> Response:
        checked, errors = self._check(value, {}, loc=("response",))
        if errors:
            raise ResponseValidationError(errors=errors, body=value)
        reply = Response(self._encode(checked), self._status, media_type="application/json")
        if response is not None:
            reply.status_code = response.status_code or self._status
            reply.raw_headers.extend(response.raw_headers)
        return reply


def _empty_response() -> Response:
    """For those who set a cookie or a header on the answer to come."""
    response = Response()
    del response.headers["content-length"]
    response.status_code = cast("int", None)
    return response


def plan_of(route: APIRoute) -> Plan | None:
    """None for a route with anything that is not foreseen here."""
    is_plain_reply = (
        route.response_field is not None
        and isinstance(route.response_class, DefaultPlaceholder)
        and route.response_model_include is route.response_model_exclude is None
        and route.response_model_by_alias
        and not (route.response_model_exclude_unset or route.response_model_exclude_defaults or route.response_model_exclude_none)
    )
    is_plain_body = route.body_field is None or (type(route.body_field.field_info) is params.Body and not route._embed_body_fields)  # pyright: ignore[reportPrivateUsage]  # nothing public says it
    if not is_plain_reply or not is_plain_body:
        return None
    steps: list[_Step] = []
    try:
        _add(route.dependant, steps, {})
    except _NotForeseen:
        return None
    return Plan(route, steps)


class _NotForeseen(Exception):
    pass


def _add(dependant: Dependant, steps: list[_Step], known: dict[Any, int]) -> int:
    """Puts what the call needs before it, each once. Returns its number."""
    scopes = [*(dependant.parent_oauth_scopes or ()), *(dependant.own_oauth_scopes or ())]
    key = (dependant.call, tuple(scopes))
    if dependant.use_cache and key in known:
        return known[key]
    call = dependant.call
    has_more = (
        *(dependant.cookie_params, dependant.background_tasks_param_name, dependant.http_connection_param_name, dependant.concurrency),
        len(dependant.body_params) > 1,
    )
    if call is None or not (iscoroutinefunction(call) or iscoroutinefunction(unwrap(call))) or any(has_more):
        raise _NotForeseen
    needs = tuple((each.name or "", _add(each, steps, known)) for each in dependant.dependencies)
    fields = [
        *(_field(each, _in_path) for each in dependant.path_params),
        *(_field(each, _in_query) for each in dependant.query_params),
        *(_field(each, _in_headers) for each in dependant.header_params),
        *(_body_field(each) for each in dependant.body_params),
    ]
    named_scopes = (dependant.security_scopes_param_name, SecurityScopes(scopes)) if dependant.security_scopes_param_name else None
    needs = tuple((name, number) for name, number in needs if name)
    steps.append(_Step(call, tuple(fields), needs, dependant.request_param_name, dependant.response_param_name, named_scopes))
    known[key] = len(steps) - 1
    return known[key]


def _field(field: Any, where: Callable[[str], Callable[[Request, Any], Any]]) -> _Field:
    info = field.field_info
    has_more = info.validation_alias not in (None, field.alias) or info.validate_default or info.default_factory or field.config
    if has_more or not _is_scalar(info.annotation):
        raise _NotForeseen
    return _Field(field.name, where(field.alias), field.validate, NOTHING if info.is_required() else info.default)


def _body_field(field: Any) -> _Field:
    if not field.field_info.is_required():
        raise _NotForeseen
    return _Field(field.name, _the_body, field.validate, NOTHING)


def _is_scalar(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_scalar(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return all(map(_is_scalar, get_args(annotation)))
    return origin is Literal or (isinstance(annotation, type) and issubclass(annotation, _SCALARS))


def _in_path(alias: str) -> Callable[[Request, Any], Any]:
    return lambda request, _: request.scope["path_params"].get(alias, NOTHING)


def _in_query(alias: str) -> Callable[[Request, Any], Any]:
    return lambda request, _: request.query_params.get(alias, NOTHING) if request.scope["query_string"] else NOTHING


def _in_headers(alias: str) -> Callable[[Request, Any], Any]:
    wanted = alias.lower().encode("latin-1")
    return lambda request, _: next((value.decode("latin-1") for name, value in request.scope["headers"] if name == wanted), NOTHING)


def _the_body(request: Request, body: Any) -> Any:
    return body
