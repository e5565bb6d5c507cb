"""Routes of the rooms, and the one router that finds them.

`Router()` makes a room's router: services by `FromDishka`, bodies read by `bodies.parse`. `HouseRouter` holds all routes flat and finds one by the
fixed beginning of its path: FastAPI's own walk tries every route of every included router, twice, and costs more than the rest of a small request.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from warnings import catch_warnings, simplefilter

from dishka.integrations.fastapi import DishkaRoute
from fastapi import APIRouter, FastAPI, Request, params
from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parlor.core.errors import UnsupportedMediaType
from parlor.core.web import bodies
from parlor.core.web.declared import Declared, DeclaringRouter, LateRouter, Placed, declared_of
from parlor.core.web.planned import NOTHING, Plan, plan_of

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
    """A route whose JSON body is read strictly, before anything else of the request is looked at, and whose way is laid out once: see `planned`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        # Said, because FastAPI looks for it in the signature of the response class, and fails to describe one that has none.
        options["status_code"] = options.get("status_code") or 200
        super().__init__(path, endpoint, **options)
        self._build_validators()
        self.app = _Planned(self, self.app, takes_json=self._takes_json)

    def _build_validators(self) -> None:
        """Those of `Body` and `Reply`: FastAPI takes them for built, and hides what pydantic says of FastAPI's own use of it only while it makes them."""
        with catch_warnings():
            simplefilter("ignore", UnsupportedFieldAttributeWarning)
            for field in (self.body_field, self.response_field, *self.response_fields.values()):
                if field is not None:
                    field._type_adapter.rebuild()  # pyright: ignore[reportPrivateUsage]  # nothing public builds it

    @property
    def _takes_json(self) -> bool:
        return self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        return _reading_json(handle) if self._takes_json else handle


class _Planned:
    """A route as an ASGI app. `whole` is FastAPI's own way, for what is not planned and for requests that have something wrong in them."""

    def __init__(self, route: APIRoute, whole: ASGIApp, *, takes_json: bool) -> None:
        self._route = route
        self._whole = whole
        self._takes_json = takes_json
        self._plan: Plan | None = None
        self._is_laid_out = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_laid_out:
            self._plan, self._is_laid_out = plan_of(self._route), True
        plan, overrides = self._plan, self._route.dependency_overrides_provider
        if plan is None or (overrides is not None and overrides.dependency_overrides):
            await self._whole(scope, receive, send)
            return
        request = _StrictRequest(scope, receive, send)
        response = await plan.answer(request, await _read_json(request) if self._takes_json else NOTHING)
        if response is not None:
            await response(scope, receive, send)
        else:
            await self._whole(scope, _again(request, receive) if self._takes_json else receive, send)


def _again(request: Request, receive: Receive) -> Receive:
    """The body that was read, for somebody else to read."""
    is_first = True

    async def receive_again() -> Message:
        nonlocal is_first
        if not is_first:
            return await receive()
        is_first = False
        return {"type": "http.request", "body": await request.body(), "more_body": False}

    return receive_again


class Router(DeclaringRouter):
    """A room's router. `prefix` stands below /api/v1; one that begins with // stands at the root."""

    def __init__(self, *, prefix: str = "", tags: Sequence[str] = (), **more: Any) -> None:
        super().__init__(prefix=prefix, tags=list(tags), route_class=ParlorRoute, **more)


def _reading_json(handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def read(request: Request) -> Response:
        strict = _StrictRequest(request.scope, request.receive)
        await _read_json(strict)
        return await handle(strict)

    return read


async def _read_json(request: _StrictRequest) -> Any:
    """The body, or NOTHING. Raises `UnsupportedMediaType`, and what `bodies.parse` raises."""
    media_type = _media_type(request)
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType("The body must be JSON: send Content-Type: application/json.")
    body = await request.body()
    if not body:
        return NOTHING
    if not media_type:
        raise UnsupportedMediaType("The body has no type: send Content-Type: application/json.")
    request.parsed = bodies.parse(body)
    # FastAPI reads no JSON but that of applications
    return request.parsed if media_type.startswith("application/") else NOTHING


def _media_type(request: Request) -> str:
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            return value.split(b";", 1)[0].strip().lower().decode("latin-1")
    return ""


class HouseRouter(LateRouter):
    """All routes of the house, flat. What it does not know itself (mounts, included routers) is left to FastAPI's walk."""

    def __init__(self, **options: Any) -> None:
        self._placed: list[Placed] = []
        self._index: dict[tuple[str, ...], list[Placed]] = {}
        self._indexed = -1
        self._walk = APIRouter(redirect_slashes=False)
        super().__init__(**options)

    @classmethod
    def of(cls, app: FastAPI, **options: Any) -> "HouseRouter":
        """Make it the router of the app."""
        router = cls(dependency_overrides_provider=app, redirect_slashes=False, **options)
        app.router = router
        return router

    def adopt(self, router: APIRouter, prefix: str, *, in_schema: bool = True) -> None:
        """Take the routes of a room in, below `prefix`, or at the root when its own prefix begins with //."""
        declared = declared_of(router)
        if declared is None:
            self.include_router(router, prefix=prefix, include_in_schema=in_schema)
            return
        for each in declared:
            self._place(each.path[1:] if each.path.startswith("//") else prefix + each.path, each, in_schema=in_schema)

    def alias(self, beginning: str, other: str) -> None:
        """Answer at `other` as well, and at all below it, with the routes at `beginning`. Aliases are not in OpenAPI."""
        for each in list(self._placed):
            if each.path == beginning or each.path.startswith(beginning + "/"):
                self._place(other + each.path[len(beginning) :], each.declared, in_schema=False)

    def _place(self, path: str, declared: Declared, *, in_schema: bool) -> None:
        placed = Placed(path, declared, in_schema=in_schema)
        self._placed.append(placed)
        self._late.append(placed)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().app(scope, receive, send)
            return
        scope.setdefault("router", self)
        path, method = scope["path"], scope["method"]
        allowed: set[str] = set()
        for placed in self._candidates(path):
            regex, convertors = placed.pattern
            if (match := regex.match(path)) is None:
                continue
            if method in placed.methods:
                route = placed.route
                scope["path_params"] = {name: convertors[name].convert(value) for name, value in match.groupdict().items()}
                scope["endpoint"], scope["route"] = route.endpoint, route
                await route.app(scope, receive, send)
                return
            allowed.update(placed.methods)
        if allowed:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))})
        self._walk.routes = self.others
        await self._walk.app(scope, receive, send)

    def _candidates(self, path: str) -> Sequence[Placed]:
        if self._indexed != len(self._placed):
            self._build()
        index, segments = self._index, path.split("/", _FIXED_SEGMENTS + 1)[1 : _FIXED_SEGMENTS + 1]
        while (found := index.get(tuple(segments))) is None and segments:
            segments.pop()
        return found or ()

    def _build(self) -> None:
        """Under each fixed beginning: every route that could match a path which begins so, in the order of registration."""
        rows = [(fixed_beginning(placed.path), placed) for placed in self._placed]
        keys = {beginning[:length] for beginning, _ in rows for length in range(len(beginning) + 1)}
        self._index = {key: [placed for beginning, placed in rows if key[: len(beginning)] == beginning] for key in keys}
        self._indexed = len(self._placed)


def fixed_beginning(path: str) -> tuple[str, ...]:
    """The segments before the first that has a parameter, three at most."""
    fixed: list[str] = []
    for segment in path.split("/")[1 : _FIXED_SEGMENTS + 1]:
        if "{" in segment:
            break
        fixed.append(segment)
    return tuple(fixed)
