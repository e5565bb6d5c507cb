"""What administrators and the command line do to other people's accounts."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from parlor.accounts import queries
from parlor.accounts.account import Account, Role, Status
from parlor.accounts.authenticator import Authenticator
from parlor.accounts.erasure_queries import find_erasure_of
from parlor.accounts.errors import AccountNotFound, EmailTaken, LastAdministrator
from parlor.accounts.events import UserEmailChanged, UserGroupsChanged, UserRoleChanged, UserStatusChanged
from parlor.accounts.profiles import change_profile
from parlor.accounts.sign_ins import SignIns
from parlor.accounts.text import clean_groups, id_in, normalise_email, normalise_username
from parlor.core.db import Database, Transaction
from parlor.core.events import Events


class Filter(msgspec.Struct, frozen=True):
    """Which accounts to list. `search` is looked for in email, username and display name."""

    search: str = ""
    role: Role | None = None
    status: Status | None = None
    group: str | None = None


class Administration:
    def __init__(self, db: Database, sign_ins: SignIns, authenticator: Authenticator, events: Events) -> None:
        self._db = db
        self._sign_ins = sign_ins
        self._authenticator = authenticator
        self._events = events

    async def list(self, wanted: Filter | None = None, *, before: UUID | None = None, most: int) -> "list[Account]":
        """The newest accounts that are older than the account `before`."""
        wanted, start = wanted or Filter(), before or queries.NEWEST
        return await self._db.read(
            lambda tx: queries.list_accounts(
                tx, before=start, most=most, search=wanted.search, role=wanted.role, status=wanted.status, group=wanted.group
            )
        )  # fmt: skip

    async def find(self, who: str) -> Account:
        """By email, username or id, in any spelling. Raises `AccountNotFound`."""
        account = await self._db.read(lambda tx: queries.find_by_any_name(tx, who))
        if account is None:
            raise AccountNotFound(f"No account has the address, username or id {who}.")
        return account

    async def find_id(self, who: str) -> UUID:
        """As `find`, and the id of an erased account too. Raises `AccountNotFound`."""
        try:
            return (await self.find(who)).id
        except AccountNotFound:
            erased = await self._db.read(lambda tx: find_erasure_of(tx, account_id) if (account_id := id_in(who)) else None)
            if erased is None:
                raise
            return erased.account_id

    async def change(
        self,
        account_id: UUID,
        *,
        role: Role | None = None,
        status: Status | None = None,
        groups: Iterable[str] | None = None,
        email: str | None = None,
        profile: Mapping[str, Any] | None = None,
    ) -> Account:
        """A new role or status ends every sign-in of the account, new groups or a new address do not.

        Raises `AccountNotFound`, `LastAdministrator`, `EmailTaken`, `InvalidEmail`, `InvalidGroups`, and what a profile change raises.
        """
        profile = dict(profile or {})
        if profile.get("username") is not None:
            profile["username"] = normalise_username(profile["username"])
        address = normalise_email(email) if email is not None else None

        def change(tx: Transaction) -> Account:
            account = self._set_standing(tx, account_id, role, status)
            if groups is not None:
                account = self._set_groups(tx, account, clean_groups(groups))
            if address is not None:
                account = self._set_email(tx, account, address)
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
        account, is_last = lock_with_admins(tx, account_id)
        role, status = role or account.role, status or account.status
        if (role, status) == (account.role, account.status):
            return account
        if is_last and (role, status) != ("admin", "active"):
            raise LastAdministrator
        changed = _there(queries.set_standing(tx, account_id, role=role, status=status))
        self._sign_ins.end_all(tx, account_id, "standing_changed")
        if role != account.role:
            self._events.record(tx, UserRoleChanged(account_id=account_id, role=role))
        if status != account.status:
            self._events.record(tx, UserStatusChanged(account_id=account_id, status=status))
        return changed

    def _set_groups(self, tx: Transaction, account: Account, groups: tuple[str, ...]) -> Account:
        if groups == account.groups:
            return account
        self._events.record(tx, UserGroupsChanged(account_id=account.id, groups=groups))
        tx.after_commit(lambda: self._authenticator.forget(account.id))
        return _there(queries.set_groups(tx, account.id, groups))

    def _set_email(self, tx: Transaction, account: Account, address: str) -> Account:
        if address == account.email:
            return account
        queries.reserve_name(tx, address)
        if queries.find_by_email(tx, address) is not None:
            raise EmailTaken
        changed = _there(queries.set_email(tx, account.id, address))
        self._events.record(tx, UserEmailChanged(account_id=account.id))  # whoever hears it at once must find the new address
        return changed


def lock_with_admins(tx: Transaction, account_id: UUID) -> tuple[Account, bool]:
    """The account, which nobody else changes until the end of the transaction, and whether it is the last active administrator.

    Administrators are locked first, all of them in one order, so that two who take each other's role away cannot both succeed. Raises `AccountNotFound`.
    """
    admins = queries.lock_active_admins(tx)
    account = queries.lock_account(tx, account_id)
    if account is None:
        raise AccountNotFound
    return account, admins == [account_id]


def _there(changed: Account | None) -> Account:
    assert changed is not None, "it is locked"
    return changed
