"""Background work of accounts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from parlor.accounts import identity_queries, mailed_token_queries
from parlor.accounts import sign_in_queries as queries
from parlor.accounts.erased_addresses import ErasedAddresses
from parlor.accounts.settings import AuthSettings
from parlor.core.db import Database
from parlor.core.jobs import Job


class Pruning:
    """Deletes sign-ins and used refresh tokens once no token of that time could be accepted any more, so that the tables do not grow with every refresh.

    With them go sign-ins at an issuer that nobody came back from in time, marks of erased addresses that were kept long enough, and mailed tokens that have
    expired: a mail that is tried again is given up before.
    """

    def __init__(self, db: Database, settings: AuthSettings, addresses: ErasedAddresses) -> None:
        self._db = db
        self._addresses = addresses
        self._kept = timedelta(seconds=settings.refresh_token_seconds)

    async def run(self, args: Mapping[str, Any]) -> None:
        while await self._db.write(lambda tx: queries.prune_page(tx, tx.now() - self._kept), bulk=True):
            pass
        while await self._db.write(identity_queries.prune_flows, bulk=True):
            pass
        while await self._db.write(self._addresses.prune_page, bulk=True):
            pass
        while await self._db.write(lambda tx: mailed_token_queries.prune_page(tx, tx.now()), bulk=True):
            pass

    def job(self) -> Job:
        return Job("accounts.prune", self.run, every_seconds=3600, first_after_seconds=120)
