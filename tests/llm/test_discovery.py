"""What each kind of provider is asked for its models, and what is made of the answer."""

import json
from typing import Any

import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.outbound import Outbound, Timeouts
from parlor.llm.capabilities import Capabilities
from parlor.llm.catalogue import Catalogue
from parlor.llm.discovery import Limits, Listing, fetch_models
from parlor.llm.endpoints import Kind, endpoint_of
from parlor.llm.settings import ProviderSettings

QUICK = Timeouts(1, 1, 1, 1)


async def listing_of(kind: Kind, origin: str, outbound: Outbound) -> Listing:
    return await fetch_models(endpoint_of("main", ProviderSettings(kind=kind, base_url=origin, api_key="k")), outbound, QUICK)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        ("openai", Limits()),
        ("anthropic", Limits(200_000, 64_000)),
        ("gemini", Limits(1_048_576, 2_048, {"embeddings": False})),
        ("ollama", Limits(8_192)),
    ],
)
async def test_models_are_listed_with_the_limits_that_are_told(outbound: Outbound, fake: FakeModel, kind: Kind, limits: Limits) -> None:
    listing = await listing_of(kind, fake.origin, outbound)

    assert listing.models == dict.fromkeys(fake.names, limits), "without prefixes, tags that say nothing, and models for other things than chats"
    assert listing.error is None


@pytest.mark.parametrize(
    ("kind", "body", "models"),
    [
        ("openai", '[{"id": "bare", "context_length": 4096}]', {"bare": Limits(4_096)}),
        ("openai", '{"data": [{"id": "x", "max_model_len": 1.5}, {"id": "a b"}, {"id": ""}, {"id": 7}, 7]}', {"x": Limits()}),
        ("openai", '{"data": 7}', {}),
        ("openai", "7", {}),
        ("anthropic", '{"data": [{"id": "claude", "max_input_tokens": null}]}', {"claude": Limits()}),
        ("gemini", '{"models": [{"name": "models/g", "inputTokenLimit": -1, "supportedGenerationMethods": null}]}', {"g": Limits()}),
        ("gemini", "{}", {}),
    ],
)
async def test_odd_lists_are_understood_as_far_as_they_go(outbound: Outbound, fake: FakeModel, kind: Kind, body: str, models: dict[str, Limits]) -> None:
    fake.models_answer = Script(body=body)

    assert (await listing_of(kind, fake.origin, outbound)).models == models


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize(
    ("answer", "is_reachable", "error"),
    [
        (Script(status=401), False, "refused our key"),
        (Script(status=403), False, "refused our key"),
        (Script(status=404), True, "status 404"),
        (Script(status=500), False, "status 500"),
        (Script(body="<html>"), False, "cannot be read"),
    ],
)
async def test_a_provider_that_does_not_list_says_why(outbound: Outbound, fake: FakeModel, kind: Kind, answer: Script, is_reachable: bool, error: str) -> None:
    fake.models_answer = answer

    listing = await listing_of(kind, fake.origin, outbound)

    assert (listing.models, listing.is_reachable) == (None, is_reachable)
    assert error in (listing.error or "")


@pytest.mark.parametrize(
    ("kind", "row", "capabilities"),
    [
        ("openai", {}, {}),
        (
            "openai",
            {"architecture": {"input_modalities": ["text", "image"]}, "supported_parameters": ["tools", "temperature", "structured_outputs"]},
            {"images": True, "tools": True, "reasoning": False, "structured_output": True},
        ),
        ("openai", {"capabilities": {"function_calling": True, "vision": False, "completion_chat": True}}, {"tools": True, "images": False}),
        ("openai", {"architecture": 7, "supported_parameters": "tools", "capabilities": {"vision": "yes"}}, {}),
        (
            "anthropic",
            {"capabilities": {"image_input": {"supported": True}, "thinking": {"supported": False, "types": {}}, "structured_outputs": None}},
            {"images": True, "reasoning": False},
        ),
        ("gemini", {"supportedGenerationMethods": ["generateContent", "embedContent"], "thinking": True}, {"embeddings": True, "reasoning": True}),
    ],
)
async def test_what_models_can_do_is_what_their_provider_says(
    outbound: Outbound, fake: FakeModel, kind: Kind, row: dict[str, Any], capabilities: Capabilities
) -> None:
    fake.models_answer = Script(body=json.dumps({"data": [{"id": "m", **row}]}))

    listing = await listing_of(kind, fake.origin, outbound)

    assert listing.models is not None
    assert listing.models["m"].capabilities == capabilities


async def test_ollama_is_asked_what_each_model_can_do(outbound: Outbound, fake: FakeModel) -> None:
    fake.models_answer = Script(body='{"models": [{"name": "qwen3:8b"}]}')
    fake.shown = {"capabilities": ["completion", "tools", "thinking"], "model_info": {"qwen3.context_length": 40960}}

    listing = await listing_of("ollama", fake.origin, outbound)

    assert listing.models == {"qwen3:8b": Limits(40_960, capabilities={"images": False, "tools": True, "reasoning": True, "embeddings": False})}


async def test_an_old_list_is_renewed_behind_the_back_of_whoever_looks(outbound: Outbound, fake: FakeModel) -> None:
    catalogue = Catalogue(endpoint_of("main", ProviderSettings(base_url=fake.origin)), outbound, 5, fresh_seconds=0)
    fake.models_answer = Script(body='[{"id": "old"}]')
    assert list((await catalogue.look()).models or ()) == ["old"]
    fake.models_answer = Script(body='[{"id": "new"}]')

    at_once = catalogue.look()

    with pytest.raises(StopIteration) as answered:
        at_once.send(None)  # nothing is waited for
    assert list(answered.value.value.models) == ["old"]
    assert list((await catalogue.look_again(0)).models or ()) == ["new"]
    await catalogue.close()


async def test_a_model_that_ollama_does_not_show_is_listed_without_its_size(outbound: Outbound, fake: FakeModel) -> None:
    fake.models_answer = Script(body='{"models": [{"name": "qwen3:8b", "model": "qwen3:8b"}]}')
    fake.shown = {}

    assert (await listing_of("ollama", fake.origin, outbound)).models == {"qwen3:8b": Limits()}
