"""Agents over HTTP: whose is whose, what is refused, and what a change does to what is ready."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from parlor.accounts import Administration
from parlor.agents.user_data import AgentsUserData
from parlor.core.db import Database, statement
from parlor.testing import ScriptedModel, says
from tests.support.administrators import administrator
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

pytestmark = pytest.mark.either_engine

POET = {"name": "poet", "title": "Poet", "system_prompt": "Rhyme.", "tools": ["calc*"], "params": {"temperature": 1.5}, "limits": {"steps": 3}}
GRAPH = {"kind": "langgraph", "graph": "graphs/researcher.py:graph"}


def read(response: httpx2.Response, status: int = 200) -> Any:
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    return response.json() if response.content else None


def code_of(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def names(person: Person) -> list[str]:
    return [each["name"] for each in read(await person.client.get("/agents"))["items"]]


async def test_a_users_own_agent_is_seen_and_used_by_them_alone(open_served: OpenServed) -> None:
    model = ScriptedModel(says("a"), says("b"))
    house = await open_served(model)
    ann, bob, admin = await house.person(), await house.person(), await administrator(house)
    made = read(await ann.client.post("/agents", json=POET), 201)
    assert (made["source"], made["version"], made["is_own"], made["params"], made["limits"]["steps"]) == ("stored", 1, True, {"temperature": 1.5}, 3)
    assert read(await ann.client.get("/agents/poet")) == made
    assert await names(ann) == ["assistant", "poet"]
    for other in (bob, admin):
        assert await names(other) == ["assistant"]
        body = {name: value for name, value in POET.items() if name != "name"}
        nothing = [await other.client.get("/agents/nobody"), await other.client.put("/agents/nobody", json=body), await other.client.delete("/agents/nobody")]
        theirs = [await other.client.get("/agents/poet"), await other.client.put("/agents/poet", json=body), await other.client.delete("/agents/poet")]
        assert [code_of(each) for each in theirs] == [code_of(each) for each in nothing] == [(404, "agents.unknown_agent")] * 3
        assert code_of(await other.client.post("/sessions", json={"agent": "poet"})) == (404, "agents.unknown_agent")
        assert code_of(await other.post(await other.new_session(), agent="poet")) == (404, "agents.unknown_agent")
    session_id = await ann.new_session(agent="poet")
    turn, _ = await ann.ask(session_id)
    assert (turn["agent"], model.requests[0].temperature, [each.name for each in model.requests[0].tools]) == ("poet", 1.5, ["calculator"])

    assert read(await ann.client.delete("/agents/poet"), 204) is None
    gone = await ann.post(session_id)
    assert code_of(gone) == (404, "agents.unknown_agent")
    assert "no such agent" in gone.json()["detail"]
    await ann.ask(session_id, agent="assistant")


async def test_an_administrators_agent_is_for_everybody_or_its_groups(open_served: OpenServed) -> None:
    house = await open_served()
    admin, ann, bob = await administrator(house), await house.person(), await house.person()
    read(await admin.client.post("/agents", json=POET), 201)
    read(await admin.client.post("/agents", json={"name": "internal", "groups": ["staff"]}), 201)
    assert await names(ann) == ["assistant", "poet"]
    assert code_of(await ann.client.get("/agents/internal")) == (404, "agents.unknown_agent")
    assert code_of(await ann.post(await ann.new_session(), agent="internal")) == (404, "agents.unknown_agent")
    for changed in (await ann.client.put("/agents/poet", json={}), await ann.client.delete("/agents/poet"), await ann.client.get("/agents/poet/versions")):
        assert code_of(changed) == (403, "agents.not_yours")
    assert code_of(await ann.client.post("/agents", json=POET)) == (409, "agents.name_taken")

    # A name that is not open to somebody is free for them, and the shared one wins once it is.
    read(await ann.client.post("/agents", json={"name": "internal", "title": "Mine"}), 201)
    read(await bob.client.post("/agents", json={"name": "late", "title": "Bob's"}), 201)
    read(await admin.client.post("/agents", json={"name": "late", "title": "Everybody's"}), 201)
    assert read(await bob.client.get("/agents/late"))["title"] == "Everybody's"
    await (await house.get(Administration)).change(UUID(ann.id), groups=["staff"])
    async with house.stack:
        assert read(await admin.client.get("/agents/internal"))["groups"] == ["staff"]


REFUSED: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"name": "assistant"}, (409, "agents.name_taken")),
    ({"name": "Bad Name"}, (422, "request.invalid")),
    ({"name": "a" * 64}, (422, "request.invalid")),
    ({"name": "x", "promt": "y"}, (422, "request.invalid")),
    ({"name": "x", "params": {"heat": 1}}, (422, "request.invalid")),
    ({"name": "x", "limits": {"steps": 0}}, (422, "request.invalid")),
    ({"name": "x", "kind": "langgraph"}, (422, "request.invalid")),
    ({"name": "x", "graph": "os:system"}, (422, "request.invalid")),
    ({"name": "x", "kind": "python", "object": "os:system"}, (403, "agents.code_refused")),
    ({"name": "x", **GRAPH}, (403, "agents.code_refused")),
    ({"name": "x", "groups": ["staff"]}, (403, "agents.groups_refused")),
    ({"name": "x", "model": "main/none-such"}, (404, "llm.unknown_model")),
]


async def test_what_makes_no_sense_or_is_not_theirs_to_say_is_refused(house: ServedHouse) -> None:
    ann = await house.person()
    for body, outcome in REFUSED:
        assert code_of(await ann.client.post("/agents", json=body)) == outcome, body
    assert await names(ann) == ["assistant"]


async def test_a_change_is_a_version_and_counts_at_once(open_served: OpenServed) -> None:
    model = ScriptedModel(says("a"), says("b"))
    house = await open_served(model)
    ann = await house.person()
    read(await ann.client.post("/agents", json=POET), 201)
    session_id = await ann.new_session(agent="poet")
    await ann.ask(session_id)
    body = {"system_prompt": "Sing.", "params": {"temperature": 0.5}}
    assert read(await ann.client.put("/agents/poet", json=body))["version"] == 2
    assert read(await ann.client.put("/agents/poet", json=body))["version"] == 2, "the same again makes none"
    await ann.ask(session_id)
    assert [each.temperature for each in model.requests] == [1.5, 0.5]
    stale = await ann.client.put("/agents/poet", json={}, headers={"If-Match": '"1"'})
    assert (code_of(stale), stale.json()["version"]) == ((409, "agents.changed"), 2)
    assert code_of(await ann.client.put("/agents/poet", json={}, headers={"If-Match": "x"})) == (400, "request.malformed")
    assert read(await ann.client.put("/agents/poet", json={}, headers={"If-Match": '"2"'}))["version"] == 3
    first = read(await ann.client.get("/agents/poet/versions", params={"limit": 2}))
    rest = read(await ann.client.get("/agents/poet/versions", params={"limit": 2, "cursor": first["next_cursor"]}))
    versions = [*first["items"], *rest["items"]]
    assert [(each["version"], each["definition"]["params"], each["author_id"]) for each in versions] == [
        (3, {}, ann.id),
        (2, {"temperature": 0.5}, ann.id),
        (1, {"temperature": 1.5}, ann.id),
    ]
    assert rest["next_cursor"] is None


async def test_the_operators_agents_are_changed_in_their_files(open_served: OpenServed, tmp_path: Any) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "cook.md").write_text("Cook.")
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "researcher.py").write_text("def graph(): ...")  # nobody runs it here
    house = await open_served(settings={"agents.researcher": {**GRAPH, "groups": ["staff"]}})
    admin, ann = await administrator(house), await house.person()
    for name, place in (("assistant", "parlor.toml"), ("cook", "cook.md")):
        for refused in (await admin.client.put(f"/agents/{name}", json={}), await admin.client.delete(f"/agents/{name}")):
            assert code_of(refused) == (409, "agents.of_operator")
            assert place in refused.json()["detail"]
    assert read(await ann.client.get("/agents/cook/versions")) == {"items": [], "next_cursor": None}
    assert [(each["name"], each["source"]) for each in read(await ann.client.get("/agents"))["items"]] == [("assistant", "settings"), ("cook", "file")]
    # What the operator runs already, an administrator may offer under another name; nothing else.
    again = read(await admin.client.post("/agents", json={"name": "scholar", **GRAPH}), 201)
    assert (again["graph"], read(await ann.client.get("/agents/scholar"))["graph"]) == (GRAPH["graph"], None)
    other = await admin.client.post("/agents", json={"name": "shell", "kind": "python", "object": "os:system"})
    assert code_of(other) == (403, "agents.code_refused")


async def test_users_agents_are_bounded_in_number_and_by_limits(open_served: OpenServed) -> None:
    house = await open_served(settings={"agent_runtime.user_agents_most": 1, "agent_runtime.user_limits": {"steps": 5, "wall_seconds": 60}})
    ann, admin = await house.person(), await administrator(house)
    made = read(await ann.client.post("/agents", json={"name": "a", "limits": {"steps": 100, "tool_calls": 2}}), 201)
    assert (made["limits"]["steps"], made["limits"]["tool_calls"], made["limits"]["wall_seconds"]) == (5, 2, 60)
    assert code_of(await ann.client.post("/agents", json={"name": "b"})) == (409, "agents.too_many")
    assert read(await admin.client.post("/agents", json={"name": "c", "limits": {"steps": 100}}), 201)["limits"]["steps"] == 100


async def test_an_operator_may_keep_users_from_making_agents(open_served: OpenServed) -> None:
    house = await open_served(settings={"agent_runtime.allow_user_agents": False})
    ann = await house.person()
    assert code_of(await ann.client.post("/agents", json=POET)) == (403, "agents.user_agents_off")
    assert read(await ann.client.get("/agent/capabilities"))["features"]["own_agents"] is False


async def test_capabilities_are_what_this_caller_may_use(open_served: OpenServed) -> None:
    house = await open_served(ScriptedModel(), settings={"agents.internal": {"groups": ["staff"]}})
    ann = await house.person()
    read(await ann.client.post("/agents", json=POET), 201)
    found = read(await ann.client.get("/agent/capabilities"))
    assert [each["name"] for each in found["agents"]] == ["assistant", "poet"]
    assert {"calculator", "current_time"} <= {each["name"] for each in found["tools"]}
    assert (found["features"]["streaming"], found["features"]["code_agents"]) == (True, False)
    outside = await ann.client.get(f"{house.base_url}/agent/capabilities")
    assert outside.json() == found


async def test_what_a_person_has_made_is_exported_and_erased(house: ServedHouse) -> None:
    ann, admin = await house.person(), await administrator(house)
    read(await ann.client.post("/agents", json=POET), 201)
    read(await ann.client.put("/agents/poet", json={"title": "Bard"}))
    read(await admin.client.post("/agents", json={"name": "shared"}), 201)
    data, db = await house.get(AgentsUserData), await house.get(Database)
    export = await data.export(UUID(ann.id))
    assert [(each["name"], each["version"], each["definition"]["title"]) for each in export["agents"]] == [("poet", 2, "Bard")]
    assert [(each["version"], each["definition"]["title"]) async for each in export["agent_versions"]] == [(2, "Bard"), (1, "Poet")]
    assert await data.erase(UUID(ann.id)) == 1
    assert await data.erase(UUID(admin.id)) == 1
    count = statement(text("SELECT (SELECT count(*) FROM agents), (SELECT count(*) FROM agent_versions), (SELECT count(author_id) FROM agent_versions)"))
    assert tuple((await db.read(lambda tx: tx.run(count).all()))[0]) == (1, 1, 0)
