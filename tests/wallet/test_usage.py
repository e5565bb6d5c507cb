"""Usage: what settled holds add up to, by when they began."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, update

from parlor.cli import run
from parlor.core.clock import SystemClock
from parlor.core.db import DatabaseSettings, Id, UtcTime, statement
from parlor.core.db.opening import open_database
from parlor.core.ids import new_id
from parlor.core.settings import RootSettings
from parlor.wallet import HoldFor
from parlor.wallet.tables import HoldRow
from parlor.wallet.usage import InvalidPeriod, UsageReport, stretch_of
from tests.wallet.conftest import BONUS, House

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_began = statement(update(HoldRow).where(HoldRow.id == bindparam("hold", type_=Id())).values(created_at=bindparam("then", type_=UtcTime())))


async def spend(house: House, account_id: UUID, cost: int, then: datetime | None = None, *, tokens: tuple[int, int] = (10, 5), **what: Any) -> None:
    hold = await house.db.write(lambda tx: house.wallet.hold(tx, account_id, cost, turn_id=new_id(), for_=HoldFor(**what)))
    counts = {"input_tokens": tokens[0], "output_tokens": tokens[1]}
    await house.db.write(lambda tx: house.wallet.settle(tx, turn_id=hold.id, cost_micros=cost, explanation="", **counts))
    if then is not None:
        await house.db.write(lambda tx: tx.run(_began, hold=hold.id, then=then))


async def keys(house: House, account_id: UUID | None, by: Any, **period: Any) -> Mapping[str | None, tuple[int, int, int, int]]:
    stretch = stretch_of(period.get("since"), period.get("until"), period.get("tz"), period.get("now", datetime.now(UTC) + timedelta(minutes=1)))
    usage = await UsageReport(house.db).read(account_id, stretch, by)
    return {item.key: (item.turns, item.input_tokens, item.output_tokens, item.amount_micros) for item in usage.items}


async def test_what_was_settled_is_added_up_by_each_of_its_facts(house: House) -> None:
    ann, bob, session, key = await house.account(BONUS), await house.account(BONUS), new_id(), new_id()
    await spend(house, ann, 100, model="main/x", agent="assistant", session_id=session)
    await spend(house, ann, 30, model="main/x", agent="assistant", session_id=session, api_key_id=key)
    await spend(house, ann, 500, model="main/y")
    await spend(house, ann, 0, model="parlor/offline", tokens=(7, 7))
    await spend(house, bob, 9, model="main/x")
    opened = await house.db.write(lambda tx: house.wallet.hold(tx, ann, 50, turn_id=new_id(), for_=HoldFor(model="main/x")))
    voided = await house.db.write(lambda tx: house.wallet.hold(tx, ann, 50, purpose="title", for_=HoldFor(model="main/x")))
    await house.db.write(lambda tx: house.wallet.void(tx, hold_id=voided.id))
    assert opened.state == "open"
    by_model = await keys(house, ann, "model")
    assert by_model == {"main/y": (1, 10, 5, 500), "main/x": (2, 20, 10, 130), "parlor/offline": (1, 7, 7, 0)}
    assert list(by_model) == ["main/y", "main/x", "parlor/offline"], "the dearest first"
    assert await keys(house, ann, "agent") == {None: (2, 17, 12, 500), "assistant": (2, 20, 10, 130)}
    assert await keys(house, ann, "session") == {None: (2, 17, 12, 500), str(session): (2, 20, 10, 130)}
    assert await keys(house, ann, "api_key") == {None: (3, 27, 17, 600), str(key): (1, 10, 5, 30)}
    assert await keys(house, ann, "day") == {datetime.now(UTC).date().isoformat(): (4, 37, 22, 630)}
    assert await keys(house, None, "user") == {str(ann): (4, 37, 22, 630), str(bob): (1, 10, 5, 9)}
    assert sum(each[3] for each in (await keys(house, None, "day")).values()) == 639
    assert await keys(house, await house.bare_account(), "model") == {}


async def test_days_begin_at_midnight_where_one_lives(house: House) -> None:
    ann = await house.account(BONUS)
    for then, cost in ((datetime(2026, 10, 31, 18, 14, 59, tzinfo=UTC), 1), (datetime(2026, 10, 31, 18, 15, tzinfo=UTC), 20), (NOW, 300)):
        await spend(house, ann, cost, then)
    span = {"since": "2026-10-01", "until": "2026-12-01"}
    amounts = lambda found: {day: counts[3] for day, counts in found.items()}  # noqa: E731
    assert amounts(await keys(house, ann, "day", **span)) == {"2026-10-31": 21, "2026-11-21": 300}
    assert amounts(await keys(house, ann, "day", **span, tz="Asia/Kathmandu")) == {"2026-10-31": 1, "2026-11-01": 20, "2026-11-21": 300}
    assert amounts(await keys(house, ann, "day", since="2026-11-01", until="2026-11-02", tz="Asia/Kathmandu")) == {"2026-11-01": 20}


async def test_the_beginning_belongs_to_it_and_the_end_does_not(house: House) -> None:
    ann = await house.account(BONUS)
    for then in (NOW, NOW + timedelta(microseconds=1), NOW + timedelta(hours=1)):
        await spend(house, ann, 1, then, model="m")
    times = {"since": "2026-11-21T12:00:00Z", "until": "2026-11-21T14:00:00+01:00"}
    assert (await keys(house, ann, "model", **times))["m"][0] == 2


async def test_more_keys_than_are_shown_are_said_to_be_more(house: House) -> None:
    ann = await house.account(BONUS)
    for cost in range(1, 4):
        await spend(house, ann, cost, model=f"m{cost}")
    usage = await UsageReport(house.db).read(ann, stretch_of(None, None, None, datetime.now(UTC) + timedelta(minutes=1)), "model", most=2)
    assert ([item.key for item in usage.items], usage.is_complete) == (["m3", "m2"], False)


def test_a_stretch_is_thirty_days_unless_it_is_said() -> None:
    assert stretch_of(None, None, None, NOW).since == NOW - timedelta(days=30)
    assert stretch_of(None, "2026-11-01", None, NOW).since == datetime(2026, 10, 2, tzinfo=UTC)
    berlin = stretch_of("2026-03-29", "2026-03-30", "Europe/Berlin", NOW)
    assert (berlin.since, berlin.until) == (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)), "a day of 23 hours"
    assert stretch_of("2026-11-01T12:00:00.5 01:00", None, None, NOW).since == datetime(2026, 11, 1, 11, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "since",
    [
        *("0000-01-01", "9999-12-31", "1999-12-31", "2026-02-30", "2026-11-01T12:00:00", "2026-11-01T23:59:60Z", "2026-11-01T25:00:00Z", "yesterday", ""),
        *("20261101", "2026-W01-1", "2026-11-01T12:00:00+99:00", "2026-11-22", "2020-01-01", "\u0662\u0660\u0662\u0666-11-01"),
    ],
)
def test_what_is_no_stretch_is_refused(since: str) -> None:
    with pytest.raises(InvalidPeriod):
        stretch_of(since, None, None, NOW)


@pytest.mark.parametrize("zone", ["Nowhere/City", "../../etc/passwd", "/etc/localtime", "", "Europe", "x" * 64])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidPeriod):
        stretch_of(None, None, zone, NOW)


def test_the_command_tells_it_to_people_and_to_programs(
    database_url: str, database_settings: DatabaseSettings, root_settings: RootSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARLOR_DATABASE__URL", database_url)

    async def prepare() -> None:
        async with open_database(database_settings, root_settings, SystemClock()) as db:
            house = House(db)
            ann = await house.bare_account("ann@example.com")
            await spend(house, ann, 40, model="main/x")

    asyncio.run(prepare())
    assert run(["wallet", "usage", "ann@example.com", "--by", "model", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"key": "main/x", "turns": 1, "input_tokens": 10, "output_tokens": 5, "amount_micros": 40}]
    assert run(["wallet", "usage", "ann@example.com"]) == 0
    assert datetime.now(UTC).date().isoformat() in capsys.readouterr().out
    for wrong, code in ((["nobody@example.com"], 1), (["ann@example.com", "--by", "colour"], 2), (["ann@example.com", "--from", "x"], 2)):
        assert run(["wallet", "usage", *wrong]) == code
        assert capsys.readouterr().err.count("\n") == 1
