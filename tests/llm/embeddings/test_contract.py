"""What every embedder does: over the wires of three providers, and built in."""

import asyncio
import time
from collections.abc import Callable

import pytest

from bench.fake_model import FakeModel, Script
from parlor.llm import EmbeddedBatch, Embedder, UnsupportedInput
from parlor.llm.embeddings.offline import OfflineEmbedder
from parlor.llm.embeddings.remote import AT_ONCE
from parlor.llm.endpoints import Kind
from parlor.wallet import Price
from tests.llm.conftest import KEY
from tests.llm.embeddings.conftest import REMOTE, MakeEmbedder, lists

MakeAny = Callable[[], Embedder]
SEVEN = [f"text number {number}" for number in range(7)]


@pytest.fixture(params=[*REMOTE, "built in"])
def make_any(request: pytest.FixtureRequest, make_embedder: MakeEmbedder) -> MakeAny:
    if request.param == "built in":
        return lambda: OfflineEmbedder(lambda: Price(0, 0))
    return lambda: make_embedder(request.param)


async def test_the_same_text_has_the_same_vector_and_order_is_kept(make_any: MakeAny) -> None:
    embedder = make_any()
    texts = ["one", "two", "Grüße 世界 🎉", "one", " ", "\x00"]
    together = await lists(embedder, texts)
    alone = [(await lists(make_any(), [text]))[0] for text in texts]

    assert together == alone
    assert together[0] == together[3] != together[1]
    assert {len(vector) for vector in together} == {embedder.dimensions}


async def test_no_texts_are_no_vectors_and_an_empty_one_is_refused(make_any: MakeAny, fake: FakeModel) -> None:
    assert await lists(make_any(), []) == []
    for wrong in ("", "half a character \ud800"):
        with pytest.raises(UnsupportedInput):
            await lists(make_any(), ["one", wrong])
    assert not fake.requests


async def test_who_pays_is_told_of_every_token(make_any: MakeAny) -> None:
    told: list[EmbeddedBatch] = []
    found = await make_any().embed(["one", "two words"], told.append)

    assert list(found.batches) == told
    assert sum(batch.count for batch in told) == 2
    assert all(batch.input_tokens for batch in told)


async def test_a_million_characters_do_not_hold_up_the_loop(make_any: MakeAny) -> None:
    embedder, longest = make_any(), 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    vectors = await lists(embedder, ["a" * 1_000_000, "word " * 200_000])
    watching.cancel()
    assert len(vectors) == 2
    assert longest < 0.3


async def test_requests_are_of_a_size_that_the_provider_takes(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind) -> None:
    texts = [f"text {number}" for number in range(250)]
    whole = await lists(make_embedder(kind, max_texts=1000), texts)
    (once,) = fake.requests
    assert await lists(make_embedder(kind), texts) == whole
    largest = {"openai": 32, "gemini": 100, "ollama": 64}[kind]
    assert max(_count(seen.body) for seen in list(fake.requests)[1:]) == largest
    fake.reset()

    await lists(make_embedder(kind), ["x" * 150_000] * 5)
    assert len(fake.requests) >= 3, "by their tokens, too"
    assert _count(once.body) == 250


def _count(body: dict[str, list[str]]) -> int:
    return len(body["requests"] if "requests" in body else body["input"])


async def test_a_few_requests_are_under_way_at_once_and_not_more(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind) -> None:
    fake.script("fake", Script(fault="hang_before_headers"))
    task = asyncio.create_task(lists(make_embedder(kind, max_texts=1), SEVEN))
    await asyncio.wait_for(fake.seen(AT_ONCE), 5)
    await asyncio.sleep(0.05)
    assert len(fake.requests) == AT_ONCE
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for seen in fake.requests:
        await asyncio.wait_for(seen.closed.wait(), 5)


async def test_a_length_is_asked_for_and_expected(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind) -> None:
    embedder = make_embedder(kind, dimensions=5)
    assert embedder.dimensions == 5
    assert {len(vector) for vector in await lists(embedder, SEVEN)} == {5}
    assert embedder.space != make_embedder(kind).space
    assert make_embedder(kind).dimensions is None


@pytest.mark.parametrize("path", ["/v1", "/v1beta"])
async def test_both_versions_of_gemini(make_embedder: MakeEmbedder, fake: FakeModel, path: str) -> None:
    await lists(make_embedder("gemini", fake.origin + path), SEVEN)

    (seen,) = fake.requests
    assert seen.path == f"{path}/models/fake:batchEmbedContents"
    assert seen.headers["x-goog-api-key"] == KEY
    assert seen.body["requests"][0]["model"] == "models/fake"


async def test_openai_is_asked_for_less_bytes_and_others_for_what_they_know(make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    await lists(make_embedder("openai"), SEVEN)

    assert fake.requests[0].body == {"model": "fake", "input": SEVEN}
    there = make_embedder("openai", "https://api.openai.com")
    assert there._wire.body_of(["x"], there._target)["encoding_format"] == "base64"


async def test_usage_that_is_not_told_or_nonsense_is_none(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind) -> None:
    for usage in (None, 0, -5):
        fake.next(Script(usage=usage))
        assert [batch.input_tokens for batch in (await make_embedder(kind).embed(["x"])).batches] == [None]
