"""The benchmark itself runs, with numbers too small to mean anything. How fast anything is stands in no test."""

import os
from pathlib import Path

import msgspec
import pytest

from bench.adapters import Cost, costs, table
from bench.connection import WrongAnswer, body_of
from bench.plan import TOKEN, Plan
from bench.report import report
from bench.run import RELAY, SQLITE, Outcome, run
from bench.targets import OpenAIWire, ParlorWire

TINY = Plan(
    **{"clients": (1, 2), "warm_seconds": 0.1, "closed_seconds": 0.2, "answer_chunks": 8, "first_clients": 2, "first_seconds": 0.3},
    **{"streams": 4, "paced_chunks": 8, "idle_seconds": 1.0, "request_seconds": 0.3, "starts": 1},
)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run(TINY, say=lambda _: None, engines=[SQLITE])


@pytest.mark.long
def test_every_server_is_measured_with_every_number_of_clients(outcome: Outcome) -> None:
    assert [each.name for each in outcome.servers] == [RELAY, SQLITE]
    for figures in [outcome.model, *outcome.servers]:
        assert [loop.clients for loop in figures.closed] == [1, 2]
        for loop in figures.closed:
            assert loop.turns > 0
            assert loop.turns_per_second > 0
            assert loop.cpu_ms_per_turn >= loop.loop_ms_per_turn >= 0
            assert 0 < loop.first_token_ms[0] <= loop.first_token_ms[1]


@pytest.mark.long
def test_streams_are_seen_at_their_pace(outcome: Outcome) -> None:
    for figures in outcome.servers:
        assert figures.paced is not None
        assert figures.paced.streams == 4
        assert figures.paced.gap_p99_ms >= figures.paced.gap_p50_ms > 10
        assert figures.memory is not None
        assert 10 < figures.memory.fresh_mib < 1000


@pytest.mark.long
def test_small_requests_are_counted(outcome: Outcome) -> None:
    parlor = outcome.of(SQLITE)
    assert parlor is not None
    assert [each.name for each in parlor.requests] == ["GET /auth/me", "GET /wallet", "POST /auth/login"]
    assert all(each.requests > 0 and each.per_second > 0 and each.loop_us <= each.cpu_us for each in parlor.requests)


@pytest.mark.long
def test_what_is_stored_was_checked_after_the_run(outcome: Outcome) -> None:
    parlor = outcome.of(SQLITE)
    assert parlor is not None
    assert parlor.checks == ["parlor wallet verify: ok", "parlor doctor --deep: ok"]
    assert parlor.cold_start_seconds
    assert parlor.first_start_seconds


@pytest.mark.long
def test_the_table_and_the_json_have_all_of_it(outcome: Outcome) -> None:
    table = report(outcome)
    for part in ("bare relay", "Parlor on SQLite", "turns/s, 2 clients", "GET /wallet", "cold start", "aim:"):
        assert part in table
    again = msgspec.json.decode(msgspec.json.encode(outcome), type=Outcome)
    assert again.servers[1].closed == outcome.servers[1].closed


def test_a_run_that_fails_leaves_no_file_and_gives_its_cores_back(tmp_path: Path) -> None:
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    with pytest.raises(ZeroDivisionError):
        run(TINY, say=lambda _: 1 // 0, engines=[], folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert cores is None or os.sched_getaffinity(0) == cores


@pytest.mark.parametrize(
    "body",
    [
        b"event: turn.failed\n\n" + TOKEN.encode() * 8,
        b"event: turn.completed\n\n" + TOKEN.encode() * 7,
        b"event: turn.completed\n\n" + TOKEN.encode() * 9,
        b"",
    ],
)
def test_an_answer_that_failed_or_lost_text_ends_the_benchmark(body: bytes) -> None:
    with pytest.raises(WrongAnswer):
        ParlorWire(0).check(_in_chunks(body), 8)


def test_an_answer_is_read_through_the_frame_of_its_chunks() -> None:
    text = b"data: [DONE] " + TOKEN.encode() * 3
    answer = _in_chunks(text[:15], text[15:])
    assert body_of(answer) == text
    OpenAIWire(0, "/").check(answer, 3)


def _in_chunks(*pieces: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def test_every_protocol_is_weighed_against_openais() -> None:
    lines = list(table([Cost("openai", 2.0, 1.0), Cost("gemini", 4.0, 1.0), Cost("ollama", 2.0, 2.1)]))
    assert [line.rpartition("   ")[2] for line in lines[1:]] == ["met: at most 2x", "met: at most 2x", "NOT MET: at most 2x"]
    assert {cost.kind for cost in costs(rounds=1)} == {"openai", "anthropic", "gemini", "ollama"}
