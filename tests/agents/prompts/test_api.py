"""Customizations over HTTP: what a user sends, what comes of it, and what is refused."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from parlor.core.ids import new_id
from parlor.prompts.composing import version_of
from tests.support.chat import Person, signed_up
from tests.support.house import ServedHouse, serve_house
from tests.support.house_fixtures import OpenServed

WAITER = "Serve {{user.display_name}} {{slot:dish|soup}}, {{slot:law|and no alcohol}}. {{history}}"
SETTINGS: dict[str, Any] = {
    "agents.waiter": {"title": "Waiter", "system_prompt": WAITER, "locked_slots": ["law"]},
    "agents.fixed": {"system_prompt": "As it is.", "customizable": False},
    "prompts.layer_most_chars": 100,
    "prompts.layers_most": 3,
}
LAYER: dict[str, Any] = {"agent_name": "waiter", "mode": "append", "content": "Smile."}
CUSTOMIZATIONS = "/prompts/customizations"


@pytest.fixture
async def house(open_served: OpenServed) -> ServedHouse:
    return await open_served(settings=SETTINGS)


async def write(person: Person, status: int = 201, **changes: Any) -> dict[str, Any]:
    reply = await person.client.post(CUSTOMIZATIONS, json=LAYER | changes)
    assert reply.status_code == status, reply.text
    return reply.json()


async def effective(person: Person, agent: str = "waiter") -> dict[str, Any]:
    reply = await person.client.get(f"/agents/{agent}/effective-prompt")
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_a_layer_is_what_it_was_written_as_until_it_is_deleted(house: ServedHouse) -> None:
    ann = await house.person()
    made = await write(ann, priority=3)
    assert {name: made[name] for name in LAYER} == LAYER
    assert (made["slot"], made["priority"], made["is_active"], made["base_version"]) == (None, 3, True, version_of(WAITER))
    assert made["created_at"].endswith("Z")
    path = f"{CUSTOMIZATIONS}/{made['id']}"
    assert (await ann.client.get(path)).json() == made
    body = LAYER | {"mode": "slot", "slot": "dish", "content": "fish", "is_active": False}
    changed = (await ann.client.put(path, json=body)).json()
    assert {name: changed[name] for name in body} == body
    assert (changed["priority"], changed["created_at"]) == (0, made["created_at"])
    assert (await ann.client.delete(path)).status_code == 204
    for reply in (await ann.client.get(path), await ann.client.put(path, json=LAYER), await ann.client.delete(path)):
        assert (reply.status_code, reply.json()["code"]) == (404, "prompts.no_such_customization")


@pytest.mark.either_engine
async def test_the_list_is_ones_own_in_pages_newest_first(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    made = [(await write(ann, agent_name=agent, content=f"{n}"))["id"] for n, agent in enumerate(["waiter", "assistant", "waiter", "waiter", "assistant"])]
    await write(bob)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await ann.client.get(CUSTOMIZATIONS, params=params)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == made[::-1]
    over_waiter = (await ann.client.get(CUSTOMIZATIONS, params={"agent_name": "waiter"})).json()["items"]
    assert [item["id"] for item in over_waiter] == [made[3], made[2], made[0]]
    assert (await ann.client.get(CUSTOMIZATIONS, params={"agent_name": "nobody"})).json() == {"items": [], "next_cursor": None}
    refused = await bob.client.get(CUSTOMIZATIONS, params=params)
    assert (refused.status_code, refused.json()["code"]) == (400, "request.bad_cursor")


async def test_the_effective_prompt_says_where_each_part_comes_from(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    assert (await ann.client.patch("/auth/me", json={"display_name": "Ann {{date}}"})).status_code == 200
    slot = await write(ann, mode="slot", slot="dish", content="fish to {{user.display_name}} {{7*7}}")
    before = await write(ann, mode="prepend", content="You are {{agent.title}}. {{slot:dish}}")
    after = await write(ann)
    shown = await effective(ann)
    middle = "Serve Ann {{date}} fish to Ann {{date}} {{7*7}}, and no alcohol. {{history}}"
    assert shown["text"].split("\n\n") == ["You are Waiter. {{slot:dish}}", middle, "Smile."]
    assert [(each["from"], each["mode"]) for each in shown["layers"]] == [
        (before["id"], "prepend"),
        ("base", "base"),
        (after["id"], "append"),
        (slot["id"], "slot"),
    ]
    version = version_of(WAITER)
    assert shown["layers"][1] == {"from": "base", "mode": "base", "text": WAITER, "base_version": version, "slot": None, "stale": False, "ignored": None}
    assert shown["layers"][3]["slot"] == "dish"
    assert [each["from"] for each in (await effective(bob))["layers"]] == ["base"]
    assert [each["from"] for each in (await effective(ann, "assistant"))["layers"]] == ["base"]


@pytest.mark.either_engine
async def test_a_layer_over_an_older_prompt_is_stale_until_it_is_written_anew(tmp_path: Path, database_url: str, open_served: OpenServed) -> None:
    async with AsyncExitStack() as kept:
        async with serve_house(tmp_path, database_url, settings=SETTINGS) as old:
            ann = await kept.enter_async_context(signed_up(old.base_url))
            made = await write(ann)
            locked = await write(ann, mode="slot", slot="dish", content="fish")
        new = await open_served(settings=SETTINGS | {"agents.waiter": {"system_prompt": "Serve {{slot:dish|soup}}!", "locked_slots": ["dish"]}})
        ann.move_to(new.base_url)
        await _is_stale(ann, made, locked)


async def _is_stale(ann: Person, made: dict[str, Any], locked: dict[str, Any]) -> None:
    shown = await effective(ann)
    assert shown["text"] == "Serve soup!\n\nSmile."
    assert [(each["from"], each["stale"], each["ignored"]) for each in shown["layers"]] == [
        ("base", False, None),
        (made["id"], True, None),
        (locked["id"], True, "slot_locked"),
    ]
    assert shown["layers"][1]["base_version"] == made["base_version"] != shown["layers"][0]["base_version"]
    await ann.client.put(f"{CUSTOMIZATIONS}/{made['id']}", json=LAYER)
    assert [each["stale"] for each in (await effective(ann))["layers"]] == [False, False, True]


NONSENSE: list[tuple[dict[str, Any], int, str]] = [
    ({"agent_name": "nobody"}, 404, "agents.unknown_agent"),
    ({"agent_name": "fixed"}, 403, "prompts.not_customizable"),
    ({"mode": "slot", "slot": "law"}, 422, "prompts.slot_locked"),
    ({"content": "x" * 101}, 413, "prompts.layer_too_large"),
    *(
        (wrong, 422, "request.invalid")
        for wrong in (
            *({"mode": "slot"}, {"slot": "dish"}, {"mode": "slot", "slot": "a b"}, {"mode": "merge"}),
            *({"content": ""}, {"content": " \n "}, {"content": "a\x00b"}, {"content": None}, {"content": 7}),
            *({"priority": 10**9}, {"priority": 1.5}, {"priority": "1"}, {"is_active": "yes"}, {"agent_name": ""}),
            *({"account_id": str(new_id())}, {"user_id": str(new_id())}, {"base_version": "0" * 12}),
        )
    ),
]


@pytest.mark.either_engine
async def test_what_makes_no_sense_is_refused(house: ServedHouse) -> None:
    ann = await house.person()
    path = f"{CUSTOMIZATIONS}/{(await write(ann))['id']}"
    before = (await ann.client.get(path)).json()
    for changes, status, code in NONSENSE:
        for reply in (await ann.client.post(CUSTOMIZATIONS, json=LAYER | changes), await ann.client.put(path, json=LAYER | changes)):
            assert (reply.status_code, reply.json()["code"]) == (status, code), (changes, reply.text)
            assert reply.headers["content-type"] == "application/problem+json"
    body = b'{"agent_name": "waiter", "mode": "append", "content": "half a character: \\ud83d"}'
    assert (await ann.client.post(CUSTOMIZATIONS, content=body, headers={"Content-Type": "application/json"})).status_code in (400, 422)
    assert (await ann.client.get(CUSTOMIZATIONS)).json()["items"] == [before]


@pytest.mark.either_engine
async def test_there_is_room_for_so_many(house: ServedHouse) -> None:
    ann = await house.person()
    for _ in range(3):
        await write(ann)
    refused = await write(ann, 409)
    assert (refused["code"], refused["most"]) == ("prompts.too_many_customizations", 3)
    await write(ann, agent_name="assistant")


async def test_a_repeated_request_makes_one_layer(house: ServedHouse) -> None:
    ann = await house.person()
    key = {"Idempotency-Key": "once"}
    first, again = [await ann.client.post(CUSTOMIZATIONS, json=LAYER, headers=key) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert ("idempotency-replayed" in first.headers, again.headers.get("idempotency-replayed")) == (False, "true")
    other = await ann.client.post(CUSTOMIZATIONS, json=LAYER | {"content": "Frown."}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.mismatch")
    bad = await ann.client.post(CUSTOMIZATIONS, json=LAYER, headers={"Idempotency-Key": "a b"})
    assert bad.status_code == 400
    assert len((await ann.client.get(CUSTOMIZATIONS)).json()["items"]) == 1


async def test_another_persons_layer_is_not_there(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    made = await write(ann)
    for at in (made["id"], str(new_id())):
        path = f"{CUSTOMIZATIONS}/{at}"
        for reply in (await bob.client.get(path), await bob.client.put(path, json=LAYER), await bob.client.delete(path)):
            assert (reply.status_code, reply.json()["code"]) == (404, "prompts.no_such_customization")
    assert (await ann.client.get(f"{CUSTOMIZATIONS}/{made['id']}")).json() == made


@pytest.mark.either_engine
async def test_an_unknown_agent_has_no_prompt(house: ServedHouse) -> None:
    ann = await house.person()
    reply = await ann.client.get("/agents/nobody/effective-prompt")
    assert (reply.status_code, reply.json()["code"]) == (404, "agents.unknown_agent")
    assert (await effective(ann, "fixed"))["text"] == "As it is."
