"""Embeddings against a double that nobody here wrote. It has OpenAI's wire: of Gemini's only single texts, and at Ollama's address another shape."""

from collections.abc import Iterator

import pytest

from parlor.core.outbound import Timeouts
from parlor.llm import ModelFailed
from tests.llm.embeddings.conftest import MakeEmbedder, lists
from tests.support.aimock import run_aimock

NUMBERS = [0.25, -0.5, 1.5]
FIXTURES = (
    {"match": {"inputText": "known"}, "response": {"embedding": NUMBERS}},
    {"match": {"inputText": "too much"}, "response": {"error": {"message": "sk-secret-canary", "type": "rate_limit_error"}, "status": 429}},
)


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with run_aimock(FIXTURES) as origin:
        yield origin


async def test_texts_become_vectors(make_embedder: MakeEmbedder, origin: str) -> None:
    embedder = make_embedder("openai", origin, timeouts=Timeouts())

    assert await lists(embedder, ["known", "known as well"]) == [NUMBERS, NUMBERS]
    assert embedder.dimensions == 3


@pytest.mark.parametrize(("text", "reason"), [("too much", "provider_rate_limited"), ("unheard of", "provider_error")])
async def test_errors_are_told_in_our_words(make_embedder: MakeEmbedder, origin: str, text: str, reason: str) -> None:
    with pytest.raises(ModelFailed) as caught:
        await lists(make_embedder("openai", origin, timeouts=Timeouts()), [text])

    assert caught.value.reason == reason
    assert "canary" not in f"{caught.value.detail} {caught.value.facts}"
