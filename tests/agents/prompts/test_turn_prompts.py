"""What the model of a turn is told, with the layers of whoever asks."""

from typing import Any

import pytest

from bench.fake_model import FakeModel
from tests.support.chat import Person
from tests.support.house import ServedHouse
from tests.support.house_fixtures import OpenServed

SETTINGS: dict[str, Any] = {
    "agents.waiter": {"title": "Waiter", "system_prompt": "Serve {{user.display_name}} {{slot:dish|soup}}."},
    "agents.scribe": {"system_prompt": "So far:\n{{history}}\nGo on."},
}
CUSTOMIZATIONS = "/prompts/customizations"


@pytest.fixture
async def house(open_served: OpenServed) -> ServedHouse:
    return await open_served(settings=SETTINGS)


def told(fake: FakeModel) -> str:
    """The prompt of the newest request."""
    message = fake.requests[-1].body["messages"][0]
    assert message["role"] == "system"
    return str(message["content"])


async def layer(person: Person, **changes: Any) -> str:
    reply = await person.client.post(CUSTOMIZATIONS, json={"agent_name": "waiter", "mode": "append", "content": "Smile."} | changes)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def test_a_layer_counts_from_the_next_message_on_for_its_owner_alone(house: ServedHouse) -> None:
    ann, bob = await house.person(), await house.person()
    await ann.client.patch("/auth/me", json={"display_name": "Ann {{slot:dish}}"})
    session_id, others = await ann.new_session(agent="waiter"), await bob.new_session(agent="waiter")
    await ann.ask(session_id)
    assert told(house.fake) == "Serve Ann {{slot:dish}} soup."
    appended = await layer(ann, content="Smile at {{user.display_name}}, {{agent.title}}.")
    slot = await layer(ann, mode="slot", slot="dish", content="fish")
    await ann.ask(session_id)
    assert told(house.fake) == "Serve Ann {{slot:dish}} fish.\n\nSmile at Ann {{slot:dish}}, Waiter."
    await bob.ask(others)
    assert told(house.fake) == "Serve  soup."
    await ann.client.put(f"{CUSTOMIZATIONS}/{slot}", json={"agent_name": "waiter", "mode": "replace", "content": "Sing.", "is_active": True})
    await ann.ask(session_id)
    assert told(house.fake) == "Sing.\n\nSmile at Ann {{slot:dish}}, Waiter."
    assert (await ann.client.delete(f"{CUSTOMIZATIONS}/{appended}")).status_code == 204
    await ann.ask(session_id)
    assert told(house.fake) == "Sing."
    shown = (await ann.client.get("/agents/waiter/effective-prompt")).json()["text"]
    assert shown == told(house.fake)


@pytest.mark.either_engine
async def test_a_prompt_that_wants_the_history_gets_it_as_one_text(house: ServedHouse) -> None:
    ann = await house.person()
    session_id = await ann.new_session(agent="scribe")
    await ann.ask(session_id, "First {{date}}?")
    assert told(house.fake) == "So far:\n\nGo on."
    _, answer = await ann.ask(session_id, "Second?")
    assert told(house.fake).startswith("So far:\nUser: First {{date}}?\nAssistant: ")
    assert "Second?" not in told(house.fake)
    assert answer["status"] == "complete"
