"""Vouchers over HTTP, as an administrator and a user call them."""

from typing import Any

import httpx2

from parlor.core.ids import new_id
from tests.support.administrators import administrator
from tests.support.house_fixtures import OpenServed, open_served
from tests.wallet.conftest import BONUS

__all__ = ["open_served"]

CREATES: list[dict[str, Any]] = [
    {}, {"amount_micros": 0}, {"amount_micros": "5"}, {"amount_micros": 10**16}, {"amount_micros": 5, "max_uses": 0}, {"amount_micros": 5, "max_uses": 2**40},
    {"amount_micros": 5, "code": "abc"}, {"amount_micros": 5, "code": ""}, {"amount_micros": 5, "expires_at": "2020-01-01T00:00:00Z"},
    {"amount_micros": 5, "expires_at": "2030-01-01T00:00:00"}, {"amount_micros": 5, "expires_at": "9999-12-31T23:59:59-10:00"},
    {"amount_micros": 5, "note": "a\nb"}, {"amount_micros": 5, "uses": 5},
]  # fmt: skip


def problem(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_voucher_is_made_used_listed_and_revoked(open_served: OpenServed) -> None:
    served = await open_served()
    admin, ann, bob = await administrator(served), await served.person(), await served.person()
    order, key = {"amount_micros": 500, "max_uses": 5, "note": "Spring"}, {"Idempotency-Key": "k-1"}
    made = await admin.client.post("/vouchers", json=order, headers=key)
    voucher = made.json()
    code = voucher.pop("code")
    assert (made.status_code, voucher["use_count"], voucher["made_by"], voucher["code_end"]) == (201, 0, admin.id, code[-4:])
    again = await admin.client.post("/vouchers", json=order, headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"], again.json()) == (201, "true", made.json())

    used = await ann.client.post("/wallet/vouchers", json={"code": code.lower()}, headers=key)
    assert (used.status_code, used.json()["kind"], used.json()["amount_micros"]) == (201, "voucher", 500)
    repeated = await ann.client.post("/wallet/vouchers", json={"code": code.lower()}, headers=key)
    assert (repeated.status_code, repeated.headers["idempotency-replayed"], repeated.json()) == (201, "true", used.json())
    assert problem(await ann.client.post("/wallet/vouchers", json={"code": code})) == (409, "wallet.voucher_used")
    assert (await ann.wallet())["available_micros"] == BONUS + 500

    assert (await admin.client.get("/vouchers")).json() == {"items": [{**voucher, "use_count": 1}], "next_cursor": None}
    assert (await admin.client.delete(f"/vouchers/{voucher['id']}")).status_code == 204
    assert (await admin.client.delete(f"/vouchers/{voucher['id']}")).status_code == 204
    assert problem(await admin.client.delete(f"/vouchers/{new_id()}")) == (404, "wallet.no_such_voucher")
    revoked, wrong = [await bob.client.post("/wallet/vouchers", json={"code": each}) for each in (code, "0000-0000-0000-0000")]
    assert problem(revoked) == (404, "wallet.invalid_voucher")
    assert {**revoked.json(), "request_id": ""} == {**wrong.json(), "request_id": ""}
    assert (await bob.wallet())["available_micros"] == BONUS


async def test_a_voucher_that_makes_no_sense_is_not_made(open_served: OpenServed) -> None:
    served = await open_served()
    admin = await administrator(served)
    for body in CREATES:
        assert problem(await admin.client.post("/vouchers", json=body)) == (422, "request.invalid"), body
    assert (await admin.client.get("/vouchers")).json()["items"] == []
    assert (await admin.client.post("/vouchers", json={"amount_micros": 5, "code": "SPRING"})).status_code == 201
    assert problem(await admin.client.post("/vouchers", json={"amount_micros": 5, "code": "spr-ing"})) == (409, "wallet.voucher_code_taken")
    for body in ({}, {"code": ""}, {"code": 5}, {"code": "x" * 201}, {"code": "x", "amount_micros": 5}):
        assert problem(await admin.client.post("/wallet/vouchers", json=body)) == (422, "request.invalid"), body


async def test_who_guesses_is_told_to_wait(open_served: OpenServed) -> None:
    served = await open_served(settings={"limits.voucher_tries_per_account_per_minute": 3})
    admin, ann = await administrator(served), await served.person()
    code = (await admin.client.post("/vouchers", json={"amount_micros": 500})).json()["code"]
    for guess in ("SPRING", "SUMMER", "AUTUMN"):
        assert problem(await ann.client.post("/wallet/vouchers", json={"code": guess})) == (404, "wallet.invalid_voucher")
    refused = await ann.client.post("/wallet/vouchers", json={"code": code})
    assert problem(refused) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0
    assert (await admin.client.post("/wallet/vouchers", json={"code": code})).status_code == 201
