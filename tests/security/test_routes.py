"""SEC-01, SEC-02, SEC-07: every route x everybody who may call it."""

from pathlib import Path
from typing import get_args

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from parlor.accounts import ActingDep, AdminDep, CallerDep, ChatDep, ReadDep, WalletDep
from parlor.config import load_settings
from parlor.core.web.routing import scopes_of
from parlor.main import create_app
from parlor.module import discover
from tests.security.outcomes import DECLARED, Declared, aliases_of, canonical
from tests.security.site import Principal, Scene, Site

pytestmark = pytest.mark.either_engine

NAMING_THE_CALLER = {get_args(each)[1].dependency for each in (CallerDep, ReadDep, ChatDep, WalletDep, AdminDep, ActingDep)}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    folder: Path = tmp_path_factory.mktemp("app")
    return create_app(load_settings(discover(), {}, folder, overrides={"log.level": "error"}))


def test_every_route_is_one_that_the_matrix_can_see(app: FastAPI) -> None:
    """A mount or an included router would be an application of its own."""
    assert all(isinstance(route, APIRoute) for route in app.routes)


def test_every_route_has_a_declared_outcome_for_everybody(app: FastAPI) -> None:
    there = {f"{method} {route.path_format}" for route in app.routes if isinstance(route, APIRoute) for method in route.methods}
    assert {canonical(route) for route in there} == set(DECLARED)
    assert there == {*DECLARED, *(alias for route in DECLARED for alias in aliases_of(route))}
    assert all(set(declared.outcomes) == set(get_args(Principal)) for declared in DECLARED.values())


def test_what_is_declared_public_is_public_in_the_matrix(app: FastAPI) -> None:
    """A route without a caller says so where it is made; the matrix must not find out by accident."""
    for route in app.routes:
        assert isinstance(route, APIRoute)
        is_public = (route.openapi_extra or {}).get("x-access") == "public"
        for method in route.methods:
            assert is_public == (DECLARED[canonical(f"{method} {route.path_format}")].outcomes["anonymous"][0] != 401), route.path


def test_every_route_declares_which_scopes_open_it_to_api_keys(app: FastAPI) -> None:
    """One that names no caller would be open to everybody; one whose scopes are not those of the matrix was opened by accident."""
    for route in app.routes:
        assert isinstance(route, APIRoute)
        is_public = (route.openapi_extra or {}).get("x-access") == "public"
        callers = [each for each in route.dependant.dependencies if each.call in NAMING_THE_CALLER]
        assert len(callers) == (0 if is_public else 1), f"{route.path}: say CallerDep, ReadDep, ChatDep, ActingDep, WalletDep or AdminDep"
        for method in route.methods:
            assert scopes_of(route) == DECLARED[canonical(f"{method} {route.path_format}")].scopes, route.path


async def call(site: Site, route: str, declared: Declared, scene: Scene, token: str) -> httpx2.Response:
    method, _, path = route.partition(" ")
    path = path.format(**{**scene.ids, **(declared.parameters or {})}) + declared.query
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = await declared.body(site, scene) if declared.body else None
    return await site.admin_or_nobody.request(method, site.url + path, headers=headers, json=body)


def outcome_of(response: httpx2.Response) -> tuple[int, str]:
    if response.status_code < 400:
        return response.status_code, ""
    problem = response.json()
    return response.status_code, problem.get("error", problem)["code"]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("route", [each for route in DECLARED for each in (route, *aliases_of(route))])
async def test_everybody_gets_the_declared_outcome_and_strangers_change_nothing(site: Site, route: str) -> None:
    declared = DECLARED[canonical(route)]
    scene = await site.scene()
    tokens = await site.tokens(anew=declared.ends_sign_ins)
    # An alias is the same route at another address, so that what it does is looked at once.
    is_alias, changes_accounts = route not in DECLARED, declared.changes_owner or (route.startswith("PATCH") and declared.outcomes["administrator"][0] == 200)
    before = None if is_alias or changes_accounts else await scene.seen()
    found = {name: outcome_of(await call(site, route, declared, scene, token)) for name, token in tokens.items()}
    assert before is None or await scene.seen() == before
    found["owner"] = outcome_of(await call(site, route, declared, scene, scene.owner.access_token))
    assert found == declared.outcomes


@pytest.mark.asyncio(loop_scope="session")
async def test_a_stream_of_another_cannot_be_opened_however_it_is_asked_for(site: Site) -> None:
    """SEC-02, SEC-07"""
    scene, stranger = await site.scene(), await site.sign_up()
    before = await scene.seen()
    for client in (stranger.client, site.admin.client):
        asked = await client.post(f"/sessions/{scene.session_id}/messages", json={"content": "Hello?"}, headers={"Accept": "text/event-stream"})
        followed = await client.get(f"/turns/{scene.turn_id}/events?after=3", headers={"Last-Event-ID": "1"})
        assert (asked.status_code, followed.status_code) == (404, 404)
    assert await scene.seen() == before
