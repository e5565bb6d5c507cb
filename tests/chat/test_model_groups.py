"""Models kept for a group, on every road of a chat to a model."""

from typing import Any
from uuid import UUID

import pytest

from parlor.accounts import Administration
from tests.support.administrators import administrator
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

SETTINGS: dict[str, Any] = {
    "llm.models": {"main/bench-64": {"groups": ["staff"]}},
    "llm.aliases": {"quick": "main/bench-64"},
    "agents.expert": {"model": "main/bench-64"},
}


@pytest.fixture
async def kept(open_served: OpenServed) -> ServedHouse:
    return await open_served(settings=SETTINGS)


async def put_into(house: ServedHouse, person: Person, *groups: str) -> None:
    await (await house.get(Administration)).change(UUID(person.id), groups=groups)


async def models_of(person: Person) -> dict[str, Any]:
    return {row["name"]: row for row in (await person.client.get("/models")).json()["items"]}


async def test_outsiders_are_told_on_every_road_that_there_is_no_such_model(kept: ServedHouse) -> None:
    person = await kept.person()
    session_id = await person.new_session()
    _, answer = await person.ask(session_id)

    assert set(await models_of(person)) == {"main/fake", *(f"main/{name}" for name in kept.fake.names if name != "bench-64"), "parlor/offline"}
    roads = [
        lambda name: person.client.post("/sessions", json={"model": name}),
        lambda name: person.client.patch(f"/sessions/{session_id}", json={"model": name}),
        lambda name: person.post(session_id, model=name),
        lambda name: person.client.post(f"/sessions/{session_id}/regenerate", json={"message_id": answer["id"], "model": name}),
    ]
    for road in roads:
        kept_away, missing = [(await road(name)) for name in ("main/bench-64", "main/bench-65")]
        assert (kept_away.status_code, kept_away.json()["code"]) == (404, "llm.unknown_model")
        same = {"request_id": None}
        assert kept_away.json() | same == {**missing.json(), **same, "detail": missing.json()["detail"].replace("bench-65", "bench-64")}
    by_agent = await person.post(session_id, agent="expert")
    assert (by_agent.status_code, by_agent.json()["code"]) == (404, "agents.unknown_agent")
    assert "bench" not in by_agent.text
    assert len(kept.fake.requests) == 1, "nothing was sent for any of them"


async def test_members_use_it_until_they_are_no_members_any_more(kept: ServedHouse) -> None:
    person = await kept.person()
    await put_into(kept, person, "staff", "chess")
    assert (await models_of(person))["main/bench-64"]["groups"] == ["staff"]
    session_id = await person.new_session(model="quick")
    turn, _ = await person.ask(session_id)
    assert turn["model"] == "main/bench-64"
    by_agent, _ = await person.ask(await person.new_session(agent="expert"))
    assert by_agent["model"] == "main/bench-64"

    await put_into(kept, person, "chess")

    refused = await person.post(session_id)
    assert (refused.status_code, refused.json()["code"]) == (404, "llm.unknown_model")
    assert "main/bench-64" not in await models_of(person)
    assert (await person.ask(session_id, model="main/fake"))[0]["model"] == "main/fake"


async def test_administrators_use_everything_and_see_for_whom_it_is(kept: ServedHouse) -> None:
    admin = await administrator(kept)

    assert (await models_of(admin))["main/bench-64"]["groups"] == ["staff"]
    turn, _ = await admin.ask(await admin.new_session(), model="main/bench-64")
    assert turn["model"] == "main/bench-64"
    key = (await admin.client.post("/api-keys", json={"name": "chat", "scopes": ["chat"]})).json()["key"]
    narrow = await admin.client.get("/models", headers={"Authorization": f"Bearer {key}"})
    assert "main/bench-64" not in [row["name"] for row in narrow.json()["items"]], "a key without the scope of administrators is an ordinary one"
