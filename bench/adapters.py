"""`./dev bench --adapters`: what a chunk of an answer costs in each provider's protocol, from bytes to typed events, without a network."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from bench.fake_model import Script
from bench.fake_model.anthropic import FakeAnthropic
from bench.fake_model.gemini import FakeGemini
from bench.fake_model.ollama import FakeOllama
from bench.fake_model.openai import FakeOpenAI
from bench.fake_model.wire import FakeWire
from bench.plan import TOKEN
from parlor.llm.endpoints import Kind, endpoint_of
from parlor.llm.providers.wire import Target
from parlor.llm.providers.wires import WIRES
from parlor.llm.settings import ProviderSettings

CHUNKS = 2_000
ROUNDS = 30
FAKES: tuple[tuple[Kind, FakeWire], ...] = (
    ("openai", FakeOpenAI()),
    ("anthropic", FakeAnthropic()),
    ("gemini", FakeGemini()),
    ("ollama", FakeOllama()),
)


class Cost(NamedTuple):
    """µs of CPU a chunk of text: when each comes by itself, and when one read brings 64. The best of all rounds, which others disturb least."""

    kind: Kind
    alone_us: float
    together_us: float


def costs(rounds: int = ROUNDS) -> list[Cost]:
    """The rounds of all protocols take turns, so that a machine which gets slower meanwhile does so for all."""
    alone = {kind: _pieces(fake, 1) for kind, fake in FAKES}
    together = {kind: _pieces(fake, 64) for kind, fake in FAKES}
    best = {kind: [float("inf"), float("inf")] for kind, _ in FAKES}
    for _ in range(rounds):
        for kind, _ in FAKES:
            for at, pieces in enumerate((alone[kind], together[kind])):
                best[kind][at] = min(best[kind][at], _round_us(kind, pieces))
    return [Cost(kind, *best[kind]) for kind, _ in FAKES]


def _pieces(fake: FakeWire, chunks_per_read: int) -> list[bytes]:
    usage = fake.counted_usage(Script(chunks=CHUNKS), 4)
    frames = fake.frames(Script(chunks=CHUNKS, text=TOKEN), "m", False, [usage])
    return [b"".join(frames[at : at + chunks_per_read]) for at in range(0, len(frames), chunks_per_read)]


def _round_us(kind: Kind, pieces: list[bytes]) -> float:
    reading = WIRES[kind].open(Target(endpoint_of("main", ProviderSettings(kind=kind, base_url="http://x.example")), "m", max_output_tokens=99))
    began = time.thread_time_ns()
    for piece in pieces:
        reading.take_in(piece)
        reading.batch.take()
    return (time.thread_time_ns() - began) / 1_000 / CHUNKS


def table(found: list[Cost]) -> Iterator[str]:
    """Aim: no protocol costs more than twice what OpenAI's does."""
    first = found[0]
    yield f"{'µs of CPU a chunk':<20}{'each its own read':>20}{'64 a read':>20}"
    for cost in found:
        alone, together = cost.alone_us / first.alone_us, cost.together_us / first.together_us
        verdict = "met" if max(alone, together) <= 2 else "NOT MET"
        yield f"{cost.kind:<20}{f'{cost.alone_us:.1f} ({alone:.1f}x)':>20}{f'{cost.together_us:.1f} ({together:.1f}x)':>20}   {verdict}: at most 2x"
