from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import perf_counter
from typing import cast

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from parlor.core.web.declared import Declared
from parlor.core.web.routing import HouseRouter, Router, fixed_beginning
from tests.core.web.conftest import Site


def test_the_fixed_beginning_of_a_path_ends_at_its_first_parameter() -> None:
    assert fixed_beginning("/api/v1/sessions/{id}/messages") == ("api", "v1", "sessions")
    assert fixed_beginning("/chat/message") == ("chat", "message")
    assert fixed_beginning("/{path:path}") == ()
    assert fixed_beginning("/") == ("",)


async def test_a_room_is_found_below_the_api_and_at_its_alias(site: Site) -> None:
    assert (await site.get("/api/v1/things/7")).status == 200
    assert (await site.get("/things/7")).status == 200
    assert (await site.get("/thingsandmore/7")).status == 404


async def test_a_path_with_two_slashes_stands_at_the_root(site: Site) -> None:
    assert (await site.get("/top")).json == {"top": True}
    assert (await site.get("/api/v1/top")).status == 404


async def test_a_fixed_path_wins_over_a_parameter_when_it_comes_first() -> None:
    router = Router()
    router.add_api_route("/a/fixed", lambda: 1)
    router.add_api_route("/a/{name}", lambda name: 2)
    router.add_api_route("/{rest:path}", lambda rest: 3)
    assert matched(router, ["/a/fixed", "/a/other", "/a/b/c", "/"]) == ["/a/fixed", "/a/{name}", "/{rest:path}", "/{rest:path}"]


def test_a_catch_all_that_comes_first_keeps_its_place() -> None:
    router = Router()
    router.add_api_route("/{rest:path}", lambda rest: 3)
    router.add_api_route("/a/fixed", lambda: 1)
    assert matched(router, ["/a/fixed"]) == ["/{rest:path}"]


def test_aliases_are_not_in_the_schema_and_share_the_handler() -> None:
    house = HouseRouter.of(FastAPI())
    router = Router()
    router.add_api_route("/wallet", lambda: 1)
    router.add_api_route("/walletlike", lambda: 1)
    house.adopt(router, "/api/v1")
    house.alias("/api/v1/wallet", "/api/wallet")
    first, _, alias = [each for each in house.routes if isinstance(each, APIRoute)]
    assert (alias.path, alias.include_in_schema, first.include_in_schema) == ("/api/wallet", False, True)
    assert alias.app is first.app
    assert len(house.routes) == 3


def test_a_router_with_others_inside_is_left_to_fastapi() -> None:
    """A third-party module may have included routers of its own."""
    house = HouseRouter.of(FastAPI())
    outer, inner = APIRouter(prefix="/outer"), APIRouter(prefix="/inner")
    inner.add_api_route("/x", lambda: 1)
    outer.include_router(inner)
    house.adopt(outer, "/api/v1")
    assert [each for each in house.routes if not isinstance(each, APIRoute)]


@pytest.mark.parametrize("routes", [400])
def test_finding_a_route_does_not_take_longer_with_many_rooms(routes: int) -> None:
    few, many = house_with(2), house_with(routes)

    def seconds(house: HouseRouter) -> float:
        started = perf_counter()
        for _ in range(200):
            assert len(list(house._candidates("/api/v1/room1/x"))) == 1  # pyright: ignore[reportPrivateUsage]  # what is measured
        return perf_counter() - started

    seconds(few), seconds(many)
    assert min(seconds(many) for _ in range(5)) < 5 * min(seconds(few) for _ in range(5))


def house_with(rooms: int) -> HouseRouter:
    house = HouseRouter.of(FastAPI())
    for number in range(rooms):
        router = Router(prefix=f"/room{number}")
        router.add_api_route("/{name}", lambda name: name)
        house.adopt(router, "/api/v1")
    return house


def matched(router: APIRouter, paths: Iterable[str]) -> list[str]:
    house = HouseRouter.of(FastAPI())
    house.adopt(router, "")
    return [next(placed.path for placed in house._candidates(path) if placed.pattern[0].match(path)) for path in paths]  # pyright: ignore[reportPrivateUsage]  # the choice itself


def described(house: HouseRouter) -> list[str]:
    return [placed.path for placed in house._placed if "route" in vars(placed.declared)]  # pyright: ignore[reportPrivateUsage]  # what was described is seen nowhere else


def test_a_route_is_described_when_somebody_asks_for_it_and_no_other_is() -> None:
    house = house_with(3)
    client = TestClient(app_of(house))
    assert described(house) == []
    assert client.get("/api/v1/nowhere").status_code == 404
    assert client.post("/api/v1/room1/x").status_code == 405
    assert described(house) == []
    assert client.get("/api/v1/room1/x").json() == "x"
    assert described(house) == ["/api/v1/room1/{name}"]


def test_whoever_lists_the_routes_gets_all_of_them_once() -> None:
    house = house_with(3)
    paths = [f"/api/v1/room{number}/{{name}}" for number in range(3)]
    assert [each.path for each in house.routes if isinstance(each, APIRoute)] == paths == described(house)
    room = Router(prefix="/late")
    room.add_api_route("", lambda: 1)
    house.adopt(room, "")
    assert [each.path for each in house.routes if isinstance(each, APIRoute)] == [*paths, "/late"]


def test_readers_in_several_threads_each_get_all_routes_and_an_unknown_address_waits_for_none_of_them() -> None:
    """As the document of the API does, which is built beside the loop while requests come."""
    house = house_with(3)
    begun, may_go_on = Event(), Event()

    def slowly() -> APIRoute:
        begun.set()
        assert may_go_on.wait(10)
        return ready

    plain = APIRouter()
    plain.add_api_route("/slow", lambda: 1)
    ready = cast("APIRoute", plain.routes[0])
    room = Router()
    room.declared.append(Declared("/slow", ["GET"], slowly))
    house.adopt(room, "")
    client = TestClient(app_of(house))
    with ThreadPoolExecutor(2) as threads:
        reading = [threads.submit(lambda: len(house.routes)) for _ in range(2)]
        assert begun.wait(10)
        assert client.get("/nowhere").status_code == 404
        assert not any(each.done() for each in reading)
        may_go_on.set()
        assert [each.result() for each in reading] == [4, 4]


def test_a_room_that_is_included_by_fastapi_itself_has_its_routes() -> None:
    room = Router(prefix="/room", tags=["a"])
    room.add_api_route("/x", lambda: 1)
    app = FastAPI()
    app.include_router(room)
    assert TestClient(app).get("/room/x").json() == 1


def test_what_is_added_to_the_house_as_to_any_router_is_found() -> None:
    house = house_with(1)
    app = app_of(house)
    app.add_api_route("/plain", lambda: "plain")
    mounted = FastAPI()
    mounted.add_api_route("/inside", lambda: "inside")
    app.mount("/mounted", mounted)
    client = TestClient(app)
    assert [client.get(path).json() for path in ("/plain", "/mounted/inside", "/api/v1/room0/x")] == ["plain", "inside", "x"]


def app_of(house: HouseRouter) -> FastAPI:
    app = FastAPI()
    app.router = house
    return app
