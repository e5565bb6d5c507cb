"""Bad input gets a clear problem, and changes nothing."""

from typing import Any

import pytest

from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

ZERO_WIDTH = "\u200b\u200d\ufeff\u2060"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_messages_that_cannot_be_asked_are_refused(open_served: OpenServed) -> None:
    """BAD-12, 20, 32..36. Nothing of this reaches the database, so one engine is enough."""
    house = await open_served(settings={"chat.message_most_chars": 1000})
    ann = await house.person()
    session_id = await ann.new_session()
    before = await ann.session(session_id)
    cases: list[tuple[Any, int, str | None]] = [
        ({"content": ""}, 422, "chat.empty_message"),
        ({"content": " \n\t "}, 422, "chat.empty_message"),
        ({"content": ZERO_WIDTH}, 422, "chat.empty_message"),
        ({"content": "\u0301\u0302"}, 422, "chat.empty_message"),
        ({"content": [{"type": "text", "text": " "}]}, 422, "chat.empty_message"),
        ({"content": []}, 422, None),
        ({"content": None}, 422, None),
        ({}, 422, None),
        ({"content": "x" * 1001}, 413, "chat.message_too_long"),
        ({"content": [{"type": "text", "text": "x" * 600}] * 2}, 413, "chat.message_too_long"),
        ({"content": [{"type": "video", "text": "x"}]}, 422, None),
        ({"content": "a\x00b"}, 422, None),
        ({"content": "x", "colour": "red"}, 422, None),
        ({"content": "x", "role": "system"}, 422, None),
        ({"content": "x", "params": {"temperature": 1e9}}, 422, None),
        ({"content": "x", "params": {"max_tokens": -1}}, 422, None),
        ({"content": "x", "params": {"max_tokens": 2**31}}, 422, None),
        ({"content": "x", "params": {"stop": [""]}}, 422, None),
        ({"content": "x", "params": {"logit_bias": {}}}, 422, None),
        ({"content": "x", "parent_id": "not-an-id"}, 422, None),
        ({"content": "x", "model": "main/nope"}, 404, "llm.unknown_model"),
        ({"content": "x", "model": "nobody/nope"}, 404, "llm.unknown_model"),
        ({"content": "x", "model": ""}, 422, None),
        ({"content": "x", "agent": "nobody"}, 404, "agents.unknown_agent"),
    ]
    for body, status, code in cases:
        reply = await ann.client.post(f"/sessions/{session_id}/messages", json=body)
        assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), body
        assert code is None or reply.json()["code"] == code, (body, reply.json())
    assert (await ann.client.post(f"/sessions/{session_id}/messages", json={"content": "x" * 2_000_000})).status_code == 413
    assert await ann.session(session_id) == before
    assert await ann.messages(session_id) == []
    assert house.fake.count == 0
    assert (await ann.ask(session_id, "x" * 1000))[0]["state"] == "completed", "the limit itself is accepted"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_sessions_that_cannot_be_made_are_refused(house: ServedHouse) -> None:
    ann = await house.person()
    for body in (
        *({"title": "x" * 301}, {"category": "x" * 101}, {"metadata": []}, {"metadata": {"k": "x" * 17_000}}, {"title": 1}, {"notes": "x"}),
        *({"id": "01890000-0000-7000-8000-000000000000"}, {"account_id": "x"}, {"is_active": False}, {"agent": ""}),
    ):
        reply = await ann.client.post("/sessions", json=body)
        assert reply.status_code == 422, body
    assert (await ann.client.post("/sessions", json={"agent": "nobody"})).status_code == 404
    assert (await ann.client.get("/sessions")).json()["items"] == []
    session_id = await ann.new_session()
    for path, body in (
        (f"/sessions/{session_id}/notes", {"notes": "x" * 100_001}),
        (f"/sessions/{session_id}/notes", {}),
        (f"/sessions/{session_id}/notes", {"notes": None}),
    ):
        assert (await ann.client.put(path, json=body)).status_code == 422
    for path in ("/sessions/NOT-AN-ID", "/sessions/123", "/sessions/..%2f..%2fetc"):
        assert (await ann.client.get(path)).status_code in (404, 422), path
    assert (await ann.client.get(f"/sessions/{session_id.upper()}")).json()["id"] == session_id
    stranger = {"Authorization": ""}
    assert (await ann.client.post(f"/sessions/{session_id}/messages", json={"content": "x"}, headers=stranger)).status_code == 401


async def test_metadata_and_text_come_back_as_they_went_in(house: ServedHouse) -> None:
    """SEC-19, BAD-36, 37, 40: nothing in them is ever more than data."""
    ann = await house.person()
    metadata = {"lc": 1, "type": "secret", "id": ["ENV"], "__proto__": {"x": 1}, "$ne": None, "{{7*7}}": "{0.__class__}", "n": 1.5, "🎉": [True]}
    session_id = await ann.new_session(metadata=metadata)
    assert (await ann.session(session_id))["metadata"] == metadata
    for text in (
        "{{7*7}} {% x %} {0.__class__}",
        "\u202eevil\u202c",
        "e" + "\u0301" * 300,
        "\u200d" * 2000 + "x",
        "漢" * 3000,
        r"\u0000 \x00",
        "a\r\nb\u2028c",
    ):
        _, _ = await ann.ask(session_id, text)
        messages = await ann.messages(session_id)
        assert messages[-2]["parts"] == [{"type": "text", "text": text}]
        assert house.fake.requests[-1].body["messages"][-1]["content"] == text
