"""Usage: how many turns, tokens and credits in a stretch of time, by day, model, agent, session, API key or, for administrators, user."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from parlor.core.db import Database, Transaction
from parlor.core.errors import Invalid
from parlor.wallet import usage_queries as queries

UsageBy = Literal["day", "model", "agent", "session", "api_key"]
UsageOfAllBy = Literal["day", "model", "agent", "session", "api_key", "user"]

USUAL = timedelta(days=30)
LONGEST = timedelta(days=1100)
MOST_ITEMS = 1000
_FIRST_YEAR, _LAST_YEAR = 2000, 2200

_PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)([Zz]|[+\- ]\d\d:\d\d)")


class InvalidPeriod(Invalid):
    code = "wallet.invalid_period"


class Stretch(msgspec.Struct, frozen=True):
    """Half open: `since` belongs to it, `until` does not. Days begin at midnight of `zone`."""

    since: datetime
    until: datetime
    zone: tzinfo = UTC


class UsageItem(msgspec.Struct, frozen=True):
    """`key` is a date, a name or an id as text; None: of no agent, session or key. `turns` counts single calls of a model as well."""

    key: str | None
    turns: int
    input_tokens: int
    output_tokens: int
    amount_micros: int


class Usage(msgspec.Struct, frozen=True):
    """`is_complete` is false when there are more than 1 000 items: those that cost least are left out."""

    stretch: Stretch
    items: Sequence[UsageItem]
    is_complete: bool = True


def stretch_of(since: str | None, until: str | None, zone: str | None, now: datetime) -> Stretch:
    """From dates (their midnight in the zone) or RFC 3339 times. Without both: the last 30 days. Raises InvalidPeriod."""
    place = _zone(zone)
    end = now if until is None else _moment("to", until, place)
    start = end - USUAL if since is None else _moment("from", since, place)
    if not start < end:
        raise InvalidPeriod("`from` must be before `to`. The day or moment of `to` itself is not part of the time that is asked for.")
    if end - start > LONGEST:
        raise InvalidPeriod(f"Ask for {LONGEST.days} days at most.")
    return Stretch(start.astimezone(UTC), end.astimezone(UTC), place)


def _zone(name: str | None) -> tzinfo:
    if name is None or name in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidPeriod("`tz` is no time zone that is known here: use a name such as Europe/Berlin.") from error


def _moment(field: str, text: str, place: tzinfo) -> datetime:
    try:
        if _PLAIN_DATE.fullmatch(text):
            moment = datetime.combine(date.fromisoformat(text), time(), place)
        elif found := _TIME.fullmatch(text):
            # an unescaped + of an address arrives as a space
            offset = found[3].replace(" ", "+").upper()
            moment = datetime.fromisoformat(f"{found[1]}T{found[2][:15]}{offset}")
        else:
            raise ValueError(text)
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise ValueError(text)
        return moment
    except ValueError as error:
        raise InvalidPeriod(f"`{field}` must be a date such as 2026-11-01, or a time with its zone such as 2026-11-01T12:00:00Z.") from error


class UsageReport:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self, account_id: UUID | None, stretch: Stretch, by: UsageOfAllBy, *, most: int = MOST_ITEMS) -> Usage:
        """Of an account, or with None of all. Days come in their order, all else by what it cost."""
        if by == "day":
            return Usage(stretch, await self._days(account_id, stretch))
        rows = await self._db.read(lambda tx: queries.by_key(tx, by, account_id, stretch.since, stretch.until, most + 1))
        items = [UsageItem(None if row.key is None else str(row.key), *_counts(row)) for row in rows]
        return Usage(stretch, items[:most], len(items) <= most)

    async def _days(self, account_id: UUID | None, stretch: Stretch) -> Sequence[UsageItem]:
        in_utc = stretch.zone is UTC

        def read(tx: Transaction) -> Sequence[Any]:
            return queries.by_slot(tx, account_id, stretch.since, stretch.until, whole_days=in_utc)

        days: dict[str, tuple[int, ...]] = {}
        for row in await self._db.read(read):
            seconds = row.key * (86_400 if in_utc else queries.SLOT_SECONDS)
            day = datetime.fromtimestamp(seconds, stretch.zone).date().isoformat()
            days[day] = tuple(map(sum, zip(days.get(day, (0, 0, 0, 0)), _counts(row), strict=True)))
        return [UsageItem(day, *counts) for day, counts in days.items()]


def _counts(row: Any) -> tuple[int, int, int, int]:
    return row.turns, row.input_tokens, row.output_tokens, row.amount_micros
