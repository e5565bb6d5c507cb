"""Tokens that travel in mailed links: whoever has one can read the mailbox.

A token is derived from the id of its mail with the installation's secret. So no row, job or log ever holds it, and a mail that has to be sent a second
time is the same mail: nobody gets two links of which one is dead.
"""

import hashlib
from datetime import timedelta
from typing import Literal
from uuid import UUID

from parlor.accounts import mailed_token_queries as tokens
from parlor.accounts import queries
from parlor.accounts.account import Account
from parlor.accounts.errors import InvalidLink
from parlor.accounts.settings import AuthSettings
from parlor.core.crypto import SecretKey
from parlor.core.db import Transaction

Purpose = Literal["verify_email", "reset_password"]

_SIZE = 43


class MailedTokens:
    def __init__(self, settings: AuthSettings, key: SecretKey) -> None:
        self._key = key
        self._seconds: dict[Purpose, int] = {"verify_email": settings.verify_email_seconds, "reset_password": settings.reset_password_seconds}

    def lifetime_seconds(self, purpose: Purpose) -> int:
        return self._seconds[purpose]

    def issue(self, tx: Transaction, purpose: Purpose, account: Account, mail_id: UUID) -> str | None:
        """The token of that mail, which lives from now on. None when it was used or is void: then the mail has no more sense."""
        assert account.email is not None, "only who has an address gets mail"
        text = self._key.sign(f"mailed token: {purpose}", mail_id.bytes)
        expires_at = tx.now() + timedelta(seconds=self._seconds[purpose])
        return text if tokens.put_token(tx, _digest(text), account.id, purpose, account.email, expires_at) else None

    def find(self, tx: Transaction, purpose: Purpose, text: str) -> Account:
        """Whose it is. Raises `InvalidLink` for one that is unknown, used, void or expired, or was sent to an address that the account has no more."""
        found = tokens.find_token(tx, _digest(text), purpose) if len(text) == _SIZE and text.isascii() else None
        account = queries.find_account(tx, found.account_id) if found is not None else None
        if found is None or account is None or account.email != found.email:
            raise InvalidLink
        return account

    def use(self, tx: Transaction, purpose: Purpose, text: str) -> Account:
        """`find`, once: of all who try at the same time one succeeds. The account is locked, as everything that voids tokens locks it first."""
        queries.lock_account(tx, self.find(tx, purpose, text).id)
        account = self.find(tx, purpose, text)  # again, now that nobody can change it any more
        if not tokens.use_token(tx, _digest(text)):
            raise InvalidLink
        return account

    def void(self, tx: Transaction, account_id: UUID) -> None:
        """The password has changed: links that are still in the mailbox open nothing."""
        tokens.void_tokens(tx, account_id)


def _digest(text: str) -> bytes:
    """A plain hash is enough: the token itself is 256 bits that nobody can guess."""
    return hashlib.sha256(text.encode()).digest()
