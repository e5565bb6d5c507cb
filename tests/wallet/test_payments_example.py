"""The example of docs/payments.md, as it stands there, against a real server."""

import asyncio
import hashlib
import hmac
import json
import re
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.administrators import administrator
from tests.support.chat import Person
from tests.support.house_fixtures import OpenServed, open_served
from tests.wallet.conftest import BONUS

__all__ = ["open_served"]

SECRET = "whsec_of_this_test"
Handle = Callable[[bytes, str], None]


@pytest.fixture
def handle() -> Handle:
    document = (Path(__file__).parents[2] / "docs" / "payments.md").read_text()
    (source,) = re.findall(r"^```python\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(source, "docs/payments.md", "exec"), names)
    return names["handle"]


@pytest.fixture
async def ann(open_served: OpenServed, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Who pays. The example has an administrator's API key."""
    served = await open_served()
    made = await (await administrator(served)).client.post("/api-keys", json={"name": "Stripe", "scopes": ["admin"]})
    monkeypatch.setenv("PARLOR_API_KEY", made.json()["key"])
    monkeypatch.setenv("PARLOR_URL", served.base_url)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    return await served.person()


def event(user_id: str, event_id: str = "evt_1", **checkout: Any) -> bytes:
    """As Stripe sends it, without what the example does not look at."""
    paid = {"id": "cs_1", "object": "checkout.session", "payment_status": "paid", "amount_total": 1000, "currency": "eur", "client_reference_id": user_id}
    return json.dumps({"id": event_id, "object": "event", "type": "checkout.session.completed", "data": {"object": {**paid, **checkout}}}).encode()


def signature(payload: bytes, *, age_seconds: int = 0, secret: str = SECRET) -> str:
    sent_at = int(time.time()) - age_seconds
    digest = hmac.new(secret.encode(), f"{sent_at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={sent_at},v1={'0' * 64},v1={digest},v0={'1' * 64}"


async def available(person: Person) -> int:
    return (await person.wallet())["available_micros"]


async def test_a_payment_is_credit_once_however_often_it_is_told(handle: Handle, ann: Person) -> None:
    payloads = [event(ann.id), event(ann.id), event(ann.id, "evt_2")]
    await asyncio.gather(*(asyncio.to_thread(handle, payload, signature(payload)) for payload in payloads))
    assert await available(ann) == BONUS + 10_000_000
    entry = (await ann.client.get("/wallet/entries")).json()["items"][0]
    assert (entry["kind"], entry["reference"]) == ("grant", "cs_1")
    another = event(ann.id, "evt_3", id="cs_2", amount_total=1)
    await asyncio.to_thread(handle, another, signature(another))
    assert await available(ann) == BONUS + 10_010_000


async def test_what_is_no_payment_gives_no_credit(handle: Handle, ann: Person) -> None:
    for other in ({"payment_status": "unpaid"}, {"object": "invoice"}):
        payload = event(ann.id, **other)
        await asyncio.to_thread(handle, payload, signature(payload))
    payload = event(ann.id)
    for wrong in (signature(payload, age_seconds=400), signature(payload, secret="another"), signature(payload + b" ")):
        with pytest.raises(PermissionError):
            await asyncio.to_thread(handle, payload, wrong)
    nobody = event("00000000-0000-7000-8000-000000000000")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        await asyncio.to_thread(handle, nobody, signature(nobody))
    assert await available(ann) == BONUS
