"""What each kind of provider is asked for its models, and what is made of the answer."""

import pytest

from bench.fake_model import FakeModel, Script
from parlor.core.outbound import Outbound, Timeouts
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
        ("gemini", Limits(1_048_576, 2_048)),
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


async def test_a_model_that_ollama_does_not_show_is_listed_without_its_size(outbound: Outbound, fake: FakeModel) -> None:
    fake.models_answer = Script(body='{"models": [{"name": "qwen3:8b", "model": "qwen3:8b"}]}')
    fake.shown = {}

    assert (await listing_of("ollama", fake.origin, outbound)).models == {"qwen3:8b": Limits()}
