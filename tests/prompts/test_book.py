import asyncio
from uuid import UUID

import pytest
from msgspec.structs import replace

from parlor.core.db import Database
from parlor.core.idempotency import IdempotencyMismatch
from parlor.core.ids import new_id
from parlor.prompts import (
    BasePrompt,
    Draft,
    LayerTooLarge,
    NoSuchCustomization,
    NotCustomizable,
    RequestKey,
    SlotLocked,
    Stamp,
    TooManyLayers,
)
from tests.prompts.conftest import BASE, Desk, OpenDesk

HELLO = Draft("append", "Say hello first.")
OTHER = BasePrompt("poet", "Rhyme.")


async def stamp(desk: Desk, account_id: UUID, agent: str = "assistant") -> Stamp:
    return await (await desk.get(Database)).read(lambda tx: desk.book.stamp(tx, account_id, agent))


async def test_what_was_written_is_there_until_it_is_removed(desk: Desk) -> None:
    made = (await desk.book.create(desk.ann, BASE, Draft("slot", "blunt", "tone", 7, is_active=False))).customization
    assert (made.agent_name, made.mode, made.slot, made.content, made.priority, made.is_active) == ("assistant", "slot", "tone", "blunt", 7, False)
    assert (made.base_version, made.created_at) == (BASE.version, made.updated_at)
    assert await desk.book.get(desk.ann, made.id) == made
    later = replace(BASE, text="Be brief.")
    changed = await desk.book.update(desk.ann, made.id, later, HELLO)
    assert (changed.mode, changed.slot, changed.is_active, changed.base_version, changed.created_at) == ("append", None, True, later.version, made.created_at)
    await desk.book.delete(desk.ann, made.id)
    for gone in (desk.book.get(desk.ann, made.id), desk.book.delete(desk.ann, made.id), desk.book.update(desk.ann, made.id, BASE, HELLO)):
        with pytest.raises(NoSuchCustomization):
            await gone


async def test_nobody_sees_or_changes_what_is_somebody_elses(desk: Desk) -> None:
    made = (await desk.book.create(desk.ann, BASE, HELLO)).customization
    for refused in (desk.book.get(desk.bob, made.id), desk.book.update(desk.bob, made.id, BASE, HELLO), desk.book.delete(desk.bob, made.id)):
        with pytest.raises(NoSuchCustomization):
            await refused
    assert await desk.book.list(desk.bob, most=10) == []
    assert await desk.book.layers(desk.bob, "assistant") == []
    assert await stamp(desk, desk.bob) == ()
    assert await desk.book.erase(desk.bob) == 0
    assert await desk.book.list(desk.ann, most=10) == [made]


async def test_only_active_layers_over_that_agent_count(desk: Desk) -> None:
    low = (await desk.book.create(desk.ann, BASE, HELLO)).customization
    high = (await desk.book.create(desk.ann, BASE, replace(HELLO, content="Bye.", priority=1))).customization
    await desk.book.create(desk.ann, BASE, replace(HELLO, is_active=False))
    await desk.book.create(desk.ann, OTHER, HELLO)
    layers = await desk.book.layers(desk.ann, "assistant")
    assert layers == [low.layer, high.layer]
    assert desk.book.compose(BASE, layers).render({}) == "Be kind. Answer in .\n\nSay hello first.\n\nBye."
    assert [row.agent_name for row in await desk.book.list(desk.ann, most=10)] == ["poet", "assistant", "assistant", "assistant"]
    assert [row.id for row in await desk.book.list(desk.ann, "assistant", before=high.id, most=10)] == [low.id]


async def test_a_stamp_changes_with_the_layers_and_with_nothing_else(desk: Desk) -> None:
    seen = [await stamp(desk, desk.ann)]
    made = (await desk.book.create(desk.ann, BASE, HELLO)).customization
    seen.append(await stamp(desk, desk.ann))
    await desk.book.create(desk.bob, BASE, HELLO)
    await desk.book.create(desk.ann, OTHER, HELLO)
    await desk.book.create(desk.ann, BASE, replace(HELLO, is_active=False))
    assert await stamp(desk, desk.ann) == seen[-1]
    for draft in (HELLO, replace(HELLO, content="Hi."), replace(HELLO, is_active=False), HELLO):
        await desk.book.update(desk.ann, made.id, BASE, draft)
        seen.append(await stamp(desk, desk.ann))
    assert len(set(seen)) == len(seen) - 1, "without an active layer it is as it was at first"
    await desk.book.delete(desk.ann, made.id)
    assert await stamp(desk, desk.ann) == seen[0] == ()


async def test_who_keeps_prompts_hears_of_changes_once_they_are_there(desk: Desk) -> None:
    heard: list[tuple[UUID, str]] = []
    desk.book.on_change(lambda account_id, agent_name: heard.append((account_id, agent_name)))
    made = (await desk.book.create(desk.ann, BASE, HELLO)).customization
    await desk.book.update(desk.ann, made.id, BASE, HELLO)
    assert heard == [(desk.ann, "assistant")] * 2
    with pytest.raises(SlotLocked):
        await desk.book.update(desk.ann, made.id, BASE, Draft("slot", "Latin", "language"))
    assert len(heard) == 2
    await desk.book.update(desk.ann, made.id, OTHER, HELLO)
    assert heard[2:] == [(desk.ann, "poet"), (desk.ann, "assistant")]
    await desk.book.delete(desk.ann, made.id)
    await desk.book.create(desk.ann, BASE, HELLO)
    await desk.book.erase(desk.ann)
    assert heard[4:] == [(desk.ann, "poet"), (desk.ann, "assistant"), (desk.ann, "assistant")]


async def test_what_the_operator_keeps_cannot_be_written_over(open_desk: OpenDesk) -> None:
    desk = await open_desk(layer_most_chars=20)
    with pytest.raises(SlotLocked) as locked:
        await desk.book.create(desk.ann, BASE, Draft("slot", "Latin", "language"))
    assert locked.value.facts == {"slot": "language"}
    with pytest.raises(NotCustomizable):
        await desk.book.create(desk.ann, replace(BASE, is_customizable=False), HELLO)
    with pytest.raises(LayerTooLarge):
        await desk.book.create(desk.ann, BASE, replace(HELLO, content="x" * 21))
    await desk.book.create(desk.ann, BASE, replace(HELLO, content="ü" * 20))


async def test_there_are_only_so_many_layers(open_desk: OpenDesk) -> None:
    desk = await open_desk(layers_most=2, account_layers_most=3)
    made = [(await desk.book.create(desk.ann, base, HELLO)).customization for base in (BASE, BASE, OTHER)]
    for base in (BASE, OTHER):
        with pytest.raises(TooManyLayers):
            await desk.book.create(desk.ann, base, replace(HELLO, is_active=False))
    with pytest.raises(TooManyLayers):
        await desk.book.update(desk.ann, made[2].id, BASE, HELLO)
    await desk.book.update(desk.ann, made[0].id, OTHER, HELLO)
    await desk.book.create(desk.bob, BASE, HELLO)


async def test_many_at_once_are_not_more_than_there_may_be(open_desk: OpenDesk) -> None:
    desk = await open_desk(layers_most=3)
    results = await asyncio.gather(*(desk.book.create(desk.ann, BASE, HELLO) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(result, TooManyLayers) for result in results) == 9
    assert len(await desk.book.list(desk.ann, most=50)) == 3


@pytest.mark.either_engine
async def test_a_key_makes_one_layer(desk: Desk) -> None:
    key = RequestKey.of("k1", {"content": HELLO.content})
    first, again = await desk.book.create(desk.ann, BASE, HELLO, key), await desk.book.create(desk.ann, BASE, HELLO, key)
    assert (first.is_repeat, again.is_repeat, again.customization) == (False, True, first.customization)
    with pytest.raises(IdempotencyMismatch):
        await desk.book.create(desk.ann, BASE, HELLO, RequestKey.of("k1", {"content": "other"}))
    assert not (await desk.book.create(desk.bob, BASE, HELLO, key)).is_repeat
    with pytest.raises(NoSuchCustomization):
        await desk.book.get(desk.ann, new_id())
