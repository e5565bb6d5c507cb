"""Grants and refunds over HTTP, as a payment system and an administrator call them."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from parlor.core.ids import new_id
from parlor.wallet.price import MOST_MICROS
from tests.support.administrators import administrator
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed, open_served
from tests.wallet.conftest import BONUS

__all__ = ["open_served"]


@dataclass
class Office:
    served: ServedHouse
    admin: Person
    ann: Person

    async def grant(self, key: str | None = None, **body: Any) -> httpx2.Response:
        user_id = body.pop("user_id", self.ann.id)
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.admin.client.post(f"/users/{user_id}/grants", json={"amount_micros": 700, "reference": "evt_1", **body}, headers=headers)

    async def refund(self, key: str | None = None, **body: Any) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.admin.client.post(f"/users/{self.ann.id}/refunds", json={"reference": "ticket 1", **body}, headers=headers)

    async def balance(self) -> int:
        return (await self.ann.wallet())["available_micros"]


@pytest.fixture
async def office(open_served: OpenServed) -> Office:
    served = await open_served()
    return Office(served, await administrator(served), await served.person())


def problem(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_grant_is_an_entry_of_the_user(office: Office) -> None:
    reply = await office.grant(note="Invoice 7, thank you")
    entry = reply.json()
    assert reply.status_code == 201
    assert "idempotency-replayed" not in reply.headers
    assert (entry["kind"], entry["amount_micros"], entry["balance_micros"]) == ("grant", 700, BONUS + 700)
    assert (entry["reference"], entry["explanation"]) == ("evt_1", "Invoice 7, thank you")
    assert (await office.ann.client.get("/wallet/entries")).json()["items"][0] == entry


async def test_the_same_reference_again_changes_nothing_and_says_so(office: Office) -> None:
    first, again = await office.grant(), await office.grant(note="other words")
    assert (again.status_code, again.headers["idempotency-replayed"], again.json()) == (200, "true", first.json())
    assert problem(await office.grant(amount_micros=701)) == (409, "wallet.reference_used")
    assert problem(await office.grant(user_id=office.admin.id)) == (409, "wallet.reference_used")
    assert await office.balance() == BONUS + 700


async def test_the_same_key_again_is_the_same_answer_and_another_body_is_refused(office: Office) -> None:
    first, again = await office.grant(key="k-1"), await office.grant(key="k-1")
    assert (again.status_code, again.headers["idempotency-replayed"], again.json()) == (201, "true", first.json())
    assert problem(await office.grant(key="k-1", amount_micros=701)) == (422, "idempotency.mismatch")
    assert problem(await office.grant(key="k-1", user_id=office.admin.id)) == (422, "idempotency.mismatch")
    assert problem(await office.refund(key="k-1", turn_id=str(new_id()))) == (422, "idempotency.mismatch")
    assert problem(await office.grant(key="a b")) == (400, "idempotency.bad_key")


async def test_a_webhook_that_is_delivered_twenty_times_at_once_gives_credit_once(office: Office) -> None:
    replies = await asyncio.gather(*(office.grant(key=f"k-{n % 3}" if n % 2 else None) for n in range(20)))
    assert {reply.json()["id"] for reply in replies} == {replies[0].json()["id"]}
    assert sum("idempotency-replayed" not in reply.headers for reply in replies) == 1
    assert await office.balance() == BONUS + 700


AMOUNTS = [0, -1, 1.5, "5", True, MOST_MICROS + 1, 2**63, 10**40]
BODIES = [{"amount_micros": None}, {"reference": ""}, {"reference": "x" * 256}, {"reference": "a\nb"}, {"note": "x" * 501}, {"note": " "}, {"user": "x"}]


async def test_what_makes_no_sense_is_refused(office: Office) -> None:
    """BAD-30"""
    turn, _ = await office.ann.ask(await office.ann.new_session())
    for amount in AMOUNTS:
        assert problem(await office.grant(amount_micros=amount)) == (422, "request.invalid"), amount
        assert problem(await office.refund(turn_id=turn["id"], amount_micros=amount)) == (422, "request.invalid"), amount
    for body in BODIES:
        assert problem(await office.grant(**body)) == (422, "request.invalid"), body
    assert await office.balance() == BONUS - turn["charge_micros"]


async def test_nobody_is_granted_to_nobody(office: Office) -> None:
    """BAD-101"""
    assert problem(await office.grant(user_id=str(new_id()))) == (404, "auth.account_not_found")
    assert problem(await office.grant(user_id="x")) == (422, "request.invalid")
    reply = await office.ann.client.post(f"/users/{office.ann.id}/grants", json={"amount_micros": 700, "reference": "mine"})
    assert problem(reply) == (403, "auth.administrators_only")


async def test_a_turn_is_refunded_and_not_twice(office: Office) -> None:
    turn, _ = await office.ann.ask(await office.ann.new_session())
    (charge,) = await office.ann.charges()
    first = await office.refund(entry_id=charge["id"], amount_micros=1, note="Sorry")
    assert (first.status_code, first.json()["kind"], first.json()["turn_id"], first.json()["explanation"]) == (201, "refund", turn["id"], "Sorry")
    again = await office.refund(turn_id=turn["id"], amount_micros=1)
    assert (again.status_code, again.headers["idempotency-replayed"], again.json()) == (200, "true", first.json())
    rest = await office.refund(turn_id=turn["id"], reference="ticket 2", key="k-1")
    assert (rest.status_code, rest.json()["amount_micros"]) == (201, turn["charge_micros"] - 1)
    assert (await office.refund(turn_id=turn["id"], reference="ticket 2", key="k-1")).status_code == 201
    assert problem(await office.refund(turn_id=turn["id"], reference="ticket 3")) == (409, "wallet.refund_too_large")
    assert await office.balance() == BONUS


async def test_a_refund_names_one_charge_of_that_user(office: Office) -> None:
    stranger = await office.served.person()
    turn, _ = await stranger.ask(await stranger.new_session())
    assert problem(await office.refund(turn_id=turn["id"])) == (404, "wallet.no_such_charge")
    (charge,) = await stranger.charges()
    assert problem(await office.refund(entry_id=charge["id"])) == (404, "wallet.no_such_charge")
    assert problem(await office.refund()) == (422, "request.invalid")
    assert problem(await office.refund(turn_id=turn["id"], entry_id=charge["id"])) == (422, "request.invalid")
