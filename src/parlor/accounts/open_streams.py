"""Streams that are open, and who reads them: one that outlives its reader's right to it ends within seconds (SEC-08)."""

import asyncio
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from parlor.accounts import reader_queries as queries
from parlor.accounts.authenticator import Authenticator
from parlor.accounts.caller import Caller
from parlor.core.db import Database
from parlor.core.log import get_logger

if TYPE_CHECKING:
    from parlor.core.web.sse import Held

LOOKING_SECONDS = 2.0
_PAGE = 500

log = get_logger("parlor.accounts")


class _Stream(msgspec.Struct, frozen=True, eq=False):
    caller: Caller
    end: Callable[[], None]


class OpenStreams:
    """Asks the database about all readers together, every `looking_seconds` while there are any: nothing is done per stream or per piece of it.

    Of a sign-in it asks whether it still is one, not how long the access token lasts: that may be renewed meanwhile.
    While the database does not answer, streams go on; nobody loses a right in that time.
    """

    def __init__(self, db: Database, authenticator: Authenticator, *, looking_seconds: float = LOOKING_SECONDS) -> None:
        self._db = db
        self._authenticator = authenticator
        self._looking_seconds = looking_seconds
        self._open: set[_Stream] = set()
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def of(self, caller: Caller) -> "Held":
        """For `EventStream(..., held=streams.of(caller))`."""
        return partial(self._hold, caller)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    @contextmanager
    def _hold(self, caller: Caller, end: Callable[[], None]) -> Generator[None]:
        stream = _Stream(caller, end)
        self._open.add(stream)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_while_open(), name="readers of streams")
        try:
            yield
        finally:
            self._open.discard(stream)

    async def _look_while_open(self) -> None:
        try:
            while self._open:
                await asyncio.sleep(self._looking_seconds)
                try:
                    await self._end_those_without_right()
                except Exception as error:
                    log.warning("the readers of open streams cannot be looked up", exc_info=error)
        finally:
            self._looking = None

    async def _end_those_without_right(self) -> None:
        left = iter(list(self._open))
        while page := list(islice(left, _PAGE)):
            for stream in await self._without_right(page):
                stream.end()
                self._authenticator.forget(stream.caller.account_id)  # so that the next request does not get by on what was true a moment ago

    async def _without_right(self, page: Iterable[_Stream]) -> list[_Stream]:
        callers = {stream.caller for stream in page}
        readers = queries.Readers(
            accounts={caller.account_id for caller in callers},
            sign_ins={caller.sign_in_id for caller in callers if caller.sign_in_id is not None},
            api_keys={caller.api_key_id for caller in callers if caller.api_key_id is not None},
        )
        living = await self._db.read(lambda tx: queries.living(tx, readers))
        return [stream for stream in page if not _is_among(stream.caller, living)]


def _is_among(caller: Caller, living: queries.Readers) -> bool:
    return (
        caller.account_id in living.accounts
        and (caller.sign_in_id is None or caller.sign_in_id in living.sign_ins)
        and (caller.api_key_id is None or caller.api_key_id in living.api_keys)
    )
