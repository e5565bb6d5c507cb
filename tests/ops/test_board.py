import asyncio
from datetime import UTC, datetime

import pytest

from parlor.core.collected import Checks
from parlor.core.health import Check, Health, Status
from parlor.ops import HealthBoard, NoSuchComponent
from parlor.ops.board import overall
from parlor.ops.settings import OpsSettings
from parlor.testing import ManualClock

SETTINGS = OpsSettings(check_timeout_seconds=0.2, cache_seconds=60)


class Part:
    """A part whose health a test decides, and that counts who looks."""

    def __init__(self, name: str, health: Health | Exception | None = None) -> None:
        self.name = name
        self.health = health or Health(Status.OK)
        self.looks = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.looked = asyncio.Event()

    async def look(self) -> Health:
        self.looks += 1
        self.looked.set()
        await self.may_answer.wait()
        if isinstance(self.health, Exception):
            raise self.health
        return self.health


def board_of(*parts: Part, settings: OpsSettings = SETTINGS) -> HealthBoard:
    return HealthBoard(Checks(Check(part.name, part.look) for part in parts), ManualClock(), settings)


async def test_a_look_says_how_it_is_and_when_it_was() -> None:
    (seen,) = await board_of(Part("database", Health(Status.DEGRADED, "slow", "Buy a disk.", {"wait_ms": 5}))).look()
    assert (seen.name, seen.status, seen.last_error, seen.advice, seen.details) == ("database", Status.DEGRADED, "slow", "Buy a disk.", {"wait_ms": 5})
    assert seen.checked_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert seen.latency_ms >= 0


async def test_parts_are_looked_at_together() -> None:
    first, second = Part("first"), Part("second")
    first.may_answer.clear()
    looking = asyncio.create_task(board_of(first, second, settings=OpsSettings(check_timeout_seconds=10)).look())
    await asyncio.wait_for(second.looked.wait(), 10)
    first.may_answer.set()
    assert [seen.name for seen in await asyncio.wait_for(looking, 10)] == ["first", "second"]


async def test_a_part_that_hangs_is_down_and_holds_up_nobody() -> None:
    hanging, well = Part("hanging"), Part("well")
    hanging.may_answer.clear()
    seen = {each.name: each for each in await asyncio.wait_for(board_of(hanging, well).look(), 10)}
    assert (seen["hanging"].status, seen["well"].status) == (Status.DOWN, Status.OK)
    assert seen["hanging"].last_error == "no answer within 0.2 s"
    assert seen["hanging"].advice


async def test_a_check_that_fails_is_a_part_that_is_down_and_its_error_has_no_secret() -> None:
    (seen,) = await board_of(Part("database", RuntimeError("cannot reach postgresql://me:hunter2@db/x"))).look()
    assert seen.status is Status.DOWN
    assert seen.last_error == "RuntimeError: cannot reach postgresql://[hidden]@db/x"


async def test_details_have_no_secrets() -> None:
    (seen,) = await board_of(Part("llm", Health(Status.OK, details={"api_key": "hunter2", "calls": 1}))).look()
    assert seen.details == {"api_key": "[hidden]", "calls": 1}


async def test_many_who_ask_at_once_or_soon_after_cause_one_look() -> None:
    part = Part("database")
    part.may_answer.clear()
    board = board_of(part, settings=OpsSettings(cache_seconds=60))
    asking = [asyncio.create_task(board.look_at("database")) for _ in range(20)]
    await asyncio.wait_for(part.looked.wait(), 10)
    asking[0].cancel()
    part.may_answer.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 1
    await board.look()
    assert part.looks == 1


async def test_after_a_while_it_is_looked_at_again() -> None:
    part = Part("database")
    board = board_of(part, settings=OpsSettings(cache_seconds=0))
    await board.look()
    part.health = Health(Status.DOWN)
    assert (await board.look_at("database")).status is Status.DOWN
    assert part.looks == 2


async def test_a_part_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NoSuchComponent):
        await board_of().look_at("nothing")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({"database": "ok", "redis": "off"}, "ok"),
        ({"database": "ok", "llm": "down"}, "degraded"),
        ({"database": "degraded"}, "degraded"),
        ({"database": "down", "llm": "ok"}, "down"),
        ({}, "ok"),
    ],
)
async def test_the_house_is_down_only_when_nothing_works(statuses: dict[str, str], expected: str) -> None:
    board = board_of(*(Part(name, Health(Status(status))) for name, status in statuses.items()))
    assert overall(await board.look()) == expected
