"""Accounts that have a username and no address."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from parlor.accounts import AuthSettings
from tests.accounts.conftest import PASSWORD, Build, make_client

MISSING = {"loc": ["body", "email"], "msg": "Field required", "type": "missing"}


@pytest.fixture
async def open_client(build: Build, auth_settings: AuthSettings) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(build(auth_settings.model_copy(update={"email_required": False}))) as client:
        yield client


@pytest.mark.parametrize("name", ["username", "login_id"])
async def test_a_username_is_enough_where_the_settings_say_so(open_client: httpx2.AsyncClient, name: str) -> None:
    made = await open_client.post("/auth/register", json={name: "Ann", "password": PASSWORD})
    assert made.status_code == 201
    assert (made.json()["user"]["username"], made.json()["user"]["email"], made.json()["user"]["email_verified"]) == ("ann", None, False)
    for login in ("login", "login_id"):
        assert (await open_client.post("/auth/login", json={login: "ann", "password": PASSWORD})).status_code == 200
    assert (await open_client.post("/auth/register", json={"username": "ann", "password": PASSWORD})).json()["code"] == "auth.username_taken"
    sent = await open_client.post("/auth/verify-email/send", headers={"Authorization": f"Bearer {made.json()['access_token']}"})
    assert sent.status_code == 202


async def test_somebody_without_any_name_is_refused(open_client: httpx2.AsyncClient) -> None:
    reply = await open_client.post("/auth/register", json={"password": PASSWORD})
    assert (reply.status_code, reply.json()["errors"]) == (422, [{**MISSING, "loc": ["body", "username"]}])


async def test_an_email_is_required_by_default(client: httpx2.AsyncClient) -> None:
    for body in ({"username": "ann"}, {"login_id": "ann"}, {"username": "ann", "email": None}, {}):
        reply = await client.post("/auth/register", json={**body, "password": PASSWORD})
        assert (reply.status_code, reply.json()["code"], reply.json()["detail"]) == (422, "request.invalid", "email: Field required.")
        assert reply.json()["errors"] == [MISSING]


async def test_two_names_of_one_field_are_one_too_many(client: httpx2.AsyncClient) -> None:
    for path, name in (("/auth/register", "username"), ("/auth/login", "login")):
        body = {"email": "ann@example.com"} if name == "username" else {}
        reply = await client.post(path, json={**body, "password": PASSWORD, name: "ann", "login_id": "ann"})
        assert (reply.status_code, reply.json()["errors"][0]["loc"]) == (422, ["body", "login_id"])
    missing = await client.post("/auth/login", json={"password": PASSWORD})
    assert (missing.status_code, missing.json()["errors"]) == (422, [{**MISSING, "loc": ["body", "login"]}])
