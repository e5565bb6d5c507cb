"""What administrators say that models cost: dated versions, of which the newest counts for what begins afterwards."""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.wallet import price_queries as queries
from parlor.wallet.events import PriceChanged
from parlor.wallet.price import Price, SetPrice

FRESH_SECONDS = 5
"""How old the prices in memory may be: a price that another process has set counts here after that."""

MOST_VERSIONS = 1000
_A_MOMENT = timedelta(microseconds=1)


class CurrentPrices:
    """The newest price of every model that has one, as this process has read it last. Asked on the path of every turn; never reads."""

    def __init__(self) -> None:
        self.by_model: Mapping[str, SetPrice] = {}

    def of(self, model: str) -> SetPrice | None:
        """`model` is the whole name: main/gpt-x."""
        return self.by_model.get(model)


class PriceRecord(msgspec.Struct, frozen=True):
    """A version with who set it: None is the command line."""

    price: SetPrice
    set_by: UUID | None


class PriceBook:
    def __init__(self, db: Database, events: Events, current: CurrentPrices) -> None:
        self._db = db
        self._events = events
        self._current = current
        self._reading = asyncio.Lock()
        self._read_at: float | None = None
        self.fresh_seconds: float = FRESH_SECONDS

    def price_of(self, model: str) -> SetPrice | None:
        """From memory: after `fresh`, at most 5 s old."""
        return self._current.of(model)

    def models(self) -> set[str]:
        """Those that have had a price set."""
        return set(self._current.by_model)

    async def fresh(self) -> None:
        """Before prices are asked for. One read for all who wait; none when the last one was a moment ago."""
        if not self._is_fresh():
            async with self._reading:
                if not self._is_fresh():
                    await self._read()

    async def set(self, model: str, price: Price, *, set_by: UUID | None) -> SetPrice:
        """The price of what begins from now on; in this process at once. The same price again is no new version."""
        version = await self._db.write(lambda tx: self._add(tx, model, price, set_by))
        async with self._reading:  # after any read that began before this was committed
            await self._read()
        return version

    async def history(self, model: str) -> list[PriceRecord]:
        """Every version, the newest first; 1 000 at most."""
        rows = await self._db.read(lambda tx: queries.versions(tx, model, MOST_VERSIONS))
        return [PriceRecord(_price(row), row.set_by) for row in rows]

    def find_version(self, tx: Transaction, version_id: UUID) -> SetPrice | None:
        """For whoever has kept the id only."""
        row = queries.find_version(tx, version_id)
        return None if row is None else _price(row)

    def _is_fresh(self) -> bool:
        return self._read_at is not None and time.monotonic() - self._read_at < self.fresh_seconds

    async def _read(self) -> None:
        began = time.monotonic()
        rows = await self._db.read(queries.newest)
        self._current.by_model = {row.model: _price(row) for row in rows}
        self._read_at = began

    def _add(self, tx: Transaction, model: str, price: Price, set_by: UUID | None) -> SetPrice:
        queries.lock_model(tx, model)
        newest = next((_price(row) for row in queries.versions(tx, model, 1)), None)
        asked = {"input_micros_per_mtok": price.input_micros_per_mtok, "output_micros_per_mtok": price.output_micros_per_mtok}
        if newest is not None and (newest.input_micros_per_mtok, newest.output_micros_per_mtok) == tuple(asked.values()):
            return newest
        # a transaction that had to wait began before the version that it follows
        valid_from = tx.now() if newest is None else max(tx.now(), newest.valid_from + _A_MOMENT)
        added = SetPrice(**asked, version=new_id(), valid_from=valid_from)
        queries.add_version(tx, version_id=added.version, model=model, **asked, set_by=set_by, valid_from=valid_from)
        self._events.record(tx, PriceChanged(account_id=set_by, model=model, **asked))
        return added


def _price(row: Any) -> SetPrice:
    return SetPrice(row.input_micros_per_mtok, row.output_micros_per_mtok, row.id, row.valid_from)
