"""Whose account somebody gets whom an issuer vouches for.

By issuer and subject first, for ever: a changed address there changes nothing here. By address only when the issuer has verified it. An account whose own
address is unverified may have been made by somebody else who waits for the true owner (SEC-41), so the owner gets it with everything taken away that
opened it before; what is in it stays. An unverified administrator is nobody's to take: whoever rules a mail domain would rule the server.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar
from uuid import UUID

import msgspec

from parlor.accounts import api_key_queries, identity_queries, queries
from parlor.accounts.account import Account
from parlor.accounts.errors import AccountSuspended, EmailTaken, InvalidEmail, LinkRefused, SignInEnded
from parlor.accounts.events import ApiKeyRevoked, UserIdentityLinked
from parlor.accounts.registry import NewAccount, Registry
from parlor.accounts.sign_in_queries import end_all_sign_ins
from parlor.accounts.text import clean_display_name, normalise_email
from parlor.core.crypto import SecretKey
from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.ids import new_id

T = TypeVar("T")

_TRACE = "erased "
_SIGNATURE = 43


class Proved(msgspec.Struct, frozen=True):
    """What an issuer vouches for. `email` is in its one spelling, None where there is none that can be used here."""

    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    display_name: str | None = None

    @classmethod
    def of_claims(cls, issuer: str, claims: Mapping[str, Any], *, believes_email: bool) -> Self:
        """From the standard claims of OpenID Connect. Texts that we would not take from a person are left out."""
        email = _email(claims.get("email"))
        verified = believes_email and email is not None and claims.get("email_verified") is True
        return cls(issuer, claims["sub"], email, verified, _display_name(claims.get("name")))


class ExternalIdentities:
    def __init__(self, db: Database, registry: Registry, events: Events, key: SecretKey) -> None:
        self._db = db
        self._registry = registry
        self._events = events
        self._key = key

    async def open(self, proved: Proved, then: Callable[[Transaction, Account], T], *, issued_at: float | None = None) -> T:
        """Find, link or make the account that is theirs, and do `then` in the same transaction. Raises `AccountSuspended`, `LinkRefused`.

        With `issued_at` (seconds since 1970) a proof that is older than the erasure of the person's account opens nothing: raises `SignInEnded`.
        """

        def work(tx: Transaction) -> T:
            return then(tx, self._account_of(tx, proved, issued_at))

        try:
            return await self._db.write(work)
        except EmailTaken:  # at this very moment, by a sign-up: now it can be seen
            return await self._db.write(work)

    def erase(self, tx: Transaction, account_id: UUID) -> int:
        """Leaves a keyed hash of issuer and subject on the erased account's row: enough to refuse a token from before, too little to name anybody."""
        named = [each for each in identity_queries.list_identities(tx, account_id) if not _is_trace(each.subject)]
        for each in named:
            self._leave_trace(tx, each.id, each.issuer, each.subject)
        return len(named)

    def _account_of(self, tx: Transaction, proved: Proved, issued_at: float | None) -> Account:
        identity_queries.reserve(tx, proved.issuer, proved.subject)
        known = identity_queries.find(tx, proved.issuer, proved.subject)
        account = queries.lock_account(tx, known.account_id) if known is not None else None
        if known is not None and account is None:  # its erasure is under way
            self._leave_trace(tx, known.id, proved.issuer, proved.subject)
        if known is not None and account is not None:
            if known.email != proved.email:
                identity_queries.set_email(tx, known.id, proved.email)
        else:
            self._refuse_older_than_erasure(tx, proved, issued_at)
            account = self._link(tx, proved) or self._make(tx, proved)
            identity_queries.add(tx, new_id(), account.id, proved.issuer, proved.subject, proved.email)
        if account.status != "active":
            raise AccountSuspended
        return account

    def _refuse_older_than_erasure(self, tx: Transaction, proved: Proved, issued_at: float | None) -> None:
        trace = identity_queries.find(tx, proved.issuer, self._trace(proved.issuer, proved.subject))
        if issued_at is not None and trace is not None and trace.erased_at is not None and trace.erased_at.timestamp() >= issued_at:
            raise SignInEnded

    def _link(self, tx: Transaction, proved: Proved) -> Account | None:
        found = queries.find_by_email(tx, proved.email) if proved.email is not None and proved.email_verified else None
        account = queries.lock_account(tx, found.id) if found is not None else None
        if account is None or account.email != proved.email:  # changed a moment ago
            return None
        if account.status != "active":
            raise AccountSuspended
        takes_over = not account.email_verified
        if takes_over:
            account = self._take_over(tx, account)
        self._events.record(tx, UserIdentityLinked(account_id=account.id, issuer=proved.issuer, took_over=takes_over))
        return account

    def _take_over(self, tx: Transaction, account: Account) -> Account:
        if account.role == "admin":
            raise LinkRefused
        end_all_sign_ins(tx, account.id, "taken_over")
        for key_id in api_key_queries.revoke_all(tx, account.id):
            self._events.record(tx, ApiKeyRevoked(account_id=account.id, api_key_id=key_id))
        identity_queries.change_owner(tx, account.id)
        taken = queries.find_account(tx, account.id)
        assert taken is not None, "it is locked"
        return taken

    def _make(self, tx: Transaction, proved: Proved) -> Account:
        """An address that is not verified is taken as at a sign-up: when it is free, and without any right to it."""
        email = proved.email
        if email is not None and not proved.email_verified and queries.find_by_email(tx, email) is not None:
            email = None
        return self._registry.add(tx, NewAccount(email=email, display_name=proved.display_name, email_verified=proved.email_verified))

    def _leave_trace(self, tx: Transaction, identity_id: UUID, issuer: str, subject: str) -> None:
        identity_queries.leave_trace(tx, identity_id, issuer, self._trace(issuer, subject))

    def _trace(self, issuer: str, subject: str) -> str:
        return _TRACE + self._key.sign("erased identity", f"{issuer} {subject}".encode())


def _is_trace(subject: str) -> bool:
    return subject.startswith(_TRACE) and len(subject) == len(_TRACE) + _SIGNATURE


def _email(text: object) -> str | None:
    try:
        return normalise_email(text) if isinstance(text, str) else None
    except InvalidEmail:
        return None


def _display_name(text: object) -> str | None:
    try:
        return clean_display_name(text) if isinstance(text, str) else None
    except ValueError:
        return None
