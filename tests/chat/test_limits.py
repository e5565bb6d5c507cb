"""How many turns somebody may begin (SEC-43, REL-04)."""

import asyncio

import httpx2

from tests.support.chat import Person
from tests.support.house_fixtures import OpenServed

LIMITED = {"limits.turns_per_account_per_minute": 2}


async def regenerate(person: Person, session_id: str, answer_id: str) -> httpx2.Response:
    return await person.client.post(f"/sessions/{session_id}/regenerate", json={"message_id": answer_id}, params={"wait": "true"})


async def test_turns_of_one_account_are_limited_and_those_of_others_go_on(open_served: OpenServed) -> None:
    house = await open_served(settings=LIMITED)
    ann, bob = await house.person(), await house.person()
    session_id = await ann.new_session()
    _, answer = await ann.ask(session_id)
    assert (await regenerate(ann, session_id, answer["id"])).status_code == 200
    before = await ann.messages(session_id)
    for reply in (await ann.post(session_id), await ann.post(session_id, key="new"), await regenerate(ann, session_id, answer["id"])):
        assert (reply.status_code, reply.json()["code"], reply.headers["content-type"]) == (429, "rate_limited", "application/problem+json")
        assert 0 < int(reply.headers["retry-after"]) <= 60
    assert await ann.messages(session_id) == before
    await bob.ask(await bob.new_session())


async def test_a_repetition_is_never_refused(open_served: OpenServed) -> None:
    """Also when the first request with its key is still on its way."""
    house = await open_served(settings=LIMITED)
    ann = await house.person()
    session_id = await ann.new_session()
    replies = await asyncio.gather(*(ann.post(session_id, key="k-1") for _ in range(20)))
    assert {reply.status_code for reply in replies} == {202}
    (turn_id,) = {reply.json()["turn"]["id"] for reply in replies}
    await ann.replay(turn_id)
    assert (await ann.post(session_id, key="k-1")).status_code == 202
    assert house.fake.count == 1
    assert (await ann.post(session_id, key="k-2")).status_code == 429


async def test_fifty_turns_at_once_pass_with_the_usual_limits(open_served: OpenServed) -> None:
    house = await open_served()
    ann = await house.person()
    sessions = [await ann.new_session() for _ in range(50)]
    replies = await asyncio.gather(*(ann.post(session_id, wait=True) for session_id in sessions))
    assert {reply.status_code for reply in replies} == {200}
