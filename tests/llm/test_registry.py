import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.outbound import Outbound
from parlor.llm import ModelRegistry, NoModel, UnknownModel
from parlor.llm.pricing import Pricing
from parlor.llm.settings import LlmSettings
from parlor.wallet import CurrentPrices, Price, WalletSettings
from tests.llm.conftest import hear

Open = Callable[..., ModelRegistry]
NOBODY = "http://127.0.0.1:9/v1"
DEFAULT_PRICE = WalletSettings().default_price


@pytest.fixture
async def registry(outbound: Outbound) -> AsyncIterator[Open]:
    opened: list[ModelRegistry] = []

    def open_registry(**settings: Any) -> ModelRegistry:
        llm = LlmSettings.model_validate({"discovery_seconds": 0.5, **settings})
        opened.append(ModelRegistry(llm, Pricing(llm, DEFAULT_PRICE, CurrentPrices()), outbound))
        return opened[-1]

    yield open_registry
    for each in opened:
        await each.close()


def providers(**base_urls: str) -> dict[str, Any]:
    return {name: {"base_url": base_url} for name, base_url in base_urls.items()}


async def test_without_providers_there_is_the_built_in_model_and_it_is_free(registry: Open) -> None:
    models = registry()

    found = await models.find(None)

    assert found.name == "parlor/offline"
    assert found.price == Price(0, 0)
    assert [(model.name, model.is_default) for model in await models.list()] == [("parlor/offline", True)]
    assert await models.find("offline") is found


async def test_a_model_is_found_by_full_name_bare_name_and_alias(registry: Open, fake: FakeModel) -> None:
    models = registry(providers=providers(main=fake.base_url), aliases={"fast": "main/fake"})

    found = await models.find("main/fake")

    assert found.name == "main/fake"
    assert await models.find("fake") is found
    assert await models.find("fast") is found
    assert (await hear(found)).text.startswith("w0 ")
    assert fake.requests[0].body["model"] == "fake"


async def test_an_unlisted_price_is_the_default_price_and_a_listed_one_counts(registry: Open, fake: FakeModel) -> None:
    listed = {"main/fake": {"price": {"input_micros_per_mtok": 5, "output_micros_per_mtok": 6}, "context_tokens": 1000, "max_output_tokens": 77}}
    models = registry(providers=providers(main=fake.base_url), models=listed)

    fake_model, other = await models.find("main/fake"), await models.find("main/bench-64")

    assert (fake_model.price, fake_model.context_tokens, fake_model.max_output_tokens) == (Price(5, 6), 1000, 77)
    assert (other.price, other.context_tokens, other.max_output_tokens) == (DEFAULT_PRICE, 32_768, 4_096)


async def test_a_name_that_two_providers_have_must_be_said_in_full(registry: Open, fake: FakeModel) -> None:
    models = registry(providers=providers(one=fake.base_url, two=fake.base_url))

    with pytest.raises(UnknownModel) as caught:
        await models.find("fake")

    assert "one/fake or two/fake" in caught.value.detail
    assert (await models.find("two/fake")).name == "two/fake"


@pytest.mark.parametrize("name", ["main/fakee", "fakee", "main/", "", "nobody/x", "x" * 1000, "main/a\nb", "main"])
async def test_an_unknown_model_is_not_found(registry: Open, fake: FakeModel, name: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        await registry(providers=providers(main=fake.base_url)).find(name)

    assert caught.value.code == "llm.unknown_model"
    assert len(caught.value.detail) < 400
    if "fakee" in name:
        assert "Did you mean main/fake" in caught.value.detail


async def test_a_near_name_is_found_quickly_among_thousands(registry: Open, fake: FakeModel) -> None:
    names = ", ".join(f'{{"id": "vendor-{n}/model-{n}"}}' for n in range(5_000))
    fake.models_answer = Script(body=f'{{"data": [{names}]}}')
    models = registry(providers=providers(main=fake.base_url))
    await models.list()
    began = time.process_time()

    with pytest.raises(UnknownModel):
        await models.find("main/vendor-77/modell-77")

    assert time.process_time() - began < 1


async def test_a_model_that_is_new_at_the_provider_is_found_after_a_second_look(registry: Open, fake: FakeModel) -> None:
    models = registry(providers=providers(main=fake.base_url))
    await models.list()
    fake.script("brand-new", Script())
    with pytest.raises(UnknownModel):
        await models.find("main/brand-new")  # it was looked a moment ago

    await models.refresh()

    assert (await models.find("main/brand-new")).name == "main/brand-new"


async def test_a_name_with_slashes_of_its_own_is_found(registry: Open, fake: FakeModel) -> None:
    fake.models_answer = Script(body='{"data": [{"id": "meta-llama/llama-3", "context_length": 8192}]}')
    models = registry(providers=providers(router=fake.base_url))

    assert (await models.find("meta-llama/llama-3")).name == "router/meta-llama/llama-3"
    assert (await models.find("router/meta-llama/llama-3")).context_tokens == 8192


@pytest.mark.parametrize(
    "answer",
    [
        Script(status=404),
        Script(status=500),
        Script(status=401),
        Script(body="<html>"),
        Script(body="[" * 100_000),
        Script(fault="hang_before_headers"),
        Script(body="7"),
    ],
)
async def test_a_provider_that_lists_nothing_can_still_be_called_by_full_name(registry: Open, fake: FakeModel, answer: Script) -> None:
    fake.models_answer = answer
    models = registry(providers=providers(main=fake.base_url), models={"main/listed": {}})

    assert (await models.find("main/listed")).name == "main/listed"
    if answer.body != "7":
        assert (await models.find("main/anything")).name == "main/anything"
    assert next(model.name for model in await models.list()) == "main/listed"


async def test_names_that_nobody_has_confirmed_are_not_kept(registry: Open, fake: FakeModel) -> None:
    fake.models_answer = Script(status=404)
    models = registry(providers=providers(main=fake.base_url))

    assert await models.find("main/made-up") is not await models.find("main/made-up")


async def test_what_was_found_a_moment_ago_is_known_without_waiting(registry: Open, fake: FakeModel) -> None:
    models = registry(providers=providers(main=fake.base_url))
    assert models.known(None) is None

    found = await models.find(None)

    assert models.known(None) is found
    assert models.known("nobody/x") is None


async def test_a_dead_provider_slows_and_breaks_nobody_else(registry: Open, fake: FakeModel) -> None:
    hanging = FakeModel()
    hanging.models_answer = Script(fault="hang_before_headers")
    async with hanging:
        models = registry(providers=providers(hung=hanging.base_url, dead=NOBODY, main=fake.base_url))
        began = time.monotonic()

        assert (await models.find("main/fake")).name == "main/fake"
        assert time.monotonic() - began < 0.4
        assert "main/fake" in [model.name for model in await models.list()]
        began = time.monotonic()
        await models.list()
        assert time.monotonic() - began < 0.2, "a failure is remembered"
        await models.close()


async def test_callers_at_once_ask_a_provider_once(registry: Open, fake: FakeModel) -> None:
    """And one who goes away takes the answer from nobody."""
    fake.models_answer = Script(first_byte_seconds=0.1, body='{"data": [{"id": "fake"}]}')
    models = registry(providers=providers(main=fake.base_url))
    waiting = [asyncio.create_task(models.find("fake")) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()

    found = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(found[0], asyncio.CancelledError)
    assert len({id(model) for model in found[1:]}) == 1


async def test_the_default_is_the_first_model_that_is_made_for_chats(registry: Open, fake: FakeModel) -> None:
    fake.models_answer = Script(body='{"data": [{"id": "text-embedding-3"}, {"id": "whisper-1"}, {"id": "chatty"}, {"id": "gpt-4o-mini"}, {"odd": 1}, 7]}')
    models = registry(providers=providers(main=fake.base_url))

    assert (await models.find(None)).name == "main/gpt-4o-mini"
    assert [model.name for model in await models.list() if model.is_default] == ["main/gpt-4o-mini"]
    assert (await registry(providers={"ollama": {"base_url": fake.base_url}}).find(None)).name == "ollama/chatty"


async def test_the_settings_name_the_default(registry: Open, fake: FakeModel) -> None:
    both = providers(one=fake.base_url, two=fake.base_url)

    assert (await registry(providers=both, default_model="two/bench-64").find(None)).name == "two/bench-64"
    assert (await registry(providers=both, aliases={"x": "one/fake"}, default_model="x").find(None)).name == "one/fake"
    assert (await registry(providers=both, default_provider="two").find(None)).name == "two/fake"
    assert (await registry(providers=both, models={"two/paced-64": {}}, default_provider="two").find(None)).name == "two/paced-64"
    assert (await registry(providers=both, default_provider="parlor").find(None)).name == "parlor/offline"


async def test_the_default_moves_on_from_a_provider_that_does_not_answer(registry: Open, fake: FakeModel) -> None:
    assert (await registry(providers=providers(dead=NOBODY, main=fake.base_url)).find(None)).name == "main/fake"
    models = registry(providers=providers(dead=NOBODY))
    with pytest.raises(NoModel):
        await models.find(None)
    assert [model.is_default for model in await models.list()] == [False]


async def test_the_start_says_what_was_found(registry: Open, fake: FakeModel) -> None:
    assert "parlor/offline" in (await registry().startup_lines(""))[0]
    lines = await registry(providers=providers(main=fake.base_url, dead=NOBODY)).startup_lines("")
    assert lines[0] == f"Models of main: 4 at {fake.base_url}"
    assert "cannot be reached" in lines[1]
    fake.models_answer = Script(fault="hang_before_headers")
    assert "still waiting" in (await registry(discovery_seconds=5, providers=providers(main=fake.base_url)).startup_lines(""))[0]
