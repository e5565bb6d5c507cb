"""Refresh tokens: single use, one family per sign-in.

Using a token gives its successor, which is derived from it with the installation's secret. So whoever loses a race of two tabs, or the answer to a
request, and comes again within the grace gets the newest token of the same family: never a second branch. There is one live token per sign-in at any
time, and a copy in other hands is noticed as soon as both have used it: a token that comes again after the grace ends the sign-in.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

import msgspec

from parlor.accounts import sign_in_queries as queries
from parlor.accounts.settings import AuthSettings
from parlor.core.crypto import SecretKey, random_text
from parlor.core.db import Transaction
from parlor.core.events import current_origin
from parlor.core.ids import new_id

_PREFIX = "rt_"
_SIZE = len(_PREFIX) + 43
_MOST_IN_ONE_GRACE = 32
_REPLAYED = "replayed"
_MAX_USER_AGENT = 300
_MAX_ADDRESS = 64


class Device(msgspec.Struct, frozen=True):
    """How and where from somebody signs in: what they see in the list of their devices."""

    method: str
    user_agent: str | None = None
    address: str | None = None

    @classmethod
    def here(cls, method: str) -> Self:
        """Whose request is being answered. What the client says of itself is cut, and loses what is not printable."""
        origin = current_origin()
        user_agent = "".join(each for each in origin.user_agent or "" if each.isprintable()).strip()[:_MAX_USER_AGENT]
        return cls(method, user_agent or None, origin.address and origin.address[:_MAX_ADDRESS])


class Issued(msgspec.Struct, frozen=True):
    """A live refresh token, and what an access token beside it must say."""

    text: str
    sign_in_id: UUID
    account_id: UUID
    token_version: int


class Replay(msgspec.Struct, frozen=True):
    """The sign-in has been ended because of it."""

    sign_in_id: UUID
    account_id: UUID


class RefreshTokens:
    def __init__(self, settings: AuthSettings, key: SecretKey) -> None:
        self._lifetime = timedelta(seconds=settings.refresh_token_seconds)
        self._grace = timedelta(seconds=settings.refresh_grace_seconds)
        self._key = key

    def open(self, tx: Transaction, account_id: UUID, token_version: int, device: Device) -> Issued:
        """A new sign-in with its first token."""
        text, sign_in_id = _PREFIX + random_text(), new_id()
        queries.open_sign_in(tx, sign_in_id, account_id, self._expiry(tx), method=device.method, user_agent=device.user_agent, address=device.address)
        queries.insert_refresh_token(tx, new_id(), sign_in_id, _digest(text))
        return Issued(text, sign_in_id, account_id, token_version)

    def rotate(self, tx: Transaction, text: str) -> Issued | Replay | None:
        """Use a token. None when it is unknown, expired, of an ended sign-in or of an account that may not sign in.

        Commit whatever it returns: a `Replay` has ended the sign-in.
        """
        found = self._find_living(tx, text)
        if found is None:
            return None
        if not queries.use_refresh_token(tx, found.id):
            return self._newest_within_grace(tx, text)
        successor = self._successor(text)
        queries.insert_refresh_token(tx, new_id(), found.sign_in_id, _digest(successor))
        queries.prolong_sign_in(tx, found.sign_in_id, self._expiry(tx))
        return Issued(successor, found.sign_in_id, found.account_id, found.token_version)

    def end(self, tx: Transaction, text: str, reason: str) -> UUID | None:
        """End the sign-in that this token belongs to, used or not. Returns the account, None when the token is unknown."""
        found = queries.find_refresh_token(tx, _digest(text)) if _is_well_formed(text) else None
        if found is None:
            return None
        queries.end_sign_in(tx, found.sign_in_id, reason)
        return found.account_id

    def _newest_within_grace(self, tx: Transaction, text: str) -> Issued | Replay | None:
        for _ in range(_MOST_IN_ONE_GRACE):
            found = self._find_living(tx, text)
            if found is None:
                return None
            if found.used_at is None:
                return Issued(text, found.sign_in_id, found.account_id, found.token_version)
            if tx.now() - found.used_at >= self._grace:
                queries.end_sign_in(tx, found.sign_in_id, _REPLAYED)
                return Replay(found.sign_in_id, found.account_id)
            text = self._successor(text)
        return None

    def _find_living(self, tx: Transaction, text: str) -> queries.FoundToken | None:
        found = queries.find_refresh_token(tx, _digest(text)) if _is_well_formed(text) else None
        if found is None or found.ended_at is not None or found.expires_at <= tx.now() or found.status != "active":
            return None
        return found

    def _successor(self, text: str) -> str:
        return _PREFIX + self._key.sign("refresh token successor", text.encode())

    def _expiry(self, tx: Transaction) -> datetime:
        return tx.now() + self._lifetime


def _is_well_formed(text: str) -> bool:
    return len(text) == _SIZE and text.startswith(_PREFIX) and text.isascii()


def _digest(text: str) -> bytes:
    """A plain hash is enough: the token itself is 256 random bits."""
    return hashlib.sha256(text.encode()).digest()
