"""What clients see of /wallet."""

from uuid import UUID

import httpx2
import pytest

from parlor.core.db import Database
from tests.support.house_fixtures import OpenServed, open_served
from tests.wallet.conftest import BONUS, House

__all__ = ["open_served"]


@pytest.fixture
async def client(open_served: OpenServed) -> httpx2.AsyncClient:
    """Signed in as somebody who has registered a moment ago."""
    return (await (await open_served()).person()).client


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
