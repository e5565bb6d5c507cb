"""Erasing an account: nobody can use it from the first transaction on; then every module removes what it holds, and the files lose the bytes.

A job does all of it a second time some seconds later. By then nobody who was signed in on another server is let in any more, so what they wrote in
between goes too; and when the process that began dies in the middle, that job is what goes on.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from parlor.accounts import erasure_queries, queries
from parlor.accounts.administration import lock_with_admins
from parlor.accounts.erased_addresses import ErasedAddresses
from parlor.accounts.errors import AccountNotFound, InvalidCredentials, LastAdministrator
from parlor.accounts.events import UserErased
from parlor.accounts.passwords import Passwords
from parlor.accounts.sign_ins import SignIns
from parlor.core.collected import UserDataSources
from parlor.core.db import Database, Transaction
from parlor.core.events import Events, without_address
from parlor.core.ids import new_id
from parlor.core.jobs import Job, Jobs
from parlor.core.log import get_logger
from parlor.core.userdata import StopsWork

AGAIN_SECONDS = 10
"""More than what a server remembers of an account may be old (5 s), and than a turn takes to begin."""
WAIT_SECONDS = 20.0
_JOB = "accounts.finish_erasure"

log = get_logger("parlor.accounts")


class Receipt(msgspec.Struct, frozen=True):
    """`erased_at` is None while the work goes on. `counts` says by module how many rows or objects were removed or unnamed."""

    account_id: UUID
    requested_at: datetime
    erased_at: datetime | None
    counts: Mapping[str, int]


class Erasure:
    def __init__(
        self,
        db: Database,
        sources: UserDataSources,
        sign_ins: SignIns,
        passwords: Passwords,
        addresses: ErasedAddresses,
        jobs: Jobs,
        events: Events,
    ) -> None:
        self._db = db
        self._sources = sources
        self._sign_ins = sign_ins
        self._passwords = passwords
        self._addresses = addresses
        self._jobs = jobs
        self._events = events
        self._working: set[asyncio.Task[None]] = set()

    async def erase_own(self, account_id: UUID, password: str | None) -> Receipt:
        """For the person themselves. A front end that asks them again for their password passes it on. Raises `InvalidCredentials`, and what `erase` raises."""
        if password is not None:
            stored = await self._db.read(lambda tx: queries.password_hash(tx, account_id))
            if not await self._passwords.verify(stored, password):
                raise InvalidCredentials("This is not the password of the account.")
        return await self.erase(account_id)

    async def erase(self, account_id: UUID) -> Receipt:
        """Repeating it is fine: the same receipt. Waits some seconds for the end; the work goes on without whoever asked.

        Raises `AccountNotFound`, and `LastAdministrator`.
        """
        erasure_id = await self._db.write(lambda tx: self._begin(tx, account_id))
        task = asyncio.create_task(self.carry_out(erasure_id), name=f"erasure {erasure_id}")
        self._working.add(task)
        task.add_done_callback(self._note_end)
        await asyncio.wait([task], timeout=WAIT_SECONDS)
        return _receipt(await self._db.read(lambda tx: erasure_queries.get_erasure(tx, erasure_id)))

    async def carry_out(self, erasure_id: UUID) -> None:
        """From wherever it stands to the end; twice does no harm. Raises `Unavailable` when a turn does not stop or the files are in use."""
        account_id = (await self._db.read(lambda tx: erasure_queries.get_erasure(tx, erasure_id))).account_id
        for source in self._sources:
            if isinstance(source, StopsWork):
                await source.stop(account_id)
        for source in reversed(self._sources):  # what stands above uses what stands below, and records events while it is at it
            count = await source.erase(account_id)
            await self._db.write(lambda tx, name=source.name, count=count: erasure_queries.add_to_receipt(tx, erasure_id, {name: count}))
        await self._db.scrub({table for source in self._sources for table in source.tables})
        await self._db.write(lambda tx: self._finish(tx, erasure_id))

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("erasure.goes_on_later", error=type(error).__name__)

    def job(self) -> Job:
        async def run(args: Mapping[str, Any]) -> None:
            await self.carry_out(UUID(args["erasure_id"]))

        return Job(_JOB, run, attempts=50, timeout_seconds=900, retry_seconds=(2, 5, 30, 300))

    def _begin(self, tx: Transaction, account_id: UUID) -> UUID:
        """From this commit on the account is gone for everybody, its own sign-ins too."""
        try:
            account, is_last_admin = lock_with_admins(tx, account_id)
        except AccountNotFound:
            if (begun := erasure_queries.find_erasure_of(tx, account_id)) is None:
                raise
            return begun.id
        if is_last_admin:
            raise LastAdministrator
        if account.email is not None:
            self._addresses.remember(tx, account.email)
        queries.erase_account(tx, account_id)
        self._sign_ins.end_all(tx, account_id, "erased")
        erasure_id = new_id()
        erasure_queries.insert_erasure(tx, erasure_id, account_id)
        erasure_queries.add_to_receipt(tx, erasure_id, {"accounts": 1})
        self._jobs.enqueue(tx, _JOB, {"erasure_id": str(erasure_id)}, delay_seconds=AGAIN_SECONDS)
        return erasure_id

    def _finish(self, tx: Transaction, erasure_id: UUID) -> None:
        if (done := erasure_queries.finish_erasure(tx, erasure_id)) is not None:
            with without_address():
                self._events.record(tx, UserErased(account_id=None, user_id=done.account_id, receipt=done.receipt))


def _receipt(stored: erasure_queries.StoredErasure) -> Receipt:
    return Receipt(stored.account_id, stored.requested_at, stored.erased_at, stored.receipt)
