"""What clients see of /wallet."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest
from dishka import Provider, Scope, make_async_container
from fastapi import FastAPI
from pydantic import SecretStr

from parlor.accounts import Application, AuthSettings, SignUp
from parlor.accounts.module import module as accounts
from parlor.core.clock import Clock
from parlor.core.db import Database
from parlor.core.events import Events
from parlor.core.idempotency import Idempotency
from parlor.core.jobs import Jobs
from parlor.core.lifecycle import StartupNotices
from parlor.core.limits import LimitSettings, RateLimits
from parlor.core.settings import RootSettings
from parlor.core.web.gate import Gate
from parlor.core.web.problems import add_handlers
from parlor.core.web.routing import HouseRouter
from parlor.core.web.settings import ServerSettings
from parlor.wallet import WalletService, WalletSettings
from parlor.wallet.module import module as wallet
from parlor.wallet.subscribers import subscribers
from tests.wallet.conftest import BONUS, House


@pytest.fixture
async def client(db: Database, clock: Clock, root_settings: RootSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """Signed in as somebody who has registered a moment ago. `client.account_id` says who."""
    parts = Provider(scope=Scope.APP)
    auth = AuthSettings(secret_key=SecretStr("0123456789abcdefghijklmnopqrstuvwxyz-ABCDEF"), argon2_memory_kib=8, argon2_time_cost=1)
    events = Events(db, Jobs())
    for value, kind in (
        (db, Database), (clock, Clock), (auth, AuthSettings), (root_settings, RootSettings), (ServerSettings(), ServerSettings), (events, Events),
        (StartupNotices(), StartupNotices), (WalletSettings(), WalletSettings),
        (Idempotency(db), Idempotency), (RateLimits(LimitSettings()), RateLimits),
    ):  # fmt: skip
        parts.provide(_always(value), provides=kind)
    assert accounts.provider
    assert wallet.provider
    assert wallet.routes
    container = make_async_container(parts, accounts.provider(), wallet.provider())
    events.bind(subscribers(await container.get(WalletService)))
    app = FastAPI(openapi_url=None)
    router = HouseRouter.of(app)
    add_handlers(app)
    for each in wallet.routes():
        router.adopt(each, "/api/v1")
    app.add_middleware(Gate, settings=ServerSettings())
    app.state.dishka_container = container
    session = await (await container.get(SignUp)).register(Application(email="ann@example.com", password="a quiet river in may"))
    headers = {"Authorization": f"Bearer {session.access_token}"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1/api/v1", headers=headers) as client:
        yield client
    await container.close()


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


async def test_whoever_registers_has_a_wallet_with_the_bonus(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/wallet")
    body = reply.json()
    assert reply.status_code == 200
    assert set(body) == {"account_id", "available_micros", "held_micros", "posted_micros"}
    assert (body["available_micros"], body["held_micros"], body["posted_micros"]) == (BONUS, 0, BONUS)


async def test_making_the_wallet_again_gives_no_second_bonus(client: httpx2.AsyncClient) -> None:
    reply = await client.post("/wallet")
    assert reply.status_code == 200
    assert reply.json()["posted_micros"] == BONUS


async def test_a_wallet_that_is_missing_is_made(client: httpx2.AsyncClient, db: Database) -> None:
    account_id = await House(db).bare_account()
    assert (await House(db).wallet.open(account_id))[1]
    assert not (await House(db).wallet.open(account_id))[1]


async def test_entries_are_the_callers_own_newest_first_in_pages(client: httpx2.AsyncClient, db: Database) -> None:
    house = House(db)
    account_id = UUID((await client.get("/wallet")).json()["account_id"])
    await db.write(lambda tx: house.wallet.grant(tx, account_id, 7, reference="invoice 7", explanation="Paid"))
    await house.account(BONUS + 1)
    first = (await client.get("/wallet/entries", params={"limit": 1})).json()
    (entry,) = first["items"]
    assert set(entry) == {"id", "kind", "amount_micros", "balance_micros", "reference", "turn_id", "model", "created_at", "explanation"}
    assert (entry["kind"], entry["amount_micros"], entry["balance_micros"], entry["reference"]) == ("grant", 7, BONUS + 7, "invoice 7")
    assert entry["created_at"].endswith("Z")
    second = (await client.get("/wallet/entries", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [each["kind"] for each in second["items"]] == ["bonus"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"cursor": "AAAA"}, 400, "request.bad_cursor"),
        ({"limit": "0"}, 422, "request.invalid"),
        ({"limit": "100000"}, 422, "request.invalid"),
        ({"limit": "many"}, 422, "request.invalid"),
    ],
)
async def test_a_page_that_makes_no_sense_is_a_clear_problem(client: httpx2.AsyncClient, params: dict[str, str], status: int, code: str) -> None:
    reply = await client.get("/wallet/entries", params=params)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), [("GET", "/wallet"), ("POST", "/wallet"), ("GET", "/wallet/entries")])
async def test_nobody_sees_a_wallet_without_signing_in(client: httpx2.AsyncClient, method: str, path: str) -> None:
    reply = await client.request(method, path, headers={"Authorization": ""})
    assert (reply.status_code, reply.json()["code"]) == (401, "auth.unauthenticated")
