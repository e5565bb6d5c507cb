"""Everything that is stored about an account, as one zip file."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast
from uuid import UUID

import msgspec

from parlor.accounts import queries
from parlor.accounts.errors import AccountNotFound
from parlor.accounts.events import UserExported
from parlor.core.archive import Member, archive
from parlor.core.clock import Clock
from parlor.core.collected import UserDataSources
from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.userdata import HasFiles, UserData

_INTRODUCTION = """This is everything that Parlor stores about one account.

Account   {account_id}
Made at   {made_at}

Files ending in .json are JSON in UTF-8. Times are RFC 3339 in UTC; amounts of credit are millionths of a credit.
Passwords, tokens and keys are not in it: they are stored as hashes that say nothing.

"""
_PIECE_BYTES = 32 * 1024


class Exports:
    def __init__(self, db: Database, sources: UserDataSources, events: Events, clock: Clock) -> None:
        self._db = db
        self._sources = sources
        self._events = events
        self._clock = clock

    async def open(self, account_id: UUID) -> AsyncIterator[bytes]:
        """The zip file, piece by piece, as it is read from the database. Raises `AccountNotFound` at once."""

        def record(tx: Transaction) -> None:
            if queries.find_account(tx, account_id) is None:
                raise AccountNotFound
            self._events.record(tx, UserExported(account_id=account_id))

        await self._db.write(record)
        return archive(self._members(account_id), self._clock.now())

    async def _members(self, account_id: UUID) -> AsyncIterator[Member]:
        lines: list[str] = []
        for source in self._sources:
            for name, value in (await source.export(account_id)).items():
                path = f"{source.name}/{name}.json"
                lines.append(f"{path}: {source.describes.get(name, f'Stored by the module {source.name}.')}\n")
                yield Member(path, _json(value))
            async for file in _files(source, account_id):
                yield file
        readme = _INTRODUCTION.format(account_id=account_id, made_at=self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"))
        yield Member("README.txt", _once((readme + "".join(lines)).encode()))


async def _files(source: UserData, account_id: UUID) -> AsyncIterator[Member]:
    if isinstance(source, HasFiles):
        async for file in source.files(account_id):
            yield Member(f"{source.name}/files/{file.path}", file.chunks, is_large=True)


async def _once(whole: bytes) -> AsyncIterator[bytes]:
    yield whole


def _json(value: Any) -> AsyncIterator[bytes]:
    return _array(cast("AsyncIterator[Any]", value)) if isinstance(value, AsyncIterator) else _once(_encoded(value, indent=2) + b"\n")


async def _array(items: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """A row a line."""
    piece = bytearray(b"[")
    separator = b"\n"
    async with aclosing(cast("Any", items)) as rows:
        async for item in rows:
            piece += separator + _encoded(item)
            separator = b",\n"
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
    yield bytes(piece) + b"\n]\n"


def _encoded(value: Any, *, indent: int = -1) -> bytes:
    """Times with Z, ids as text; a row of the database as an object."""
    plain: Any = value._asdict() if hasattr(value, "_asdict") else value
    encoded = msgspec.json.encode(plain, enc_hook=str)
    return msgspec.json.format(encoded, indent=indent) if indent > 0 and isinstance(value, Mapping | list) else encoded
