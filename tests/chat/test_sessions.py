"""Sessions: made, listed, changed, put to rest, deleted; and never seen by anybody else."""

import asyncio
from typing import Any

from bench.fake_model import Script
from parlor.core.collected import JobDefinitions
from parlor.testing import Barrier, ScriptedModel, says
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

MISSING = "01890000-0000-7000-8000-000000000000"


async def _listed(person: Person, **params: Any) -> list[str]:
    reply = await person.client.get("/sessions", params=params)
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


async def test_a_session_is_what_it_was_made_as(house: ServedHouse) -> None:
    ann = await house.person()
    body = {"title": "  Plans ", "category": "work", "agent": "assistant", "model": "parlor/offline", "metadata": {"colour": "red", "n": [1, None]}}
    reply = await ann.client.post("/sessions", json=body)
    session = reply.json()
    assert reply.status_code == 201
    assert {name: session[name] for name in body} == {**body, "title": "Plans"}
    assert (session["notes"], session["pinned"], session["archived"], session["is_active"]) == ("", False, False, True)
    assert session["created_at"].endswith("Z")
    assert await ann.session(session["id"]) == session
    assert "running_turn_id" in session


async def test_only_what_is_sent_changes(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session(title="One", category="a", model="main/fake", metadata={"k": 1})
    before = await ann.session(session_id)
    changed = (await ann.client.patch(f"/sessions/{session_id}", json={"title": "Two", "pinned": True, "model": None})).json()
    assert {name for name in before if before[name] != changed[name]} == {"title", "pinned", "model", "updated_at", "last_active_at"}
    noted = (await ann.client.put(f"/sessions/{session_id}/notes", json={"notes": "remember\nthis"})).json()
    assert (noted["notes"], noted["title"]) == ("remember\nthis", "Two")
    same = (await ann.client.patch(f"/sessions/{session_id}", json={})).json()
    assert (same["title"], same["metadata"]) == ("Two", {"k": 1})
    unknown = await ann.client.patch(f"/sessions/{session_id}", json={"agent": "nobody"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "agents.unknown_agent")


async def test_a_session_without_a_title_takes_the_first_words(house: ServedHouse) -> None:
    ann = await house.person()
    session_id, titled_id = await ann.new_session(), await ann.new_session(title="Mine")
    for each in (session_id, titled_id):
        await ann.ask(each, "What is the\n meaning of life, the universe and everything else there is to know?")
    assert (await ann.session(session_id))["title"] == "What is the meaning of life, the universe and everything …"
    assert (await ann.session(titled_id))["title"] == "Mine"


async def test_the_list_is_in_pages_last_used_first(house: ServedHouse) -> None:
    ann = await house.person()
    ids = [await ann.new_session(title=f"s{n}") for n in range(7)]
    await ann.ask(ids[2])
    wanted = [ids[2], *[each for each in reversed(ids) if each != ids[2]]]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = (await ann.client.get("/sessions", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        assert len(page["items"]) <= 3
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == wanted
    for forged in ("x", "", page["next_cursor"] or params["cursor"][:-2], "A" * 2000):
        reply = await ann.client.get("/sessions", params={"cursor": forged})
        assert reply.status_code in (400, 422), forged
    bob = await house.person()
    assert (await bob.client.get("/sessions", params={"cursor": params["cursor"]})).status_code == 400
    for limit in (0, -1, 10**9, "10abc"):
        assert (await ann.client.get("/sessions", params={"limit": limit})).status_code == 422


async def test_the_list_is_filtered(house: ServedHouse) -> None:
    ann = await house.person()
    plain = await ann.new_session(title="100% cotton_shirts")
    work = await ann.new_session(title="Cotton mills", category="work")
    old = await ann.new_session(title="cotton old", category="work")
    await ann.client.patch(f"/sessions/{old}", json={"archived": True})
    assert await _listed(ann) == [work, plain]
    assert await _listed(ann, archived="true") == [old]
    assert await _listed(ann, category="work") == [work]
    assert await _listed(ann, category="none") == []
    assert await _listed(ann, q="COTTON") == [work, plain]
    assert await _listed(ann, q="100%") == [plain]
    assert await _listed(ann, q="n_s") == [plain], "wildcards of the database are letters here"
    assert await _listed(ann, q="\\") == []
    assert await _listed(ann, q="cotton", archived="true", category="work") == [old]


async def test_a_running_turn_shows_in_its_session(open_served: OpenServed) -> None:
    barrier = Barrier()
    house = await open_served(ScriptedModel([barrier, *says("x")]))
    ann = await house.person()
    session_id = await ann.new_session()
    turn_id = await ann.send(session_id)
    await barrier.reached()
    assert (await ann.session(session_id))["running_turn_id"] == turn_id
    page = (await ann.client.get("/sessions")).json()
    assert page["items"][0]["running_turn_id"] == turn_id
    busy = await ann.post(session_id, "me too")
    assert (busy.status_code, busy.json()["code"]) == (409, "chat.turn_in_progress")
    assert len(await ann.messages(session_id)) == 1
    barrier.open()
    await ann.replay(turn_id)
    assert (await ann.session(session_id))["running_turn_id"] is None


async def test_of_twenty_questions_at_once_in_one_session_one_is_asked(house: ServedHouse) -> None:
    """INV-T3."""
    house.fake.script("fake", Script(fault="hang_before_headers"))
    ann = await house.person()
    session_id = await ann.new_session()
    replies = await asyncio.gather(*(ann.post(session_id, f"{n}") for n in range(20)))
    assert sorted(reply.status_code for reply in replies) == [202] + [409] * 19
    assert len(await ann.messages(session_id)) == 1
    await ann.stop(next(reply.json()["turn"]["id"] for reply in replies if reply.status_code == 202))


async def test_deleting_a_session_ends_and_bills_its_turn_and_leaves_nothing_to_see(house: ServedHouse) -> None:
    """BAD-86."""
    house.fake.script("fake", Script(chunks=10_000, pace_seconds=0.01))
    ann = await house.person()
    session_id = await ann.new_session()
    async with ann.stream(session_id, "canary") as reader:
        turn_id = reader.turn_id
        await reader.until("text.delta", 3)
    assert (await ann.client.delete(f"/sessions/{session_id}")).status_code == 204
    seen = await house.fake.seen()
    await asyncio.wait_for(seen.closed.wait(), 1)
    for path in (f"/sessions/{session_id}", f"/sessions/{session_id}/messages", f"/turns/{turn_id}", f"/turns/{turn_id}/events"):
        assert (await ann.client.get(path)).status_code == 404, path
    assert (await ann.client.delete(f"/sessions/{session_id}")).status_code == 404
    assert (await ann.client.get("/search", params={"q": "canary"})).json()["items"] == []
    (charge,) = await ann.charges()
    assert charge["amount_micros"] < 0
    assert (await ann.wallet())["held_micros"] == 0


async def test_a_session_that_is_not_used_goes_to_rest_and_wakes_when_it_is(open_served: OpenServed) -> None:
    house = await open_served(settings={"chat.session_ttl_seconds": 0.02})
    ann = await house.person()
    session_id = await ann.new_session()
    job = next(job for job in await house.get(JobDefinitions) if job.name == "chat.deactivate_stale_sessions")
    assert job.every_seconds is not None
    async with asyncio.timeout(10):
        while (await ann.session(session_id))["is_active"]:
            await job.run({})
    turn_id = await ann.send(session_id)
    assert (await ann.client.get("/sessions")).json()["items"][0]["id"] == session_id
    await ann.replay(turn_id)
    changed = await ann.client.patch(f"/sessions/{session_id}", json={"notes": "used"})
    assert changed.json()["is_active"]


async def test_what_belongs_to_somebody_else_is_not_there(house: ServedHouse) -> None:
    """SEC-01, SEC-02, SEC-04: every route that takes an id answers as for one that never was, and changes nothing."""
    ann, bob = await house.person(), await house.person()
    theirs, own = await ann.new_session(title="Ann's"), await bob.new_session()
    _, answer = await ann.ask(theirs, "secret")
    await bob.ask(own)
    before = [await ann.session(theirs), await ann.messages(theirs), await bob.messages(own)]
    for session_id in (theirs, MISSING):
        calls: list[tuple[str, str, Any]] = [
            ("GET", f"/sessions/{session_id}", None),
            ("PATCH", f"/sessions/{session_id}", {"title": "mine"}),
            ("DELETE", f"/sessions/{session_id}", None),
            ("PUT", f"/sessions/{session_id}/notes", {"notes": "mine"}),
            ("GET", f"/sessions/{session_id}/messages", None),
            ("GET", f"/sessions/{session_id}/messages?branch={answer['id']}", None),
            ("POST", f"/sessions/{session_id}/messages", {"content": "hi"}),
            ("POST", f"/sessions/{session_id}/messages", {"content": "hi", "parent_id": answer["id"]}),
            ("POST", f"/sessions/{session_id}/regenerate", {"message_id": answer["id"]}),
            ("POST", f"/sessions/{session_id}/fork", {"message_id": answer["id"]}),
        ]
        for method, path, body in calls:
            reply = await bob.client.request(method, path, json=body)
            assert (reply.status_code, reply.json()["code"]) == (404, "chat.no_such_session"), (method, path)
    for method, path, body in [
        ("POST", f"/sessions/{own}/messages", {"content": "hi", "parent_id": answer["id"]}),
        ("POST", f"/sessions/{own}/regenerate", {"message_id": answer["id"]}),
        ("POST", f"/sessions/{own}/fork", {"message_id": answer["id"]}),
        ("GET", f"/sessions/{own}/messages?branch={answer['id']}", None),
    ]:
        reply = await bob.client.request(method, path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (404, "chat.no_such_message"), (method, path)
    assert [await ann.session(theirs), await ann.messages(theirs), await bob.messages(own)] == before
    assert (await bob.client.get("/search", params={"q": "secret"})).json()["items"] == []
