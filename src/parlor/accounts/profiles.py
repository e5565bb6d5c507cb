"""What people say about themselves."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from parlor.accounts import queries
from parlor.accounts.account import Account
from parlor.accounts.errors import AccountNotFound, UsernameTaken
from parlor.accounts.text import normalise_username
from parlor.core.db import Database, Transaction

FIELDS = ("display_name", "username", "avatar_url", "locale", "preferences")


class Profiles:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self, account_id: UUID) -> Account:
        """Raises `AccountNotFound`."""
        account = await self._db.read(lambda tx: queries.find_account(tx, account_id))
        if account is None:
            raise AccountNotFound
        return account

    async def change(self, account_id: UUID, changes: Mapping[str, Any]) -> Account:
        """Set the named ones of `FIELDS` and leave the others; `preferences` are replaced as a whole.

        Raises `AccountNotFound`, `InvalidUsername`, `UsernameTaken`.
        """
        if changes.get("username") is not None:
            changes = {**changes, "username": normalise_username(changes["username"])}
        return await self._db.write(lambda tx: change_profile(tx, account_id, changes))


def change_profile(tx: Transaction, account_id: UUID, changes: Mapping[str, Any]) -> Account:
    """`Profiles.change` in a larger transaction; a username in its one spelling."""
    account = queries.lock_account(tx, account_id)
    if account is None:
        raise AccountNotFound
    username = changes.get("username")
    if username is not None and username != account.username:
        queries.reserve_name(tx, username)
        if queries.find_by_username(tx, username) is not None:
            raise UsernameTaken
    values = {name: changes[name] if name in changes else getattr(account, name) for name in FIELDS}
    changed = queries.set_profile(tx, account_id, **values)
    assert changed is not None, "it is locked"
    return changed
