"""Where somebody is signed in, and ending it from elsewhere."""

from uuid import UUID

from parlor.accounts import sign_in_queries as queries
from parlor.accounts.authenticator import Authenticator
from parlor.accounts.errors import NoSuchSignIn
from parlor.accounts.queries import NEWEST
from parlor.accounts.sign_in_queries import SignIn
from parlor.core.db import Database, Transaction

_REASON = "ended_elsewhere"


class Devices:
    """What is ended here is over in this process at once and everywhere within seconds (see `Authenticator`), its refresh tokens too."""

    def __init__(self, db: Database, authenticator: Authenticator) -> None:
        self._db = db
        self._authenticator = authenticator

    async def list(self, account_id: UUID, *, before: UUID | None = None, most: int) -> "list[SignIn]":
        """Those that still work, the newest older than the sign-in `before` first."""
        return await self._db.read(lambda tx: queries.list_living_sign_ins(tx, account_id, before=before or NEWEST, most=most))

    async def end(self, account_id: UUID, sign_in_id: UUID) -> None:
        """Raises `NoSuchSignIn`, also for one that is over."""

        def end(tx: Transaction) -> None:
            if not queries.end_sign_in_of(tx, account_id, sign_in_id, _REASON):
                raise NoSuchSignIn
            tx.after_commit(lambda: self._authenticator.forget(account_id))

        await self._db.write(end)

    async def end_all(self, account_id: UUID, *, but: UUID | None = None) -> None:
        """`but` is spared: the one that asks."""

        def end(tx: Transaction) -> None:
            queries.end_all_sign_ins(tx, account_id, _REASON, but=but)
            tx.after_commit(lambda: self._authenticator.forget(account_id))

        await self._db.write(end)
