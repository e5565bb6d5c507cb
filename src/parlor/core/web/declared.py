"""Routes as rooms write them down, and what FastAPI makes of one when it is first needed.

To look through a function's parameters and to build their validators takes milliseconds. For all routes together that was most of a start; a process uses few.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from copy import copy
from functools import cached_property, partial
from re import Pattern
from threading import Lock
from typing import Any, cast

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.convertors import Convertor
from starlette.routing import BaseRoute, compile_path


class Declared:
    """A route of a room, not described yet."""

    def __init__(self, path: str, methods: Iterable[str], describe: Callable[[], APIRoute]) -> None:
        self.path = path
        self.methods = frozenset(method.upper() for method in methods)
        self._describe = describe

    @cached_property
    def route(self) -> APIRoute:
        return self._describe()


class Placed:
    """A route at its address in the house."""

    def __init__(self, path: str, declared: Declared, *, in_schema: bool) -> None:
        self.path = path
        self.methods: Collection[str] = declared.methods
        self.declared = declared
        self._in_schema = in_schema

    @cached_property
    def pattern(self) -> tuple[Pattern[str], dict[str, Convertor[Any]]]:
        """What its path must match, and how the parameters in it are read."""
        regex, _, convertors = compile_path(self.path)
        return regex, convertors

    @cached_property
    def route(self) -> APIRoute:
        """The same route at another place. It shares the handler, which does not depend on the path."""
        route = self.declared.route
        here = copy(route)
        here.path = self.path
        here.path_regex, here.path_format, here.param_convertors = compile_path(self.path)
        here.include_in_schema = route.include_in_schema and self._in_schema
        here.operation_id = route.operation_id or route.unique_id
        return here


class LateRouter(APIRouter):
    """A router of FastAPI's that describes its own routes when somebody looks at `routes`, in whatever thread that is."""

    def __init__(self, **options: Any) -> None:
        self._late: list[Declared | Placed] = []
        self._all: list[BaseRoute] = []
        self._own: set[int] = set()
        self._describing = Lock()
        super().__init__(**options)

    @property
    def routes(self) -> list[BaseRoute]:  # whoever reads it gets all of them, as from any router, and may add to it
        with self._describing:
            for each in self._late[len(self._own) :]:
                route = each.route
                self._own.add(id(route))
                self._all.append(route)
        return self._all

    @routes.setter
    def routes(self, routes: list[BaseRoute]) -> None:
        self._all = routes

    @property
    def others(self) -> list[BaseRoute]:
        """What was added as to any router, such as mounts and other routers. Nothing is described for it."""
        return [route for route in self._all if id(route) not in self._own]


class DeclaringRouter(LateRouter):
    """`declared` are the routes of a room, which nobody has to describe."""

    def __init__(self, **options: Any) -> None:
        self.declared: list[Declared] = []
        self._alone = partial(APIRouter, **options)
        super().__init__(**options)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        methods = options.get("methods") or ("GET",)
        self.declared.append(Declared(self.prefix + path, methods, partial(self._describe, path, endpoint, options)))
        self._late.append(self.declared[-1])
        self._mark_routes_changed()

    def _describe(self, path: str, endpoint: Callable[..., Any], options: dict[str, Any]) -> APIRoute:
        alone = self._alone()
        alone.add_api_route(path, endpoint, **options)
        return cast("APIRoute", alone.routes[0])


def declared_of(router: APIRouter) -> Sequence[Declared] | None:
    """The routes of a room; None when there is more in it than plain routes."""
    if isinstance(router, DeclaringRouter) and not router.others:
        return router.declared
    if all(isinstance(route, APIRoute) for route in router.routes):
        return [Declared(route.path, route.methods or (), partial(_itself, route)) for route in cast("Sequence[APIRoute]", router.routes)]
    return None


def _itself(route: APIRoute) -> APIRoute:
    return route
