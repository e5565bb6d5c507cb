"""Which embedding models there are: those of the settings, those that providers list, and the built-in one."""

from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.outbound import Outbound
from parlor.llm import EVERYBODY, ModelAccess, ModelFailed, ModelRegistry, UnknownModel, UnsupportedInput
from parlor.llm.embeddings.offline import NAME
from parlor.llm.pricing import Pricing
from parlor.llm.settings import LlmSettings
from parlor.wallet import CurrentPrices, Price, WalletSettings
from tests.llm.embeddings.conftest import lists

Open = Callable[..., ModelRegistry]


@pytest.fixture
async def registry(outbound: Outbound) -> AsyncIterator[Open]:
    opened: list[ModelRegistry] = []

    def open_registry(**settings: Any) -> ModelRegistry:
        llm = LlmSettings.model_validate({"discovery_seconds": 2, **settings})
        opened.append(ModelRegistry(llm, Pricing(llm, WalletSettings().default_price, CurrentPrices()), outbound))
        return opened[-1]

    yield open_registry
    for each in opened:
        await each.close()


def at(fake: FakeModel, kind: str = "openai", **more: Any) -> dict[str, Any]:
    return {"providers": {"main": {"kind": kind, "base_url": fake.origin, "api_key": "k", **more}}}


async def test_without_a_setting_it_is_the_built_in_one_and_it_is_free(registry: Open, fake: FakeModel) -> None:
    for models in (registry(), registry(**at(fake))):
        for name in (None, NAME, "offline-embed"):
            found = await models.find_embedder(name)
            assert (found.name, found.price) == (NAME, Price(0, 0))


async def test_a_listed_one_is_found_by_full_name_bare_name_and_alias(registry: Open, fake: FakeModel) -> None:
    models = registry(**at(fake), aliases={"search": "main/fake"}, embeddings={"model": "search"})

    found = await models.find_embedder("main/fake")

    for name in (None, "fake", "search"):
        assert await models.find_embedder(name) is found
    assert len((await lists(found, ["x"]))[0]) == found.dimensions == 8
    with pytest.raises(UnknownModel):
        await models.find_embedder("main/nothing")


async def test_settings_give_length_batches_and_price_and_make_no_default_of_it(registry: Open, fake: FakeModel) -> None:
    known = {"dimensions": 3, "embeddings_at_once": 2, "price": {"input_micros_per_mtok": 7, "output_micros_per_mtok": 0}}
    models = registry(**at(fake), models={"main/text-embed": known})

    found = await models.find_embedder("main/text-embed")

    assert {len(vector) for vector in await lists(found, ["a", "b", "c"])} == {3}
    assert [len(seen.body["input"]) for seen in fake.requests] == [2, 1]
    assert found.price == Price(7, 0)
    assert (await models.find(None)).name == "main/fake"


async def test_gemini_lists_models_for_embeddings_alone(registry: Open, fake: FakeModel) -> None:
    models = registry(**at(fake, "gemini"))

    found = await models.find_embedder("main/fake-embedding")

    assert len(await lists(found, ["x", "y"])) == 2
    assert "main/fake-embedding" not in [model.name for model in await models.list()]
    with pytest.raises(UnknownModel):
        await models.find("main/fake-embedding")


async def test_what_makes_no_embeddings_says_so(registry: Open, fake: FakeModel) -> None:
    for name, models in (("main/fake", registry(**at(fake, "anthropic"))), ("parlor/offline", registry())):
        with pytest.raises(UnsupportedInput, match="parlor/offline-embed"):
            await models.find_embedder(name)


async def test_a_provider_that_lists_nothing_takes_any_name(registry: Open, fake: FakeModel) -> None:
    fake.models_answer = Script(status=404)
    models = registry(**at(fake))

    found = await models.find_embedder("main/whatever")

    assert found.name == "main/whatever"
    assert await models.find_embedder("main/whatever") is found


@pytest.mark.parametrize(("kind", "name"), [("openai", "main/fake"), ("gemini", "main/fake-embedding")])
async def test_one_that_is_kept_for_others_is_not_there(registry: Open, fake: FakeModel, kind: str, name: str) -> None:
    models = registry(**at(fake, kind, groups=["staff"]))

    assert (await models.find_embedder(name, ModelAccess(frozenset({"staff"})))).name == name
    with pytest.raises(UnknownModel):
        await models.find_embedder(name, EVERYBODY)


async def test_one_that_is_down_is_left_alone_and_nobody_embeds_in_its_place(registry: Open, fake: FakeModel) -> None:
    fake.script("fake", Script(status=500))
    models = registry(**at(fake), models={"main/fake": {"fallbacks": ["parlor/offline"]}}, breaker={"failures": 2})
    embedder = await models.find_embedder("main/fake")

    for _ in range(5):
        with pytest.raises(ModelFailed) as failed:
            await embedder.embed(["x"])

    assert failed.value.facts["cause"] == "circuit_open"
    assert len(fake.requests) == 2
    assert models.guards.breakers_of("main")["main/fake"].state == "open"


async def test_embeddings_take_their_places_at_the_provider(registry: Open, fake: FakeModel) -> None:
    models = registry(**at(fake, concurrency=1), models={"main/fake": {"embeddings_at_once": 1}})
    fake.script("fake", Script(first_byte_seconds=0.02))

    assert len(await lists(await models.find_embedder("main/fake"), ["a", "b", "c"])) == 3
    began = [seen.started_at for seen in fake.requests]
    assert all(later - earlier >= 0.02 for earlier, later in pairwise(began))
