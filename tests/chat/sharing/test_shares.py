"""Links that show a session: what strangers see, and when they see nothing more."""

from typing import Any

import httpx2
import pytest

from bench.fake_model import FakeToolCall, Script
from parlor.accounts import Administration
from tests.chat.transfer.test_formats import CHATGPT, own
from tests.support.chat import Person, answer_of, client_of
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed


async def _share(person: Person, session_id: str, **params: Any) -> dict[str, Any]:
    reply = await person.client.post(f"/sessions/{session_id}/share", params=params)
    assert reply.status_code == 201, reply.text
    return reply.json()


async def _seen(house: ServedHouse, token: str) -> httpx2.Response:
    async with client_of(house.base_url) as stranger:
        return await stranger.get(f"/shared/{token}")


def _is_gone(reply: httpx2.Response) -> bool:
    return (reply.status_code, reply.json().get("code")) == (404, "chat.no_such_share")


async def test_strangers_see_the_branch_as_it_was_and_nothing_about_whose_it_is(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session(title="A sum")
    call = FakeToolCall(name="calculator", arguments='{"expression": "6*7"}')
    house.fake.next(Script(tool_calls=(call,), reasoning=("a secret thought",)), Script(texts=("It is 42.",)))
    await ann.ask(session_id, "What is 6*7?")
    link = await _share(ann, session_id)
    assert link["url"].endswith(f"/api/v1/shared/{link['token']}")
    assert len(link["token"]) >= 43
    await ann.ask(session_id, "And later?")
    await ann.client.patch(f"/sessions/{session_id}", json={"title": "Renamed"})
    reply = await _seen(house, link["token"])
    assert reply.status_code == 200
    assert (reply.headers["cache-control"], reply.headers["x-robots-tag"]) == ("no-store", "noindex")
    shown = reply.json()
    assert set(shown) == {"title", "messages", "created_at", "shared_at"}
    assert [(each["role"], each["parts"]) for each in shown["messages"]] == [
        ("user", [{"type": "text", "text": "What is 6*7?"}]),
        ("assistant", [{"type": "tool_call", "tool": "calculator"}, {"type": "text", "text": "It is 42."}]),
    ]
    assert (shown["title"], set(shown["messages"][0])) == ("A sum", {"role", "parts", "created_at"})
    for word in (session_id, ann.id, ann.email, "secret thought", "6*7'", "expression"):
        assert word not in reply.text
    exported = (await ann.client.get("/auth/me/export")).content
    assert link["token"].encode() not in exported


async def test_another_link_ends_the_one_before_and_so_does_taking_it_back(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    session_id = (await ann.client.post("/sessions/import", json=CHATGPT)).json()["sessions"][0]["id"]
    first = await _share(ann, session_id)
    north = next(each for each in (await ann.client.get(f"/sessions/{session_id}/export")).json()["messages"] if answer_of(each) == "North.")
    second = await _share(ann, session_id, branch=north["id"])
    assert _is_gone(await _seen(house, first["token"]))
    texts = [answer_of(each) for each in (await _seen(house, second["token"])).json()["messages"]]
    assert texts == ["Where to?", "North."]
    for foreign in (await bob.client.delete(f"/sessions/{session_id}/share"), await bob.client.post(f"/sessions/{session_id}/share")):
        assert (foreign.status_code, foreign.json()["code"]) == (404, "chat.no_such_session")
    assert (await _seen(house, second["token"])).status_code == 200
    for _ in range(2):
        assert (await ann.client.delete(f"/sessions/{session_id}/share")).status_code == 204
    assert _is_gone(await _seen(house, second["token"]))
    missing = await ann.client.post(f"/sessions/{session_id}/share", params={"branch": session_id})
    assert (missing.status_code, missing.json()["code"]) == (404, "chat.no_such_message")


@pytest.mark.either_engine
async def test_a_link_ends_with_its_session_and_rests_with_its_owner(house: ServedHouse) -> None:
    ann = await house.person()
    ids = [
        (await ann.client.post("/sessions/import", json=own({"role": "user", "parts": [{"type": "text", "text": "x"}]}))).json()["sessions"][0]["id"]
        for _ in range(2)
    ]
    links = [await _share(ann, each) for each in ids]
    assert (await ann.client.delete(f"/sessions/{ids[0]}")).status_code == 204
    assert _is_gone(await _seen(house, links[0]["token"]))
    administration = await house.get(Administration)
    account = await administration.find(ann.email)
    for status, code in (("suspended", 404), ("active", 200)):
        await administration.change(account.id, status=status)
        assert (await _seen(house, links[1]["token"])).status_code == code


@pytest.mark.either_engine
async def test_nothing_is_shared_where_it_is_switched_off_or_nothing_was_said(open_served: OpenServed) -> None:
    house = await open_served(settings={"chat.sharing": False})
    ann = await house.person()
    session_id = await ann.new_session()
    refused = await ann.client.post(f"/sessions/{session_id}/share")
    assert (refused.status_code, refused.json()["code"]) == (403, "chat.sharing_off")
    assert _is_gone(await _seen(house, "sh_x"))


@pytest.mark.either_engine
async def test_an_empty_session_and_an_endless_one_are_not_shared(house: ServedHouse) -> None:
    ann = await house.person()
    nothing = await ann.client.post(f"/sessions/{await ann.new_session()}/share")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "chat.nothing_to_share")
    rows = [{"id": str(n), "parent_id": str(n - 1) if n else None, "role": "user", "parts": [{"type": "text", "text": "x"}]} for n in range(2001)]
    session_id = (await ann.client.post("/sessions/import", json=own(*rows))).json()["sessions"][0]["id"]
    endless = await ann.client.post(f"/sessions/{session_id}/share")
    assert (endless.status_code, endless.json()["code"]) == (413, "chat.share_too_large")
    for token in ("", "x", "sh_", "%00", "%ed%a0%80", "x" * 5000):
        assert (await _seen(house, token)).status_code == 404
