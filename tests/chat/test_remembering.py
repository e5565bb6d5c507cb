"""A session's memory over HTTP: looking at it, taking the summary away, and what becomes of it in forks, exports and the search."""

from typing import Any
from uuid import UUID

import pytest

from bench.fake_model import Script
from parlor.chat import message_queries
from parlor.chat.summary import Summary
from parlor.core.db import Database
from parlor.turns import Replaced
from tests.support.chat import Person
from tests.support.house import ServedHouse

pytestmark = pytest.mark.either_engine

SUMMARY = "They spoke of quinces."


async def asked(house: ServedHouse, person: Person, pairs: int) -> str:
    """A session with so many pairs; the answer to question N is `answer N`."""
    session_id = await person.new_session()
    for number in range(pairs):
        house.fake.next(Script(texts=(f"answer {number}",)))
        await person.ask(session_id, f"question {number}")
    return session_id


async def summarise(house: ServedHouse, person: Person, session_id: str, *, at: int, kept: int) -> dict[str, Any]:
    """As if the turn of message `at` had kept so many messages. Returns the part."""
    rows = await person.messages(session_id)
    last = at - kept - 1
    part = Summary(SUMMARY, Replaced(UUID(rows[0]["id"]), UUID(rows[last]["id"]), last + 1), kept).as_part()
    db, parts = await house.get(Database), [part, *rows[at]["parts"]]
    await db.write(lambda tx: message_queries.set_parts(tx, UUID(session_id), UUID(rows[at]["id"]), parts))
    return part


async def memory_of(person: Person, session_id: str, **params: Any) -> dict[str, Any]:
    answer = await person.client.get(f"/sessions/{session_id}/memory", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(house: ServedHouse) -> list[str]:
    return [message["content"] for message in house.fake.requests[-1].body["messages"] if message["role"] != "system"]


def told(house: ServedHouse) -> str:
    return "\n".join(message["content"] for message in house.fake.requests[-1].body["messages"] if message["role"] == "system")


async def test_the_memory_of_a_session_without_and_with_a_summary(house: ServedHouse) -> None:
    ann = await house.person()
    empty = await memory_of(ann, await ann.new_session())
    assert (empty["pairs"], empty["tokens"], empty["summary"], empty["text"]) == (0, 0, None, "")
    session_id = await asked(house, ann, 4)
    plain = await memory_of(ann, session_id)
    assert (plain["pairs"], plain["summary"], plain["summarised_messages"]) == (4, None, 0)
    assert plain["text"].split("\n")[:2] == ["User: question 0", "Assistant: answer 0"]
    assert plain["window"] == {**plain["window"], "messages": 8, "most_pairs": 50, "most_tokens": None}
    await summarise(house, ann, session_id, at=5, kept=1)
    rows, memory = await ann.messages(session_id), await memory_of(ann, session_id)
    assert (memory["pairs"], memory["summarised_messages"]) == (2, 4)
    replaces = {"first": rows[0]["id"], "last": rows[3]["id"], "messages": 4}
    assert memory["summary"] == {"text": SUMMARY, "message_id": rows[5]["id"], "replaces": replaces}
    assert (memory["window"]["first"], memory["window"]["last"]) == (rows[4]["id"], rows[7]["id"])
    assert memory["text"].startswith(f"Summary of what was said before: {SUMMARY}\nUser: question 2\n")
    assert memory["tokens"] > 0


async def test_the_next_turn_is_told_the_summary_and_shown_the_rest(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await asked(house, ann, 4)
    await summarise(house, ann, session_id, at=5, kept=1)
    await ann.ask(session_id, "question 4")
    assert shown(house) == ["question 2", "answer 2", "question 3", "answer 3", "question 4"]
    assert "record of 4 older messages, written by a model" in told(house)
    assert SUMMARY in told(house)


async def test_a_branch_from_before_the_summary_knows_nothing_of_it(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await asked(house, ann, 4)
    await summarise(house, ann, session_id, at=5, kept=1)
    rows = await ann.messages(session_id)
    await ann.ask(session_id, "elsewhere", parent_id=rows[3]["id"])
    assert shown(house) == ["question 0", "answer 0", "question 1", "answer 1", "elsewhere"]
    assert SUMMARY not in told(house)
    assert (await memory_of(ann, session_id))["summary"] is None
    assert (await memory_of(ann, session_id, branch=rows[7]["id"]))["summary"]["text"] == SUMMARY


async def test_an_answer_made_again_remembers_the_same(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await asked(house, ann, 4)
    part = await summarise(house, ann, session_id, at=7, kept=3)
    answer = (await ann.messages(session_id))[7]
    turn = (await ann.client.post(f"/sessions/{session_id}/regenerate", json={"message_id": answer["id"]}, params={"wait": "true"})).json()
    assert shown(house) == ["question 2", "answer 2", "question 3"]
    assert SUMMARY in told(house)
    assert turn["message"]["parts"][0] == part
    assert [frame.event for frame in await ann.events(turn["turn"]["id"])].count("memory.compacted") == 1
    await ann.ask(session_id, "question 4")
    assert shown(house)[0] == "question 2"


async def test_a_summary_that_is_taken_away_leaves_the_messages(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await asked(house, ann, 4)
    await summarise(house, ann, session_id, at=5, kept=1)
    for _ in range(2):
        assert (await ann.client.delete(f"/sessions/{session_id}/summary")).status_code == 204
        assert (await memory_of(ann, session_id))["pairs"] == 4
    assert {part["type"] for row in await ann.messages(session_id) for part in row["parts"]} == {"text"}
    await ann.ask(session_id, "question 4")
    assert shown(house)[0] == "question 0"
    assert SUMMARY not in told(house)
    assert (await ann.client.delete(f"/sessions/{await ann.new_session()}/summary")).status_code == 204


async def test_a_fork_takes_the_summary_along(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await asked(house, ann, 4)
    await summarise(house, ann, session_id, at=5, kept=1)
    last = (await ann.messages(session_id))[-1]["id"]
    fork = (await ann.client.post(f"/sessions/{session_id}/fork", json={"message_id": last})).json()["id"]
    rows, memory = await ann.messages(fork), await memory_of(ann, fork)
    assert memory["summary"]["replaces"] == {"first": rows[0]["id"], "last": rows[3]["id"], "messages": 4}
    await ann.ask(fork, "question 4")
    assert shown(house)[0] == "question 2"


async def test_the_search_finds_no_summary(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await asked(house, ann, 3)
    await summarise(house, ann, session_id, at=5, kept=1)
    assert (await ann.client.get("/search", params={"q": "quinces"})).json()["items"] == []


async def test_only_a_branch_of_the_session_can_be_looked_at(house: ServedHouse) -> None:
    ann = await house.person()
    session_id, other = await asked(house, ann, 1), await asked(house, ann, 1)
    elsewhere = (await ann.messages(other))[1]["id"]
    for method in ("GET", "DELETE"):
        path = f"/sessions/{session_id}/{'memory' if method == 'GET' else 'summary'}"
        answer = await ann.client.request(method, path, params={"branch": elsewhere})
        assert (answer.status_code, answer.json()["code"]) == (404, "chat.no_such_message")
        assert (await ann.client.request(method, path, params={"branch": "x"})).status_code == 422
