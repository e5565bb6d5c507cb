"""Out with a conversation and in again, over HTTP: nothing is lost, nothing is anybody else's, and the model can go on from it."""

import json
from typing import Any

import pytest

from bench.fake_model import FakeToolCall, Script
from tests.chat.transfer.test_formats import CHATGPT, node, own
from tests.support.chat import Person, answer_of
from tests.support.history import complaints_about
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

QUESTION = {"role": "user", "parts": [{"type": "text", "text": "Where is the lighthouse?"}]}


async def _import(person: Person, value: Any, *, key: str | None = None, status: int = 201) -> dict[str, Any]:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    headers = {"Content-Type": "application/json"} | ({} if key is None else {"Idempotency-Key": key})
    reply = await person.client.post("/sessions/import", content=content, headers=headers)
    assert reply.status_code == status, reply.text
    return reply.json()


async def _export(person: Person, session_id: str, **params: Any) -> Any:
    reply = await person.client.get(f"/sessions/{session_id}/export", params=params)
    assert reply.status_code == 200, reply.text
    return reply


def _tree(export: dict[str, Any]) -> list[Any]:
    """Without ids: what was said, and after which message."""
    places = {message["id"]: place for place, message in enumerate(export["messages"])}

    def parts(message: dict[str, Any]) -> Any:
        return [{name: value for name, value in part.items() if name != "call_id"} for part in message["parts"]]

    return [(each["role"], parts(each), places.get(each["parent_id"]), each["created_at"], each["usage"]) for each in export["messages"]]


async def test_an_export_comes_back_as_it_was_under_new_ids(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session(title="Sums & <b>more</b>", category="work", metadata={"a": [1]})
    call = FakeToolCall(name="calculator", arguments='{"expression": "6*7"}')
    house.fake.script("fake", Script(texts=("It is 42.",), tool_calls=(call,)))
    _, first = await ann.ask(session_id, "What is 6*7?")
    await ann.ask(session_id, "And now?", parent_id=first["id"])
    await ann.ask(session_id, "Another way?", parent_id=first["id"])
    reply = await _export(ann, session_id)
    assert reply.headers["content-disposition"] == 'attachment; filename="sums-b-more-b.json"'
    export = reply.json()
    assert (export["format"], export["version"], len(export["messages"])) == ("parlor.session", 1, 6)
    assert {message["model"] for message in export["messages"] if message["role"] == "assistant"} == {"main/fake"}
    made = await _import(ann, export)
    assert (made["format"], made["imported"], made["skipped"]) == ("parlor", 1, [])
    (copy,) = made["sessions"]
    assert (copy["title"], copy["messages"]) == ("Sums & <b>more</b>", 6)
    again = (await _export(ann, copy["id"])).json()
    assert _tree(again) == _tree(export)
    assert not {message["id"] for message in again["messages"]} & {message["id"] for message in export["messages"]}
    kept = ("title", "category", "metadata", "created_at", "agent", "model")
    assert {name: again["session"][name] for name in kept} == {name: export["session"][name] for name in kept}
    shown = [answer_of(message) for message in await ann.messages(copy["id"])]
    assert shown == [answer_of(message) for message in await ann.messages(session_id)]
    _, other = await ann.ask(copy["id"], "And after the move?")
    assert complaints_about(house.fake.requests[-1].body["messages"]) == []
    assert other["role"] == "assistant"


async def test_a_chatgpt_file_keeps_its_branches_is_found_and_goes_on(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    files = {"file": ("conversations.json", json.dumps([CHATGPT, 7]).encode(), "application/json")}
    reply = await ann.client.post("/sessions/import", files=files)
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert (made["format"], made["imported"], [each["index"] for each in made["skipped"]]) == ("chatgpt", 1, [1])
    session_id = made["sessions"][0]["id"]
    assert [answer_of(message) for message in await ann.messages(session_id)] == ["Where to?", "South."]
    everything = (await _export(ann, session_id)).json()["messages"]
    north = next(message for message in everything if answer_of(message) == "North.")
    assert [answer_of(message) for message in await ann.messages(session_id, branch=north["id"])] == ["Where to?", "North."]
    assert (await ann.session(session_id))["last_active_at"].startswith("2023-11-14")
    for person, found in ((ann, 1), (bob, 0)):
        assert len((await person.client.get("/search", params={"q": "South"})).json()["items"]) == found
    await ann.ask(session_id, "And then?", parent_id=north["id"])
    said = [message["content"] for message in house.fake.requests[-1].body["messages"] if message["role"] != "system"]
    assert said == ["Where to?", "North.", "And then?"]
    assert (await bob.client.get(f"/sessions/{session_id}/export")).status_code == 404


@pytest.mark.either_engine
async def test_history_of_whatever_was_imported_is_taken_by_providers(house: ServedHouse) -> None:
    """INV-T7: answers first, answers twice, questions twice, and calls that nobody answered."""
    ann = await house.person()
    call = {"type": "tool_call", "call_id": "x", "tool": "calculator", "arguments": {}}
    text = [{"type": "text", "text": "Well."}]
    messages = [("a0", "assistant", text), ("q1", "user", text), ("q2", "user", text), ("a1", "assistant", [call]), ("a2", "assistant", [*text, call])]
    rows = [{"id": key, "parent_id": messages[at - 1][0] if at else None, "role": role, "parts": parts} for at, (key, role, parts) in enumerate(messages)]
    session_id = (await _import(ann, own(*rows)))["sessions"][0]["id"]
    await ann.ask(session_id, "So?")
    assert complaints_about(house.fake.requests[-1].body["messages"]) == []


@pytest.mark.either_engine
async def test_the_same_file_is_another_copy_unless_a_key_says_otherwise(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    first, second = await _import(ann, own(QUESTION)), await _import(ann, own(QUESTION))
    assert first["sessions"][0]["id"] != second["sessions"][0]["id"]
    keyed = await _import(ann, own(QUESTION), key="move-1")
    assert await _import(ann, own(QUESTION), key="move-1") == keyed
    refused = await _import(ann, own(QUESTION, title="Other"), key="move-1", status=422)
    assert refused["code"] == "idempotency.mismatch"
    assert (await _import(bob, own(QUESTION), key="move-1"))["sessions"] != keyed["sessions"]
    await _import(ann, b"{", key="move-2", status=400)
    assert (await _import(ann, own(QUESTION), key="move-2"))["imported"] == 1, "a refusal leaves its key free"
    assert len((await ann.client.get("/sessions")).json()["items"]) == 4


@pytest.mark.either_engine
async def test_a_long_conversation_is_stored_in_pages_and_read_in_pages(house: ServedHouse) -> None:
    ann = await house.person()
    rows = [
        {"id": str(n), "parent_id": str(n - 1) if n else None, "role": ("user", "assistant")[n % 2], "parts": [{"type": "text", "text": f"m{n}"}]}
        for n in range(450)
    ]
    made = await _import(ann, [own(*rows, title="Long"), own(QUESTION)])
    assert [each["messages"] for each in made["sessions"]] == [450, 1]
    everything = (await ann.client.get("/sessions/export")).json()
    assert [len(each["messages"]) for each in everything] == [450, 1]
    assert [answer_of(message) for message in everything[0]["messages"]] == [f"m{n}" for n in range(450)]
    assert (await _import(await house.person(), everything))["imported"] == 2
    nobody = await house.person()
    assert (await nobody.client.get("/sessions/export")).json() == []


@pytest.mark.either_engine
async def test_markdown_has_the_newest_branch_or_the_one_that_is_named(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = (await _import(ann, CHATGPT))["sessions"][0]["id"]
    reply = await _export(ann, session_id, format="markdown")
    assert reply.headers["content-type"] == "text/markdown; charset=utf-8"
    assert reply.headers["content-disposition"] == 'attachment; filename="a-trip.md"'
    assert reply.text.startswith("# A trip\n")
    assert "South." in reply.text
    assert "North." not in reply.text
    north = next(each for each in (await _export(ann, session_id)).json()["messages"] if answer_of(each) == "North.")
    assert "North." in (await _export(ann, session_id, format="markdown", branch=north["id"])).text
    assert [answer_of(each) for each in (await _export(ann, session_id, branch=north["id"])).json()["messages"]] == ["Where to?", "North."]
    foreign = await ann.client.get(f"/sessions/{session_id}/export", params={"branch": session_id})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "chat.no_such_message")
    empty = await ann.new_session()
    assert (await _export(ann, empty, format="markdown")).text.startswith("# Untitled\n")
    assert (await _export(ann, empty)).headers["content-disposition"] == f'attachment; filename="session-{empty}.json"'
    assert (await ann.client.get(f"/sessions/{empty}/export", params={"format": "pdf"})).status_code == 422


@pytest.mark.either_engine
async def test_what_no_database_takes_and_what_is_too_long_does_no_harm(open_served: OpenServed) -> None:
    house = await open_served(settings={"chat.message_most_chars": 50, "chat.imports": {"file_most_bytes": 200_000}})
    ann = await house.person()
    nasty = CHATGPT | {
        "title": "\x00\ud800" + "t" * 500,
        "mapping": {
            "q": node("q", "a", "user", "NUL \x00 and half \udfff a pair", create_time=1e300),
            "a": node("a", "q", "assistant", "x" * 99, create_time=9e9),
        },
    }
    session_id = (await _import(ann, nasty))["sessions"][0]["id"]
    texts = {answer_of(message) for message in await ann.messages(session_id)}
    assert texts == {"NUL \ufffd and half \ufffd a pair", "x" * 50 + "\n\n[The rest of this message was too long to be imported.]"}
    session = await ann.session(session_id)
    assert len(session["title"]) == 300
    assert all(message["created_at"] <= session["created_at"] or message["created_at"][:4] == "2026" for message in await ann.messages(session_id)), (
        "no time to come"
    )
    too_large = await _import(ann, b" " * 200_001, status=413)
    assert too_large["code"] == "chat.import_too_large"
    upload = await ann.client.post("/sessions/import", files={"file": b" " * 200_001})
    assert upload.status_code == 413
    for files, data in (({}, {"file": "text"}), ({"other": b"{}"}, {})):
        assert (await ann.client.post("/sessions/import", files=files or {"x": b""}, data=data)).status_code == 400
    assert (await ann.client.post("/sessions/import", content=b"{}", headers={"Content-Type": "text/plain"})).status_code == 415
    assert (await ann.client.post("/sessions/import", content=b"--x", headers={"Content-Type": "multipart/form-data; boundary=y"})).status_code == 400
    assert (await ann.client.post("/sessions/import", content=b"--x", headers={"Content-Type": "multipart/form-data"})).status_code == 400


@pytest.mark.either_engine
async def test_names_of_agents_and_models_are_kept_where_they_mean_something(house: ServedHouse) -> None:
    ann = await house.person()
    made = await _import(ann, [own(QUESTION, agent="assistant", model="main/fake"), own(QUESTION, agent="nobody", model="x/y"), own(QUESTION, pinned=True)])
    sessions = [await ann.session(each["id"]) for each in made["sessions"]]
    assert [(each["agent"], each["model"], each["pinned"]) for each in sessions] == [("assistant", "main/fake", False), (None, None, False), (None, None, True)]
    assert {each["title"] for each in sessions} == {"Where is the lighthouse?"}


@pytest.mark.either_engine
async def test_what_a_file_claims_about_people_money_and_ids_has_no_meaning(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    claims = {"user_id": bob.id, "account_id": bob.id, "owner_id": bob.id, "role": "admin", "available_micros": 10**9, "turn_id": bob.id, "id": bob.id}
    file = own(QUESTION)
    file["session"] |= claims
    file["messages"] = [{**each, **{name: value for name, value in claims.items() if name not in ("role", "id")}} for each in file["messages"]]
    before = await ann.wallet()
    (made,) = (await _import(ann, {**file, **claims}))["sessions"]
    assert made["id"] != bob.id
    assert (await ann.session(made["id"]))["id"] == made["id"]
    assert (await bob.client.get(f"/sessions/{made['id']}")).status_code == 404
    assert (await bob.client.get("/sessions")).json()["items"] == []
    assert [message["turn_id"] for message in await ann.messages(made["id"])] == [None]
    assert (await ann.wallet(), (await ann.client.get("/auth/me")).json()["role"]) == (before, "user")
