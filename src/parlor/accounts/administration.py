"""What administrators and the command line do to other people's accounts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from parlor.accounts import queries
from parlor.accounts.account import Account, Role, Status
from parlor.accounts.errors import AccountNotFound, LastAdministrator
from parlor.accounts.events import UserRoleChanged, UserStatusChanged
from parlor.accounts.profiles import change_profile
from parlor.accounts.sign_ins import SignIns
from parlor.accounts.text import normalise_email, normalise_username
from parlor.core.db import Database, Transaction
from parlor.core.events import Events


class Administration:
    def __init__(self, db: Database, sign_ins: SignIns, events: Events) -> None:
        self._db = db
        self._sign_ins = sign_ins
        self._events = events

    async def list(self, *, before: UUID | None = None, most: int) -> "list[Account]":
        """The newest accounts that are older than the account `before`."""
        return await self._db.read(lambda tx: queries.list_accounts(tx, before=before or queries.NEWEST, most=most))

    async def change(self, account_id: UUID, *, role: Role | None = None, status: Status | None = None, profile: Mapping[str, Any] | None = None) -> Account:
        """A new role or status ends every sign-in of the account. Raises `AccountNotFound`, `LastAdministrator`, and what a profile change raises."""
        profile = dict(profile or {})
        if profile.get("username") is not None:
            profile["username"] = normalise_username(profile["username"])

        def change(tx: Transaction) -> Account:
            account = self._set_standing(tx, account_id, role, status)
            return change_profile(tx, account_id, profile) if profile else account

        return await self._db.write(change)

    async def promote(self, email: str) -> Account:
        """Make an administrator of an account. Raises `AccountNotFound`, `InvalidEmail`."""
        address = normalise_email(email)

        def promote(tx: Transaction) -> Account:
            account = queries.find_by_email(tx, address)
            if account is None:
                raise AccountNotFound(f"No account has the address {address}.")
            return self._set_standing(tx, account.id, "admin", None)

        return await self._db.write(promote)

    def _set_standing(self, tx: Transaction, account_id: UUID, role: Role | None, status: Status | None) -> Account:
        admins = queries.lock_active_admins(tx)
        account = queries.lock_account(tx, account_id)
        if account is None:
            raise AccountNotFound
        role, status = role or account.role, status or account.status
        if (role, status) == (account.role, account.status):
            return account
        if admins == [account_id] and (role, status) != ("admin", "active"):
            raise LastAdministrator
        changed = queries.set_standing(tx, account_id, role=role, status=status)
        assert changed is not None, "it is locked"
        self._sign_ins.end_all(tx, account_id, "standing_changed")
        if role != account.role:
            self._events.record(tx, UserRoleChanged(account_id=account_id, role=role))
        if status != account.status:
            self._events.record(tx, UserStatusChanged(account_id=account_id, status=status))
        return changed
