from typing import Any

import pytest

from parlor.core.events import Subscriber
from parlor.module import Module
from parlor.prompts import Draft
from parlor.prompts.user_data import PromptsUserData
from parlor.testing import OpenHouse
from tests.prompts.conftest import BASE, Desk, desk_of


@pytest.mark.either_engine
async def test_all_layers_are_exported_and_erased_and_those_of_others_stay(desk: Desk) -> None:
    for number in range(3):
        await desk.book.create(desk.ann, BASE, Draft("append", f"{number}", is_active=number > 0))
    await desk.book.create(desk.bob, BASE, Draft("append", "mine"))
    source = await desk.get(PromptsUserData)
    rows: list[Any] = [row async for row in (await source.export(desk.ann))["customizations"]]
    assert [(row.agent_name, row.content, row.is_active) for row in rows] == [("assistant", "2", True), ("assistant", "1", True), ("assistant", "0", False)]
    assert (await source.erase(desk.ann), await source.erase(desk.ann)) == (3, 0)
    assert [row.content for row in await desk.book.list(desk.bob, most=10)] == ["mine"]


@pytest.mark.either_engine
async def test_events_hold_names_and_no_words(parlor_house: OpenHouse, database_url: str) -> None:
    heard: list[Any] = []
    ear = Module("ear", requires=("prompts",), subscribers=lambda: [Subscriber("ear", "*", lambda _, event: heard.append(event), inside=True)])
    async with desk_of(parlor_house, database_url, ear) as desk:
        made = (await desk.book.create(desk.ann, BASE, Draft("append", "a private matter"))).customization
        await desk.book.delete(desk.ann, made.id)
    told = [(event.name, event.account_id, event.body()) for event in heard if event.name.startswith("prompt.")]
    assert told == [
        ("prompt.customized", desk.ann, {"customization_id": made.id, "agent_name": "assistant", "mode": "append", "is_active": True}),
        ("prompt.customization_removed", desk.ann, {"customization_id": made.id, "agent_name": "assistant"}),
    ]
