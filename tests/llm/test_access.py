"""Models that are kept for groups: what each asker finds, and that nobody else learns of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from bench.fake_model import FakeModel, Script
from parlor.core.outbound import Outbound
from parlor.llm import EVERYBODY, OPERATOR, ModelAccess, ModelRegistry, NoModel, UnknownModel
from parlor.llm.pricing import Pricing
from parlor.llm.settings import LlmSettings
from parlor.wallet import CurrentPrices, WalletSettings
from tests.llm.test_registry import Open, registry

__all__ = ["registry"]

STAFF = ModelAccess(frozenset({"staff", "chess"}))
KEPT = {"main/bench-64": {"groups": ["staff"]}}


@pytest.fixture
async def kept(outbound: Outbound, fake: FakeModel) -> AsyncIterator[ModelRegistry]:
    """`main/bench-64` is for staff, and so is its alias."""
    settings = LlmSettings.model_validate(
        {"providers": {"main": {"base_url": fake.base_url}}, "models": KEPT, "aliases": {"quick": "main/bench-64", "fast": "main/fake"}}
    )
    models = ModelRegistry(settings, Pricing(settings, WalletSettings().default_price, CurrentPrices()), outbound)
    yield models
    await models.close()


@pytest.mark.parametrize("name", ["main/bench-64", "bench-64", "quick"])
async def test_only_its_groups_and_the_operator_find_a_kept_model(kept: ModelRegistry, name: str) -> None:
    assert (await kept.find(name, OPERATOR)).name == "main/bench-64"
    assert (await kept.find(name, STAFF)).name == "main/bench-64"
    assert kept.known(name, STAFF) is not None
    for access in (EVERYBODY, ModelAccess(frozenset({"chess"}))):
        with pytest.raises(UnknownModel):
            await kept.find(name, access)
        assert kept.known(name, access) is None, "also when somebody else has just found it"


@pytest.mark.parametrize(("kept_name", "missing"), [("main/bench-64", "main/bench-65"), ("bench-64", "bench-65"), ("quick", "quirk")])
async def test_a_kept_model_is_answered_like_a_missing_one(kept: ModelRegistry, kept_name: str, missing: str) -> None:
    with pytest.raises(UnknownModel) as of_kept:
        await kept.find(kept_name)
    with pytest.raises(UnknownModel) as of_missing:
        await kept.find(missing)

    assert of_kept.value.detail.replace(kept_name, missing) == of_missing.value.detail
    assert of_kept.value.facts == of_missing.value.facts
    assert not {"main/bench-64", "quick"} & set(of_kept.value.facts["near"])


async def test_lists_show_what_one_may_use_and_ones_own_groups(kept: ModelRegistry) -> None:
    assert "main/bench-64" not in [model.name for model in await kept.list()]
    assert {model.name: model.groups for model in await kept.list(STAFF)}["main/bench-64"] == ("staff",)
    assert {model.name: model.groups for model in await kept.list(OPERATOR)}["main/bench-64"] == ("staff",)


async def test_a_bare_name_means_the_one_that_one_may_use(registry: Open, fake: FakeModel) -> None:
    models = registry(providers={name: {"base_url": fake.base_url} for name in ("one", "two")}, models={"two/fake": {"groups": ["staff"]}})

    with pytest.raises(UnknownModel, match="Several"):
        await models.find("fake", STAFF)
    assert (await models.find("fake")).name == "one/fake"


async def test_a_provider_may_be_kept_as_a_whole_with_single_models_open(registry: Open, fake: FakeModel) -> None:
    models = registry(providers={"main": {"base_url": fake.base_url, "groups": ["staff"]}}, models={"main/fake": {"groups": []}})

    assert [model.name for model in await models.list()] == ["main/fake", "parlor/offline"]
    assert (await models.find("main/fake")).name == "main/fake"
    with pytest.raises(UnknownModel):
        await models.find("main/bench-64")
    assert (await models.find("main/bench-64", STAFF)).name == "main/bench-64"


async def test_a_provider_without_a_list_takes_no_other_spelling_of_a_kept_model(registry: Open, fake: FakeModel) -> None:
    fake.models_answer = Script(status=404)
    models = registry(providers={"main": {"base_url": fake.base_url}}, models={"main/secret": {"groups": ["staff"]}, "main/open": {}})

    with pytest.raises(UnknownModel):
        await models.find("main/SECRET")
    assert (await models.find("main/open")).name == "main/open"
    assert (await models.find("main/SECRET", STAFF)).name == "main/SECRET", "who may use all of them may spell them"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"default_model": "main/bench-64"}, "main/fake"),
        ({"default_model": "quick"}, "main/fake"),
        ({"default_provider": "main"}, "main/fake"),
        ({"models": {**KEPT, "parlor/offline": {"groups": ["staff"]}}, "default_provider": "parlor"}, "main/fake"),
        ({"providers": {"main": {"groups": ["staff"]}}, "default_model": "main/fake"}, "parlor/offline"),
    ],
)
async def test_the_default_is_the_next_one_where_the_first_is_kept(registry: Open, fake: FakeModel, settings: dict[str, Any], name: str) -> None:
    settings = {"models": KEPT, "aliases": {"quick": "main/bench-64"}, "providers": {"main": {}}, **settings}
    settings["providers"]["main"] |= {"base_url": fake.base_url}

    models = registry(**settings)

    assert (await models.find(None)).name == name
    assert [model.name for model in await models.list() if model.is_default] == [name]
    if "default_model" in settings:
        assert (await models.find(None, STAFF)).name == (await models.find(settings["default_model"], OPERATOR)).name


async def test_with_everything_kept_there_is_no_default(registry: Open, fake: FakeModel) -> None:
    models = registry(providers={"main": {"base_url": fake.base_url, "groups": ["staff"]}}, models={"parlor/offline": {"groups": ["staff"]}})

    with pytest.raises(NoModel):
        await models.find(None)
    assert await models.list() == []
    with pytest.raises(UnknownModel, match=r"There is no model called offline\.$"):
        await models.find("offline")


async def test_what_the_settings_say_of_a_model_stands_over_what_its_provider_tells(registry: Open, fake: FakeModel) -> None:
    fake.models_answer = Script(body='[{"id": "told", "supported_parameters": ["tools"]}, {"id": "said", "supported_parameters": ["tools"]}]')
    models = registry(providers={"main": {"base_url": fake.base_url}}, models={"main/said": {"capabilities": ["images"]}})

    able = {model.name: model.capabilities for model in await models.list()}

    assert able["main/told"] == {"tools": True, "reasoning": False, "structured_output": False}
    assert able["main/said"] == {"images": True, "tools": False, "reasoning": False, "structured_output": False, "embeddings": False}
    assert able["parlor/offline"]["tools"] is True


def test_a_group_that_no_account_can_be_in_is_refused() -> None:
    with pytest.raises(ValidationError, match="groups"):
        LlmSettings.model_validate({"models": {"main/x": {"groups": ["Staff Only"]}}})
