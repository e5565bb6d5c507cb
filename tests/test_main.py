"""The application as a whole: what it answers at which address, and what it says of itself."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

import parlor.main
from parlor.accounts import ActingDep, AdminDep, CallerDep
from parlor.config import Settings, load_settings
from parlor.core.db.opening import DataDirectoryInUse
from parlor.core.lifecycle import Shutdown
from parlor.main import create_app
from parlor.module import discover
from parlor.opening import running_house
from tests.core.web.conftest import head, read_answer, serve
from tests.support.clients import http_client

_SIGNED_IN = {each.__metadata__[0].dependency for each in (CallerDep, AdminDep, ActingDep)}  # type: ignore[attr-defined]  # what Annotated keeps


def settings_in(folder: Path, **given: Any) -> Settings:
    return load_settings(discover(), {}, folder, overrides={"data_dir": str(folder / "data"), "log.level": "error", **given})


def routes_of(app: FastAPI) -> list[APIRoute]:
    return [route for route in app.routes if isinstance(route, APIRoute)]


def test_main_stays_short() -> None:
    assert len(Path(parlor.main.__file__).read_text().splitlines()) < 100


def test_all_routes_are_found_without_a_walk(tmp_path: Path) -> None:
    """What is not a plain route is found by FastAPI's slower way: none of ours should be."""
    assert [route for route in create_app(settings_in(tmp_path)).routes if not isinstance(route, APIRoute)] == []


def test_every_route_says_who_may_call_it(tmp_path: Path) -> None:
    """SEC-01"""

    def callers(dependant: Any) -> set[Any]:
        return {dependant.call}.union(*(callers(each) for each in dependant.dependencies))

    undeclared = [
        f"{sorted(route.methods)} {route.path}"
        for route in routes_of(create_app(settings_in(tmp_path)))
        if (route.openapi_extra or {}).get("x-access") != "public" and not callers(route.dependant) & _SIGNED_IN
    ]
    assert undeclared == []


def test_no_two_routes_answer_the_same(tmp_path: Path) -> None:
    named = [(method, route.path_regex.pattern) for route in routes_of(create_app(settings_in(tmp_path))) for method in route.methods]
    assert sorted(named) == sorted(set(named))


def test_the_paths_of_the_systems_before_are_aliases(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path))
    paths = {route.path: route for route in routes_of(app)}
    for alias, original in {
        "/auth/login": "/api/v1/auth/login",
        "/api/sessions/{session_id}/messages": "/api/v1/sessions/{session_id}/messages",
        "/api/wallet": "/api/v1/wallet",
        "/api/wallet/entries": "/api/v1/wallet/entries",
    }.items():
        assert paths[alias].endpoint is paths[original].endpoint
        assert not paths[alias].include_in_schema
    without = {route.path for route in routes_of(create_app(settings_in(tmp_path, **{"server.aliases": False})))}
    assert "/auth/login" not in without
    assert "/api/v1/auth/login" in without


async def test_openapi_is_whole_and_declares_problems_everywhere(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    app = create_app(settings)
    async with app.router.lifespan_context(app), serve_app(app, settings) as base_url, http_client(base_url=base_url) as http:
        document = (await http.get("/openapi.json")).json()
        assert document["openapi"].startswith("3.1")
        assert "/api/v1/sessions/{session_id}/messages" in document["paths"]
        assert "/health" in document["paths"]
        assert not [path for path in document["paths"] if path.startswith(("/auth", "/docs", "/openapi"))]
        ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
        assert len(ids) == len(set(ids))
        for address, path in document["paths"].items():
            media_type = "application/json" if address.startswith("/v1/") else "application/problem+json"
            for operation in path.values():
                errors = [response for status, response in operation["responses"].items() if not status.startswith(("2", "3"))]
                assert errors
                assert all(set(response["content"]) == {media_type} for response in errors), operation["operationId"]
        assert (await http.get("/docs")).status_code == 200


async def test_the_documentation_can_be_switched_off(tmp_path: Path) -> None:
    """SEC-46"""
    settings = settings_in(tmp_path, **{"server.docs": False})
    app = create_app(settings)
    async with app.router.lifespan_context(app), serve_app(app, settings) as base_url, http_client(base_url=base_url) as http:
        assert (await http.get("/docs")).status_code == 404
        assert (await http.get("/openapi.json")).status_code == 404


async def test_every_route_withstands_every_kind_of_empty_body(tmp_path: Path) -> None:
    """SEC-33"""
    settings = settings_in(tmp_path)
    app = create_app(settings)
    bodies = [b"", b"null", b"[]", b'""', b"0", b"{}", b"{", b"[" * 2000, b'{"a":' * 200 + b"1" + b"}" * 200, b'{"email": "\\u0000"}', b'{"login": "\\ud800"}']
    async with app.router.lifespan_context(app), serve_app(app, settings) as base_url:
        port = int(base_url.rsplit(":", 1)[1])
        for route in routes_of(app):
            for method in sorted(route.methods & {"POST", "PUT", "PATCH", "DELETE"}):
                path = route.path_format.replace("{", "").replace("}", "")
                for body in bodies:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(head(method, path, f"Content-Length: {len(body)}", "Content-Type: application/json") + body)
                    answer = await read_answer(reader)
                    writer.close()
                    assert 400 <= answer.status < 500, (method, path, body, answer)
                    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_second_house_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """BAD-98"""
    settings = settings_in(tmp_path)
    async with running_house(settings):
        with pytest.raises(DataDirectoryInUse):
            async with running_house(settings):
                pass
    async with running_house(settings):
        pass


async def test_the_end_of_the_house_is_known_to_those_inside(tmp_path: Path) -> None:
    async with running_house(settings_in(tmp_path)) as house:
        shutdown = await house.container.get(Shutdown)
        assert not shutdown.requested.is_set()
    assert shutdown.requested.is_set()


async def test_the_start_says_what_the_rooms_have_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running_house(settings_in(tmp_path)) as house:
        await house.announce("http://127.0.0.1:1234")
    said = capsys.readouterr().out
    assert "http://127.0.0.1:1234/setup#" in said
    assert "parlor/offline" in said


def serve_app(app: FastAPI, settings: Settings) -> Any:
    from contextlib import asynccontextmanager

    from parlor.core.web.settings import ServerSettings

    @asynccontextmanager
    async def serving() -> Any:
        async with serve(app, settings.group(ServerSettings)) as port:
            yield f"http://127.0.0.1:{port}"

    return serving()
