"""API keys: for programs, in the name of an account.

A key is 256 random bits. Its text leaves the house once, when it is made; what stays is the SHA-256, which needs no salt and no slow hash for a secret that
cannot be guessed, and which an index finds.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from parlor.accounts import api_key_queries as queries
from parlor.accounts.account import Account
from parlor.accounts.api_key_queries import ApiKey
from parlor.accounts.authenticator import Authenticator, Identity
from parlor.accounts.caller import SCOPES, Scope
from parlor.accounts.errors import AccountNotFound, AdministratorsOnly, InvalidApiKey, NoSuchApiKey, RevokedApiKey, TooManyApiKeys
from parlor.accounts.events import ApiKeyCreated, ApiKeyRevoked
from parlor.accounts.key_budgets import KeyBudget, KeyBudgets
from parlor.accounts.queries import NEWEST, lock_account
from parlor.accounts.text import at
from parlor.core.crypto import random_text
from parlor.core.db import Database, Transaction
from parlor.core.errors import Invalid
from parlor.core.events import Events
from parlor.core.idempotency import Idempotency
from parlor.core.ids import new_id

PREFIX = "pk_"
MOST_LIVING = 100
_SIZE = len(PREFIX) + 43
_SHOWN = 11
_ROUTE = "api-keys"


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """`budget_micros` is the most that may be spent with it, altogether."""

    name: str
    scopes: frozenset[Scope] = frozenset({"chat", "read"})
    budget_micros: int | None = None
    expires_at: datetime | None = None


class RequestKey(msgspec.Struct, frozen=True):
    """An Idempotency-Key, and the hash of the body that it came with."""

    text: str
    body_hash: bytes


class Shown(msgspec.Struct, frozen=True):
    """A key as its owner sees it. `text` is there once, in the answer that made it: a repetition of that request finds it gone."""

    key: ApiKey
    budget: KeyBudget | None
    text: str | None = None
    is_repeat: bool = False


class ApiKeys:
    def __init__(self, db: Database, events: Events, authenticator: Authenticator, idempotency: Idempotency, budgets: KeyBudgets) -> None:
        self._db = db
        self._events = events
        self._authenticator = authenticator
        self._idempotency = idempotency
        self._budgets = budgets

    async def create(self, account_id: UUID, new: NewApiKey, request: RequestKey | None = None) -> Shown:
        """Raises `AdministratorsOnly` for the scope admin, `TooManyApiKeys`, `Invalid` for an end in the past or a budget that nobody would keep."""
        text = PREFIX + random_text()

        def create(tx: Transaction) -> Shown:
            key_id = new_id()
            if request is not None:
                claim = self._idempotency.claim(tx, account_id, request.text, route=_ROUTE, body_hash=request.body_hash, result=str(key_id))
                if not claim.is_new:
                    return self._shown(tx, self._get(tx, account_id, UUID(claim.result)), is_repeat=True)
            self._refuse(tx, lock_account(tx, account_id), new)
            scopes = [scope for scope in SCOPES if scope in new.scopes]
            queries.add(
                tx, id=key_id, account_id=account_id, name=new.name, prefix=text[:_SHOWN], key_hash=digest(text), scopes=scopes, expires_at=new.expires_at
            )  # fmt: skip
            self._events.record(tx, ApiKeyCreated(account_id=account_id, api_key_id=key_id, scopes=scopes, budget_micros=new.budget_micros))
            shown = self._shown(tx, self._get(tx, account_id, key_id), text=text)
            if new.budget_micros is not None and shown.budget is None:  # better no key than one without its limit
                message = "No budget can be kept here, because the module that keeps the money is off: leave budget_micros out."
                raise Invalid(message, **at("budget_micros", message, "budget"))
            return shown

        return await self._db.write(create)

    async def list(self, account_id: UUID, *, before: UUID | None = None, most: int) -> "list[Shown]":
        """The newest keys older than the key `before`, revoked and expired ones too."""

        def read(tx: Transaction) -> list[Shown]:
            keys = queries.list_page(tx, account_id, before=before or NEWEST, most=most)
            budgets = self._budgets.of(tx, [key.id for key in keys])
            return [Shown(key, budgets.get(key.id)) for key in keys]

        return await self._db.read(read)

    async def get(self, account_id: UUID, key_id: UUID) -> Shown:
        """Raises `NoSuchApiKey`."""
        return await self._db.read(lambda tx: self._shown(tx, self._get(tx, account_id, key_id)))

    async def rename(self, account_id: UUID, key_id: UUID, name: str) -> Shown:
        """Raises `NoSuchApiKey`."""

        def rename(tx: Transaction) -> Shown:
            key = queries.rename(tx, account_id, key_id, name)
            if key is None:
                raise NoSuchApiKey
            return self._shown(tx, key)

        return await self._db.write(rename)

    async def revoke(self, account_id: UUID, key_id: UUID) -> Shown:
        """Ends it here at once, elsewhere within seconds (see `Authenticator`). Twice is once. Raises `NoSuchApiKey`."""

        def revoke(tx: Transaction) -> Shown:
            if queries.revoke(tx, account_id, key_id):
                self._revoked(tx, account_id, [key_id])
            return self._shown(tx, self._get(tx, account_id, key_id))

        return await self._db.write(revoke)

    def revoke_all(self, tx: Transaction, account_id: UUID) -> None:
        """For whoever takes an account over or ends it."""
        self._revoked(tx, account_id, queries.revoke_all(tx, account_id))

    def _revoked(self, tx: Transaction, account_id: UUID, key_ids: Sequence[UUID]) -> None:
        for key_id in key_ids:
            self._events.record(tx, ApiKeyRevoked(account_id=account_id, api_key_id=key_id))
        tx.after_commit(lambda: self._authenticator.forget(account_id))

    @staticmethod
    def _refuse(tx: Transaction, account: Account | None, new: NewApiKey) -> None:
        """With the account locked, so that two requests at once count each other's keys."""
        if account is None:
            raise AccountNotFound
        if "admin" in new.scopes and account.role != "admin":
            raise AdministratorsOnly("Only administrators may make keys with the scope admin.")
        if new.expires_at is not None and new.expires_at <= tx.now():
            message = "A key that has expired already is of no use: choose a time to come."
            raise Invalid(message, **at("expires_at", message, "expires_at"))
        if queries.count_living(tx, account.id) >= MOST_LIVING:
            raise TooManyApiKeys

    @staticmethod
    def _get(tx: Transaction, account_id: UUID, key_id: UUID) -> ApiKey:
        key = queries.find(tx, account_id, key_id)
        if key is None:
            raise NoSuchApiKey
        return key

    def _shown(self, tx: Transaction, key: ApiKey, *, text: str | None = None, is_repeat: bool = False) -> Shown:
        return Shown(key, self._budgets.of(tx, [key.id]).get(key.id), text, is_repeat)


class ApiKeyKind:
    """A credential that begins with `pk_`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def recognises(self, text: str) -> bool:
        return text.startswith(PREFIX)

    async def identify(self, text: str) -> Identity:
        """Raises `InvalidApiKey`, `RevokedApiKey`. Whether it has expired is looked at each time it is used, as for every kind."""
        if len(text) != _SIZE or not text.isascii():
            raise InvalidApiKey
        key_hash = digest(text)
        key = await self._db.read(lambda tx: queries.find_by_hash(tx, key_hash))
        if key is None:
            raise InvalidApiKey
        if key.revoked_at is not None:
            raise RevokedApiKey
        expires_at = key.expires_at.timestamp() if key.expires_at is not None else None
        scopes: frozenset[Scope] = frozenset(scope for scope in SCOPES if scope in key.scopes)
        return Identity("api_key", key.account_id, scopes, api_key_id=key.id, expires_at=expires_at)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
