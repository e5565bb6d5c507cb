"""Messages are a tree: an answer generated again stands beside the old one, an edited question begins a branch, a fork is a session of its own."""

import asyncio

from bench.fake_model import Script
from tests.support.chat import Person, answer_of
from tests.support.house import ServedHouse


def _numbered(house: ServedHouse, count: int = 12) -> None:
    """The fake answers A1, A2, ..."""
    house.fake.next(*(Script(texts=(f"A{n}",)) for n in range(1, count)))


async def _texts(person: Person, session_id: str, branch: str | None = None) -> list[str]:
    return [answer_of(message) for message in await person.messages(session_id, **({} if branch is None else {"branch": branch}))]


async def _regenerate(person: Person, session_id: str, message_id: str) -> dict[str, object]:
    reply = await person.client.post(f"/sessions/{session_id}/regenerate", json={"message_id": message_id}, params={"wait": "true"})
    assert reply.status_code == 200, reply.text
    return reply.json()["message"]


async def test_an_answer_generated_again_stands_beside_the_old_one(house: ServedHouse) -> None:
    _numbered(house)
    ann = await house.person()
    session_id = await ann.new_session()
    _, first = await ann.ask(session_id, "Q1")
    second = await _regenerate(ann, session_id, first["id"])
    assert second["parent_id"] == first["parent_id"]
    assert second["id"] != first["id"]
    assert await _texts(ann, session_id) == ["Q1", "A2"]
    assert await _texts(ann, session_id, first["id"]) == ["Q1", "A1"]
    requests = house.fake.requests
    assert requests[0].body["messages"] == requests[1].body["messages"], "the same question, without the answer that was not liked"
    await ann.ask(session_id, "Q2")
    assert await _texts(ann, session_id) == ["Q1", "A2", "Q2", "A3"]
    assert [message["content"] for message in requests[-1].body["messages"][1:]] == ["Q1", "A2", "Q2"]
    await ann.ask(session_id, "Q2 after the first", parent_id=first["id"])
    assert await _texts(ann, session_id) == ["Q1", "A1", "Q2 after the first", "A4"]


async def test_a_question_that_was_never_answered_can_be_asked_again(house: ServedHouse) -> None:
    house.fake.next(Script(status=500), Script(texts=("now",)))
    ann = await house.person()
    session_id = await ann.new_session()
    _, question = await ann.ask(session_id, "Q1")
    answer = await _regenerate(ann, session_id, question["id"])
    assert (answer["parent_id"], await _texts(ann, session_id)) == (question["id"], ["Q1", "now"])


async def test_an_edited_question_begins_a_branch(house: ServedHouse) -> None:
    _numbered(house)
    ann = await house.person()
    session_id = await ann.new_session()
    _, first = await ann.ask(session_id, "Q1")
    _, second = await ann.ask(session_id, "Q2")
    await ann.ask(session_id, "Q2 edited", parent_id=first["id"])
    assert await _texts(ann, session_id) == ["Q1", "A1", "Q2 edited", "A3"]
    assert await _texts(ann, session_id, second["id"]) == ["Q1", "A1", "Q2", "A2"]
    assert [message["content"] for message in house.fake.requests[-1].body["messages"][1:]] == ["Q1", "A1", "Q2 edited"]
    await ann.ask(session_id, "from the start", parent_id=None)
    assert await _texts(ann, session_id) == ["from the start", "A4"]
    assert [message["content"] for message in house.fake.requests[-1].body["messages"][1:]] == ["from the start"]
    (root, _) = await ann.messages(session_id)
    assert root["parent_id"] is None
    await ann.ask(session_id, "on the old branch", parent_id=second["id"])
    assert await _texts(ann, session_id) == ["Q1", "A1", "Q2", "A2", "on the old branch", "A5"]


async def test_a_branch_is_read_in_pages(house: ServedHouse) -> None:
    _numbered(house)
    ann = await house.person()
    session_id = await ann.new_session()
    _, answer = await ann.ask(session_id, "Q1")
    await ann.ask(session_id, "Q2")
    for branched in (False, True):
        if branched:
            await _regenerate(ann, session_id, answer["id"])
            await ann.ask(session_id, "Q3", parent_id=answer["id"])
        whole, paged, cursor = await _texts(ann, session_id), list[str](), None
        while True:
            params = {"limit": 1, **({} if cursor is None else {"cursor": cursor})}
            page = (await ann.client.get(f"/sessions/{session_id}/messages", params=params)).json()
            paged += [answer_of(message) for message in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert paged == whole
        assert len(whole) == 4


async def test_a_fork_takes_the_path_along_and_goes_its_own_way(house: ServedHouse) -> None:
    _numbered(house)
    ann = await house.person()
    session_id = await ann.new_session(title="Original", category="c", model="main/fake", metadata={"k": 1})
    _, first = await ann.ask(session_id, "Q1")
    again = await _regenerate(ann, session_id, first["id"])
    await ann.ask(session_id, "Q2", parent_id=first["id"])
    reply = await ann.client.post(f"/sessions/{session_id}/fork", json={"message_id": first["id"], "title": "Copy"})
    assert reply.status_code == 201
    fork = reply.json()
    assert (fork["title"], fork["category"], fork["model"], fork["metadata"]) == ("Copy", "c", "main/fake", {"k": 1})
    assert await _texts(ann, fork["id"]) == ["Q1", "A1"]
    copies = await ann.messages(fork["id"])
    assert {message["id"] for message in copies}.isdisjoint({first["id"], again["id"]})
    await ann.ask(fork["id"], "Q9")
    assert await _texts(ann, fork["id"]) == ["Q1", "A1", "Q9", "A4"]
    assert await _texts(ann, session_id) == ["Q1", "A1", "Q2", "A3"]
    assert await _texts(ann, session_id, str(again["id"])) == ["Q1", "A2"]
    assert (await ann.client.delete(f"/sessions/{session_id}")).status_code == 204
    assert len(await _texts(ann, fork["id"])) == 4


async def test_a_branch_that_does_not_exist_is_not_found(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session()
    _, answer = await ann.ask(session_id)
    missing = "01890000-0000-7000-8000-000000000000"
    for reply in (
        await ann.client.get(f"/sessions/{session_id}/messages", params={"branch": missing}),
        await ann.post(session_id, "x", parent_id=missing),
        await ann.client.post(f"/sessions/{session_id}/regenerate", json={"message_id": missing}),
        await ann.client.post(f"/sessions/{session_id}/fork", json={"message_id": missing}),
    ):
        assert (reply.status_code, reply.json()["code"]) == (404, "chat.no_such_message")
    busy = await asyncio.gather(*(ann.client.post(f"/sessions/{session_id}/regenerate", json={"message_id": answer["id"]}) for _ in range(5)))
    assert {reply.status_code for reply in busy} <= {202, 409}
    assert sum(reply.status_code == 202 for reply in busy) >= 1
    for reply in busy:
        if reply.status_code == 202:
            await ann.replay(reply.json()["turn"]["id"])
