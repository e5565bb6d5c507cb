"""Routes of the rooms, and the one router that finds them.

`Router()` makes a room's router: services by `FromDishka`, bodies read by `bodies.parse`. `HouseRouter` holds all routes flat and finds one by the
fixed beginning of its path: FastAPI's own walk tries every route of every included router, twice, and costs more than the rest of a small request.
"""

from collections.abc import Callable, Collection, Coroutine, Sequence
from copy import copy
from re import Pattern
from typing import Any, cast

from dishka.integrations.fastapi import DishkaRoute
from fastapi import APIRouter, FastAPI, Request, params
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from parlor.core.errors import UnsupportedMediaType
from parlor.core.web import bodies

PUBLIC = {"x-access": "public"}
"""`openapi_extra=PUBLIC` declares that a route may be called without signing in."""

_FIXED_SEGMENTS = 3


def scopes_of(route: APIRoute) -> tuple[str, ...]:
    """What its dependencies declare with `Security(..., scopes=[...])`: any one of them opens the route to an API key, and without any it is closed to them."""
    return tuple(scope for each in route.dependant.dependencies for scope in each.own_oauth_scopes or ())


class _StrictRequest(Request):
    """Its JSON is what was parsed already."""

    parsed: Any = None

    async def json(self) -> Any:
        return self.parsed


class ParlorRoute(DishkaRoute):
    """A route whose JSON body is read strictly, before anything else of the request is looked at."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        # Said, because FastAPI looks for it in the signature of the response class, and fails to describe one that has none.
        options["status_code"] = options.get("status_code") or 200
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_json = self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)
        return _reading_json(handle) if takes_json else handle


def Router(*, prefix: str = "", tags: Sequence[str] = (), **more: Any) -> APIRouter:  # noqa: N802  # reads as the class that it stands for
    """A room's router. `prefix` stands below /api/v1; one that begins with // stands at the root."""
    return APIRouter(prefix=prefix, tags=list(tags), route_class=ParlorRoute, **more)


def _reading_json(handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def read(request: Request) -> Response:
        media_type = _media_type(request)
        if media_type and media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMediaType("The body must be JSON: send Content-Type: application/json.")
        strict = _StrictRequest(request.scope, request.receive)
        if body := await strict.body():
            if not media_type:
                raise UnsupportedMediaType("The body has no type: send Content-Type: application/json.")
            strict.parsed = bodies.parse(body)
        return await handle(strict)

    return read


def _media_type(request: Request) -> str:
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            return value.split(b";", 1)[0].strip().lower().decode("latin-1")
    return ""


_Entry = tuple[Pattern[str], Collection[str], APIRoute]


class HouseRouter(APIRouter):
    """All routes of the house, flat. What it does not know itself (mounts, included routers) is left to FastAPI's walk."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._index: dict[tuple[str, ...], list[_Entry]] = {}
        self._indexed = -1

    @classmethod
    def of(cls, app: FastAPI, **options: Any) -> "HouseRouter":
        """Make it the router of the app."""
        router = cls(dependency_overrides_provider=app, redirect_slashes=False, **options)
        app.router = router
        return router

    def adopt(self, router: APIRouter, prefix: str, *, in_schema: bool = True) -> None:
        """Take the routes of a room in, below `prefix`, or at the root when its own prefix begins with //."""
        if not all(isinstance(route, APIRoute) for route in router.routes):
            self.include_router(router, prefix=prefix, include_in_schema=in_schema)
            return
        for route in cast("Sequence[APIRoute]", router.routes):
            self.routes.append(moved(route, route.path[1:] if route.path.startswith("//") else prefix + route.path, in_schema=in_schema))

    def alias(self, beginning: str, other: str) -> None:
        """Answer at `other` as well, and at all below it, with the routes at `beginning`. Aliases are not in OpenAPI."""
        for route in [each for each in self.routes if isinstance(each, APIRoute)]:
            if route.path == beginning or route.path.startswith(beginning + "/"):
                self.routes.append(moved(route, other + route.path[len(beginning) :], in_schema=False))

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().app(scope, receive, send)
            return
        scope.setdefault("router", self)
        path, method = scope["path"], scope["method"]
        allowed: set[str] = set()
        for regex, methods, route in self._candidates(path):
            if regex.match(path) is None:
                continue
            if method in methods:
                _, found = route.matches(scope)
                scope.update(found)
                await route.handle(scope, receive, send)
                return
            allowed.update(methods)
        if allowed:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))})
        await super().app(scope, receive, send)

    def _candidates(self, path: str) -> Sequence[_Entry]:
        if self._indexed != len(self.routes):
            self._build()
        index, segments = self._index, path.split("/", _FIXED_SEGMENTS + 1)[1 : _FIXED_SEGMENTS + 1]
        while (found := index.get(tuple(segments))) is None and segments:
            segments.pop()
        return found or ()

    def _build(self) -> None:
        """Under each fixed beginning: every route that could match a path which begins so, in the order of registration."""
        rows = [(fixed_beginning(route.path_format), (route.path_regex, route.methods or (), route)) for route in self.routes if isinstance(route, APIRoute)]
        keys = {beginning[:length] for beginning, _ in rows for length in range(len(beginning) + 1)}
        self._index = {key: [entry for beginning, entry in rows if key[: len(beginning)] == beginning] for key in keys}
        self._indexed = len(self.routes)


def fixed_beginning(path: str) -> tuple[str, ...]:
    """The segments before the first that has a parameter, three at most."""
    fixed: list[str] = []
    for segment in path.split("/")[1 : _FIXED_SEGMENTS + 1]:
        if "{" in segment:
            break
        fixed.append(segment)
    return tuple(fixed)


def moved(route: APIRoute, path: str, *, in_schema: bool = True) -> APIRoute:
    """The same route at another place. It shares the handler, which does not depend on the path."""
    here = copy(route)
    here.path = path
    here.path_regex, here.path_format, here.param_convertors = compile_path(here.path)
    here.include_in_schema = route.include_in_schema and in_schema
    here.operation_id = route.operation_id or route.unique_id
    return here
