"""One key, one turn: however often it is sent, however many at once, before, while and after the turn runs (REL-04, INV-T2, BAD-42)."""

import asyncio

from bench.fake_model import Script
from parlor.testing import Barrier, ScriptedModel, says
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

REPLAYED = "idempotency-replayed"


async def test_twenty_posts_at_once_with_one_key_are_one_turn(house: ServedHouse) -> None:
    house.fake.script("fake", Script(chunks=5, pace_seconds=0.02, usage={"prompt_tokens": 10, "completion_tokens": 5}))
    ann = await house.person()
    session_id = await ann.new_session()
    replies = await asyncio.gather(*(ann.post(session_id, key="k-1") for _ in range(20)))
    assert {reply.status_code for reply in replies} == {202}
    (turn_id,) = {reply.json()["turn"]["id"] for reply in replies}
    assert len({reply.json()["message"]["id"] for reply in replies}) == 1
    assert sum(REPLAYED not in reply.headers for reply in replies) == 1
    assert {reply.headers[REPLAYED] for reply in replies if REPLAYED in reply.headers} == {"true"}
    await ann.replay(turn_id)
    late = await ann.post(session_id, key="k-1")
    assert (late.status_code, late.headers[REPLAYED], late.json()["turn"]["id"]) == (202, "true", turn_id)
    assert house.fake.count == 1
    assert [entry["amount_micros"] for entry in await ann.charges()] == [-25]
    assert len(await ann.messages(session_id)) == 2


async def test_a_repetition_attaches_to_the_stream_of_the_first(open_served: OpenServed) -> None:
    barrier = Barrier()
    model = ScriptedModel([*says("one two")[:1], barrier, *says("three")])
    house = await open_served(model)
    ann = await house.person()
    session_id = await ann.new_session()
    async with ann.stream(session_id, key="again") as first, ann.stream(session_id, key="again") as second:
        assert (first.turn_id, second.response.headers[REPLAYED]) == (second.turn_id, "true")
        await barrier.reached()
        barrier.open()
        assert await first.rest() == await second.rest()
    assert len(model.requests) == 1


async def test_the_same_key_with_another_body_is_refused_and_changes_nothing(house: ServedHouse) -> None:
    ann = await house.person()
    session_id, other_id = await ann.new_session(), await ann.new_session()
    await ann.ask(session_id, "first", key="k")
    for reply in (
        await ann.post(session_id, "second", key="k"),
        await ann.post(session_id, "first", key="k", params={"max_tokens": 5}),
        await ann.post(other_id, "first", key="k"),
    ):
        assert (reply.status_code, reply.json()["code"]) == (422, "idempotency.mismatch")
    assert house.fake.count == 1
    assert await ann.messages(other_id) == []


async def test_the_same_key_of_another_person_is_another_key(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    replies = [await person.post(await person.new_session(), key="shared") for person in (ann, bob)]
    assert [reply.status_code for reply in replies] == [202, 202]
    assert not any(REPLAYED in reply.headers for reply in replies)
    assert len({reply.json()["turn"]["id"] for reply in replies}) == 2


async def test_a_refused_request_leaves_its_key_free(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session()
    refused = await ann.post(session_id, key="k", model="main/nope=1;chunks=bad", agent="nobody")
    assert refused.status_code == 404
    accepted = await ann.post(session_id, "better", key="k")
    assert accepted.status_code == 202


async def test_regenerating_honours_the_key_too(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session()
    _, answer = await ann.ask(session_id)
    path, body = f"/sessions/{session_id}/regenerate", {"message_id": answer["id"]}
    replies = await asyncio.gather(*(ann.client.post(path, json=body, headers={"Idempotency-Key": "r"}) for _ in range(10)))
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["turn"]["id"] for reply in replies}) == 1
    await ann.replay(replies[0].json()["turn"]["id"])
    assert house.fake.count == 2


async def test_a_bad_key_is_refused(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session()
    for key in (b"", b"k" * 256, "schlüssel".encode(), b"two words"):
        reply = await ann.client.post(f"/sessions/{session_id}/messages", json={"content": "x"}, headers={b"Idempotency-Key": key})
        assert (reply.status_code, reply.json()["code"]) == (400, "idempotency.bad_key"), key
    assert await ann.messages(session_id) == []
