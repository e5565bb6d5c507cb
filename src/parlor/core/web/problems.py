"""Errors as `application/problem+json` (RFC 9457), for everything that can go wrong between the socket and a service.

Where another protocol lives they are put into its envelope instead.
"""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from parlor.core.errors import Invalid, NotFound, ParlorError, rule_for
from parlor.core.web import envelopes
from parlor.core.web.schemas import Reply

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:parlor:problem:"
_MAX_ERRORS = 50
_MAX_TEXT = 200
_OWN_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "request_id"})

_CODES = {
    400: ("request.malformed", "Bad request"),
    401: ("auth.unauthenticated", "Not signed in"),
    403: ("auth.forbidden", "Not allowed"),
    404: (NotFound.code, "Not found"),
    405: ("request.method_not_allowed", "Method not allowed"),
    406: ("request.not_acceptable", "Not acceptable"),
    408: ("request.timeout", "Too slow"),
    413: ("request.too_large", "Too large"),
    414: ("request.url_too_long", "URL too long"),
    415: ("request.unsupported_media_type", "Unsupported media type"),
    416: ("request.range_not_satisfiable", "Range not satisfiable"),
    422: (Invalid.code, "Invalid"),
    429: ("rate_limited", "Too many requests"),
    431: ("request.headers_too_large", "Headers too large"),
    503: ("unavailable", "Unavailable"),
}
_DETAILS = {404: "There is nothing at this address.", 405: "This address does not answer that method.", 400: "The request cannot be read."}
INTERNAL_DETAIL = "Something went wrong on our side. The request id finds it in the log."


class FieldError(Reply):
    """One thing that is wrong with the request, without the value that was sent."""

    loc: list[str | int] = Field(description="Where it is: body, query, path or header, then the names inside.")
    msg: str
    type: str


class Problem(Reply):
    """What every error answers with. `code` is stable; further members are facts of that code."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = None
    errors: list[FieldError] | None = None


def documents(*errors: type[ParlorError]) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: which refusals it has beside those that every route has."""
    codes: dict[int, list[type[ParlorError]]] = {}
    for error in errors:
        codes.setdefault(rule_for(error).status, []).append(error)
    return {status: described(f"{rule_for(same[0]).title}: {', '.join(f'`{each.code}`' for each in same)}") for status, same in codes.items()}


def described(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def request_id() -> str | None:
    """Of the request that is being answered here; None outside of one."""
    return structlog.contextvars.get_contextvars().get("request_id")


def encoded(status: int, code: str, title: str, detail: str, facts: Mapping[str, Any] | None = None, id_of_request: str | None = None) -> bytes:
    """The body. `facts` are further members (`errors` among them) and cannot replace the standard ones."""
    body: dict[str, Any] = {"type": TYPE_PREFIX + code, "title": title, "status": status, "detail": detail, "code": code}
    body["request_id"] = id_of_request or request_id()
    body.update((name, value) for name, value in (facts or {}).items() if name not in _OWN_MEMBERS)
    return msgspec.json.encode(body, enc_hook=str)


def answer(status: int, code: str, title: str, detail: str, facts: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Response:
    if (envelope := envelopes.current()) is None:
        return Response(encoded(status, code, title, detail, facts), status, headers, MEDIA_TYPE)
    body, more = envelope.put(envelopes.Refused(status, code, detail, facts or {}))
    return Response(msgspec.json.encode(body, enc_hook=str), status, {**(headers or {}), **more}, envelopes.MEDIA_TYPE)


def of_error(error: ParlorError) -> Response:
    """By `core.errors.RULES`. What has no rule of its own is internal, and its text stays in the log."""
    rule = rule_for(error)
    if rule.status == 500:
        return internal()
    headers: dict[str, str] = {}
    if (seconds := error.facts.get("retry_after_seconds")) is not None:
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    if rule.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return answer(rule.status, error.code, rule.title, error.detail, error.facts, headers)


def of_status(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None, facts: Mapping[str, Any] | None = None) -> Response:
    code, title = code_and_title(status)
    return answer(status, code, title, detail or _DETAILS.get(status, title + "."), facts, headers)


def code_and_title(status: int) -> tuple[str, str]:
    if status in _CODES:
        return _CODES[status]
    try:
        return f"http.{status}", HTTPStatus(status).phrase
    except ValueError:
        return f"http.{status}", "Error"


def internal() -> Response:
    return answer(500, ParlorError.code, "Internal error", INTERNAL_DETAIL)


def of_validation(errors: Sequence[Any]) -> Response:
    """422 that names the fields and never repeats what was sent: it may be a password."""
    fields = [_field_error(cast("Mapping[str, Any]", each)) for each in errors[:_MAX_ERRORS]]
    first = fields[0] if fields else None
    where = ".".join(str(part) for part in first["loc"][1:]) if first else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = f"{where or 'The request'}: {first['msg']}{more}." if first else "The request makes no sense."
    return answer(422, Invalid.code, "Invalid", detail, {"errors": fields})


def _field_error(error: Mapping[str, Any]) -> dict[str, Any]:
    loc = [part if isinstance(part, int) else _short(str(part)) for part in error.get("loc", ())]
    return {"loc": loc, "msg": _short(str(error.get("msg", "Invalid"))).removeprefix("Value error, "), "type": str(error.get("type", "value_error"))}


def _short(text: str) -> str:
    """Names of unknown fields come from outside: bounded, and valid Unicode."""
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode()


def add_handlers(app: FastAPI) -> None:
    """What is not handled here reaches the gate, which logs it and answers 500."""
    app.add_exception_handler(ParlorError, _on_parlor_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_parlor_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ParlorError)
    if rule_for(error).status == 500:
        raise error
    return of_error(error)


async def _on_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return of_validation(error.errors())


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # FastAPI turns whatever was raised while it read a form into a 400; the reason is the cause.
    if isinstance(error.__cause__, ParlorError):
        return await _on_parlor_error(request, error.__cause__)
    if isinstance(error.__cause__, HTTPException):
        error = error.__cause__
    stock = error.detail == _phrase(error.status_code)
    return of_status(error.status_code, None if stock else error.detail, error.headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
