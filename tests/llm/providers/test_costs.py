"""What a chunk costs, counted in calls: clocks differ from machine to machine, and counts do not."""

import sys
from types import FrameType
from typing import Any

import pytest

from bench.fake_model import Script
from bench.fake_model.anthropic import FakeAnthropic
from bench.fake_model.gemini import FakeGemini
from bench.fake_model.ollama import FakeOllama
from bench.fake_model.openai import FakeOpenAI
from bench.fake_model.wire import FakeWire
from parlor.llm.endpoints import Kind, endpoint_of
from parlor.llm.providers.reading import Reading
from parlor.llm.providers.wire import Target
from parlor.llm.providers.wires import WIRES
from parlor.llm.settings import ProviderSettings

FAKES: tuple[tuple[Kind, FakeWire], ...] = (("anthropic", FakeAnthropic()), ("gemini", FakeGemini()), ("ollama", FakeOllama()))
CHUNKS = 1_000


def reading_of(kind: Kind) -> Reading[Any]:
    return WIRES[kind].open(Target(endpoint_of("main", ProviderSettings(kind=kind, base_url="http://x.example")), "m", max_output_tokens=99))


def calls_of(kind: Kind, fake: FakeWire, chunks_per_read: int) -> float:
    """Calls of Python functions and of C functions, for each chunk of text."""
    usage = fake.counted_usage(Script(chunks=CHUNKS), 4)
    frames = fake.frames(Script(chunks=CHUNKS, text="token "), "m", False, [usage])
    pieces = [b"".join(frames[at : at + chunks_per_read]) for at in range(0, len(frames), chunks_per_read)]
    reading, count = reading_of(kind), 0

    def look(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(look)
    try:
        for piece in pieces:
            reading.take_in(piece)
            reading.batch.take()
    finally:
        sys.setprofile(None)
    return count / CHUNKS


@pytest.mark.parametrize(("chunks_per_read", "most"), [(1, 23), (64, 6)])
def test_a_chunk_of_text_costs_a_few_calls_and_no_more(chunks_per_read: int, most: float) -> None:
    assert calls_of("openai", FakeOpenAI(), chunks_per_read) <= most


@pytest.mark.parametrize(("kind", "fake"), FAKES, ids=[kind for kind, _ in FAKES])
@pytest.mark.parametrize("chunks_per_read", [1, 64])
def test_no_protocol_costs_twice_what_openais_does(kind: Kind, fake: FakeWire, chunks_per_read: int) -> None:
    assert calls_of(kind, fake, chunks_per_read) <= 2 * calls_of("openai", FakeOpenAI(), chunks_per_read)
