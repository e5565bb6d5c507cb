"""Making accounts: the one place that inserts one and says so."""

from typing import NoReturn

import msgspec

from parlor.accounts import queries
from parlor.accounts.account import Account, Role
from parlor.accounts.erased_addresses import ErasedAddresses
from parlor.accounts.errors import EmailTaken, SetupDone, UsernameTaken
from parlor.accounts.events import UserRegistered
from parlor.core.db import Transaction
from parlor.core.errors import Conflict
from parlor.core.events import Events
from parlor.core.ids import new_id


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Names in their one spelling (see `text`). Without a hash nobody can sign in with a password."""

    email: str | None = None
    username: str | None = None
    display_name: str | None = None
    password_hash: str | None = None
    role: Role = "user"
    groups: tuple[str, ...] = ()
    email_verified: bool = False


class Registry:
    def __init__(self, events: Events, addresses: ErasedAddresses) -> None:
        self._events = events
        self._addresses = addresses

    def add(self, tx: Transaction, new: NewAccount) -> Account:
        """An account, and what belongs to it in the same transaction (its wallet, by `user.registered`). Raises `EmailTaken`, `UsernameTaken`."""
        claims_first = new.role == "admin" and not queries.has_admin(tx)
        account = self._insert(tx, new, is_first_admin=claims_first)
        if account is None and claims_first:  # somebody became the first administrator a moment ago, which is no reason to refuse a second
            account = self._insert(tx, new, is_first_admin=False)
        return self._announced(tx, account) if account is not None else self._refuse(tx, new)

    def add_first_administrator(self, tx: Transaction, new: NewAccount) -> Account:
        """At most one ever comes out of this, whoever tries at the same time: a unique index sees to it. Raises `SetupDone`."""
        if queries.is_set_up(tx):
            raise SetupDone
        account = self._insert(tx, new, is_first_admin=True)
        if account is not None:
            return self._announced(tx, account)
        if queries.is_set_up(tx):  # by somebody who was faster
            raise SetupDone
        return self._refuse(tx, new)

    def _insert(self, tx: Transaction, new: NewAccount, *, is_first_admin: bool) -> Account | None:
        return queries.insert_account(
            tx,
            id=new_id(),
            email=new.email,
            username=new.username,
            display_name=new.display_name,
            role=new.role,
            email_verified=new.email_verified,
            password_hash=new.password_hash,
            is_first_admin=is_first_admin,
            groups=list(new.groups),
        )

    def _announced(self, tx: Transaction, account: Account) -> Account:
        is_returning = account.email is not None and self._addresses.knows(tx, account.email)
        self._events.record(
            tx,
            UserRegistered(account_id=account.id, email=account.email, username=account.username, role=account.role, is_returning=is_returning),
        )
        return account

    @staticmethod
    def _refuse(tx: Transaction, new: NewAccount) -> NoReturn:
        if new.email is not None and queries.find_by_email(tx, new.email) is not None:
            raise EmailTaken
        if new.username is not None and queries.find_by_username(tx, new.username) is not None:
            raise UsernameTaken
        raise Conflict("Somebody took this address or username and gave it back at the same moment: try again.")
