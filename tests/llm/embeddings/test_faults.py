"""Embeddings when the provider fails: what is told, what is tried again, what counts as accepted."""

import json

import pytest

from bench.fake_model import FakeModel, Script
from parlor.llm import EmbeddedBatch, ModelFailed
from parlor.llm.embeddings import remote
from parlor.llm.endpoints import Kind
from parlor.llm.providers.refusals import Patience
from tests.llm.embeddings.conftest import MakeEmbedder, lists

TEXTS = ["one", "two", "three", "four"]
BODIES: dict[Kind, str] = {
    "openai": '{"data": [{"embedding": %s}]}',
    "gemini": '{"embeddings": [{"values": %s}]}',
    "ollama": '{"embeddings": [%s]}',
}


async def failure_of(embedder: remote.RemoteEmbedder, texts: list[str] = TEXTS) -> tuple[ModelFailed, list[EmbeddedBatch]]:
    told: list[EmbeddedBatch] = []
    with pytest.raises(ModelFailed) as caught:
        await lists(embedder, texts, told.append)
    assert "canary" not in f"{caught.value.detail} {caught.value.facts}"
    return caught.value, told


@pytest.mark.parametrize("status", [429, 503])
async def test_what_is_turned_away_at_the_door_is_sent_again(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind, status: int) -> None:
    fake.next(Script(status=status), Script(status=status, headers={"Retry-After": "0"}))

    assert len(await lists(make_embedder(kind), TEXTS)) == 4
    assert len(fake.requests) == 3


@pytest.mark.parametrize(
    ("script", "reason", "tries"),
    [
        (Script(status=429), "provider_rate_limited", 3),
        (Script(status=500), "provider_error", 1),
        (Script(status=401), "provider_error", 1),
        (Script(status=404), "provider_error", 1),
        (Script(status=302, headers={"Location": "/elsewhere"}), "provider_protocol", 1),
        (Script(fault="garbage"), "provider_protocol", 1),
        (Script(fault="hang_before_headers"), "provider_unreachable", 1),
    ],
)
async def test_what_is_not_accepted_costs_nothing(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind, script: Script, reason: str, tries: int) -> None:
    fake.script("fake", script)

    failure, told = await failure_of(make_embedder(kind))

    assert (failure.reason, failure.accepted, told) == (reason, False, [])
    assert failure.facts["model"] == "main/fake"
    assert len(fake.requests) == tries


async def test_nobody_there(make_embedder: MakeEmbedder, kind: Kind) -> None:
    failure, told = await failure_of(make_embedder(kind, "http://127.0.0.1:9", patience=Patience(retries=1, first_wait_seconds=0.01)))

    assert (failure.reason, failure.accepted, told) == ("provider_unreachable", False, [])


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (Script(surplus=-1), "provider_protocol"),
        (Script(surplus=1), "provider_protocol"),
        (Script(body=""), "provider_protocol"),
        (Script(body="[]"), "provider_protocol"),
        (Script(body="<html>"), "provider_protocol"),
        (Script(body="[" * 100_000), "provider_protocol"),
        (Script(headers={"Content-Encoding": "gzip"}), "provider_protocol"),
        (Script(fault="fin"), "provider_protocol"),
        (Script(fault="rst"), "provider_protocol"),
        (Script(fault="hang"), "provider_unreachable"),
    ],
)
async def test_what_is_accepted_and_no_good_is_told_as_accepted(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind, script: Script, reason: str) -> None:
    fake.script("fake", script)

    failure, told = await failure_of(make_embedder(kind))

    assert (failure.reason, failure.accepted, told) == (reason, True, [EmbeddedBatch(0, 4)])
    assert len(fake.requests) == 1, "it may be charged for, so it is not sent again"


@pytest.mark.parametrize("numbers", ["[1, NaN]", "[1, 1e39]", "[1, 1e400]", "[1, null]", '[1, "2"]', "[]", "7", "{}", json.dumps([0.0] * 70_000)])
async def test_what_is_no_vector(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind, numbers: str) -> None:
    fake.script("fake", Script(body=BODIES[kind] % numbers))

    failure, told = await failure_of(make_embedder(kind), ["one"])

    assert (failure.reason, failure.accepted, told) == ("provider_protocol", True, [EmbeddedBatch(0, 1)])


@pytest.mark.parametrize("given", ['"AAAA"', '"AACAfwAAgH8="', '"%"', '"A"', '"Grüße"'])
async def test_what_is_no_vector_in_base64(make_embedder: MakeEmbedder, fake: FakeModel, given: str) -> None:
    """Three bytes, an infinity, and what is no base64."""
    fake.script("fake", Script(body=BODIES["openai"] % given))

    assert (await failure_of(make_embedder(), ["one"]))[0].reason == "provider_protocol"


@pytest.mark.parametrize("indexes", [(0, 0), (1, 2), (-1, 0)])
async def test_vectors_whose_numbers_do_not_fit(make_embedder: MakeEmbedder, fake: FakeModel, indexes: tuple[int, int]) -> None:
    fake.script("fake", Script(body=json.dumps({"data": [{"embedding": [1], "index": index} for index in indexes]})))

    assert (await failure_of(make_embedder(), ["one", "two"]))[0].reason == "provider_protocol"


async def test_vectors_without_numbers_are_taken_in_their_order(make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    fake.script("fake", Script(body='{"data": [{"embedding": [1]}, {"embedding": "AAAAQA=="}], "usage": "lots"}'))

    assert await lists(make_embedder(), ["one", "two"]) == [[1], [2]]


async def test_vectors_of_different_lengths(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind) -> None:
    fake.next(Script(dimensions=4), Script(dimensions=5))
    failure, told = await failure_of(make_embedder(kind, max_texts=2))
    assert (failure.reason, len(told)) == ("provider_protocol", 2)

    fake.next(Script(body=BODIES[kind] % "[1, 2, 3]"))
    assert (await failure_of(make_embedder(kind, dimensions=5), ["one"]))[0].reason == "provider_protocol"


async def test_when_one_request_fails_the_others_under_way_are_heard_and_no_more_are_sent(make_embedder: MakeEmbedder, fake: FakeModel, kind: Kind) -> None:
    fake.next(Script(status=500), Script(first_byte_seconds=0.1), Script(first_byte_seconds=0.1), Script(first_byte_seconds=0.1))

    _, told = await failure_of(make_embedder(kind, max_texts=1), [f"text {number}" for number in range(20)])

    assert len(fake.requests) == remote.AT_ONCE
    assert [(batch.count, len(batch.vectors)) for batch in told] == [(1, 1)] * 3


async def test_a_body_without_end_is_left(make_embedder: MakeEmbedder, fake: FakeModel) -> None:
    fake.script("fake", Script(body='{"data": [' + " " * 1_000_000))

    failure, told = await failure_of(make_embedder(max_answer_bytes=100_000), ["one"])

    assert (failure.reason, len(told)) == ("provider_protocol", 1)
