"""What a module stores about a person: the pieces of export and erasure.

A module lists one `UserData` in `Module.user_data`. Two more things it may do, by having the method: `StopsWork` and `HasFiles`.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction

T = TypeVar("T")


class UserData(Protocol):
    """One module's answer to "what do you hold about this account?". Both methods run in pages of their own transactions and may run twice."""

    @property
    def name(self) -> str:
        """The module's: the folder in the export, the key in the receipt."""
        ...

    @property
    def tables(self) -> Collection[str]:
        """Every table of the module with rows of accounts, directly or through a parent. A test finds the one that nobody lists."""
        ...

    describes: ClassVar[Mapping[str, str]]
    """A sentence for each name that `export` may give, for the person who opens the export."""

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        """What a file each holds, by its name (without ending). JSON-ready values; an async iterator becomes an array, written as it comes.

        Secrets, and hashes of them, are never in it.
        """
        ...

    async def erase(self, account_id: UUID) -> int:
        """Remove or unname everything of this account; returns how many rows or objects were touched.

        Runs once at once and again a few seconds later, when nobody who was signed in can write any more.
        """
        ...


@runtime_checkable
class StopsWork(Protocol):
    """Of a module that works for accounts in the background."""

    async def stop(self, account_id: UUID) -> None:
        """Before anything is erased: end what runs for this account, wherever it runs. Raises `Unavailable` when it does not end."""
        ...


class ExportedFile(msgspec.Struct, frozen=True):
    """`path` stands below the module's folder `files`. `chunks` is read once, to its end."""

    path: str
    chunks: AsyncIterator[bytes]


@runtime_checkable
class HasFiles(Protocol):
    """Of a module that keeps more than JSON."""

    def files(self, account_id: UUID) -> AsyncIterator[ExportedFile]: ...


async def each_row(db: Database, read: Callable[[Transaction, T | None], Sequence[T]]) -> AsyncIterator[T]:
    """All rows, a page a transaction: `read` gets the last row it gave (None at first) and gives those behind it."""
    last: T | None = None
    while page := await db.read(lambda tx, last=last: read(tx, last)):
        for row in page:
            yield row
        last = page[-1]
