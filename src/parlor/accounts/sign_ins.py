"""Signing in and out: passwords and refresh tokens in, sessions out."""

import contextlib
from uuid import UUID

import msgspec

from parlor.accounts import queries, sign_in_queries
from parlor.accounts.account import Account
from parlor.accounts.authenticator import Authenticator
from parlor.accounts.errors import AccountNotFound, AccountSuspended, EmailUnverified, InvalidCredentials, InvalidEmail, InvalidRefreshToken
from parlor.accounts.events import RefreshTokenReplayed, UserPasswordChanged, UserSignedIn
from parlor.accounts.guesses import Guesses
from parlor.accounts.mailed_tokens import MailedTokens
from parlor.accounts.passwords import Passwords
from parlor.accounts.refresh_tokens import Device, Issued, RefreshTokens, Replay
from parlor.accounts.text import normalise_email
from parlor.accounts.tokens import AccessTokens
from parlor.accounts.verification import EmailVerification
from parlor.core.db import Database, Transaction
from parlor.core.events import Events, current_origin
from parlor.core.limits import RateLimits


class Session(msgspec.Struct, frozen=True):
    """A signed-in account with its tokens. The refresh token is shown here and nowhere else."""

    account: Account
    access_token: str
    refresh_token: str
    expires_in_seconds: int


class SignIns:
    def __init__(
        self,
        db: Database,
        passwords: Passwords,
        access: AccessTokens,
        refresh: RefreshTokens,
        authenticator: Authenticator,
        events: Events,
        limits: RateLimits,
        guesses: Guesses,
        mailed: MailedTokens,
        verification: EmailVerification,
    ) -> None:
        self._db = db
        self._passwords = passwords
        self._access = access
        self._refresh = refresh
        self._authenticator = authenticator
        self._events = events
        self._limits = limits
        self._guesses = guesses
        self._mailed = mailed
        self._verification = verification

    async def login(self, login: str, password: str) -> Session:
        """By email or username. Raises `InvalidCredentials`, the same and in the same time for an unknown account; `RateLimited`.

        And `AccountSuspended`, `EmailUnverified`, but only after the right password: nobody else learns that the account is there.
        """
        address = current_origin().address
        await self._limits.hit("logins_per_address_per_minute", address)
        account_id, stored, whose = await self._db.read(lambda tx: _find_password(tx, login, address))
        await self._guesses.admit(whose)
        is_right = await self._passwords.verify(stored, password)
        await self._guesses.judge(whose, is_right=is_right)
        if account_id is None or stored is None or not is_right:
            raise InvalidCredentials
        fresh_hash = await self._passwords.hash(password) if self._passwords.needs_rehash(stored) else None

        def open_sign_in(tx: Transaction) -> tuple[Account, Issued | None]:
            account = queries.lock_account(tx, account_id)
            if account is None or queries.password_hash(tx, account_id) != stored:  # changed while we were hashing
                raise InvalidCredentials
            if account.status != "active":
                raise AccountSuspended
            if fresh_hash is not None:
                queries.set_password(tx, account_id, fresh_hash, ends_tokens=False)
            return account, None if self._verification.is_awaited(account) else self.open(tx, account)

        account, issued = await self._db.write(open_sign_in)
        if issued is None:
            await self._verification.send(account_id)
            raise EmailUnverified
        return self.session(account, issued)

    async def refresh(self, text: str) -> Session:
        """A new pair of tokens for a refresh token, which is used up by it. Raises `InvalidRefreshToken`."""

        def rotate(tx: Transaction) -> tuple[Account, Issued] | Replay | None:
            result = self._refresh.rotate(tx, text)
            if isinstance(result, Replay):
                self._events.record(tx, RefreshTokenReplayed(account_id=result.account_id, sign_in_id=result.sign_in_id))
                tx.after_commit(lambda: self._authenticator.forget(result.account_id))
            if not isinstance(result, Issued):
                return result
            account = queries.find_account(tx, result.account_id)
            return (account, result) if account is not None else None

        # Refused only after the commit: a replay must stay ended.
        outcome = await self._db.write(rotate)
        if outcome is None or isinstance(outcome, Replay):
            raise InvalidRefreshToken
        return self.session(*outcome)

    async def logout(self, text: str) -> None:
        """End the sign-in of this refresh token: its access tokens too. An unknown token is no error."""

        def end(tx: Transaction) -> None:
            if (account_id := self._refresh.end(tx, text, "logout")) is not None:
                tx.after_commit(lambda: self._authenticator.forget(account_id))

        await self._db.write(end)

    async def change_password(self, account_id: UUID, current: str, new: str) -> Session:
        """Ends every sign-in of the account and opens one for who asked. Raises `InvalidCredentials`, `UnsuitablePassword`, `RateLimited`."""
        stored, account = await self._db.read(lambda tx: (queries.password_hash(tx, account_id), queries.find_account(tx, account_id)))
        if account is None:
            raise AccountNotFound
        self._passwords.refuse_unsuitable(new, account.email, account.username, field="new_password")
        whose = str(account_id)  # a stolen access token is no way to guess the password
        await self._guesses.admit(whose)
        is_right = await self._passwords.verify(stored, current)
        await self._guesses.judge(whose, is_right=is_right)
        if not is_right:
            raise InvalidCredentials("This is not the current password.")
        new_hash = await self._passwords.hash(new)

        def change(tx: Transaction) -> tuple[Account, Issued]:
            if queries.lock_account(tx, account_id) is None or queries.password_hash(tx, account_id) != stored:
                raise InvalidCredentials("The password has just been changed.")
            return self.replace_password(tx, account_id, new_hash, reason="password_changed")

        return self.session(*await self._db.write(change))

    def replace_password(self, tx: Transaction, account_id: UUID, new_hash: str, *, reason: str) -> tuple[Account, Issued]:
        """Of an account that the transaction holds: ends every sign-in and every mailed link, and opens a sign-in for who has shown the right to it."""
        changed = queries.set_password(tx, account_id, new_hash, ends_tokens=True)
        assert changed is not None, "it is locked"
        self.end_all(tx, account_id, reason)
        self._mailed.void(tx, account_id)
        self._events.record(tx, UserPasswordChanged(account_id=account_id))
        return changed, self.open(tx, changed)

    def open(self, tx: Transaction, account: Account, *, method: str = "password") -> Issued:
        """A sign-in for an account whose right to it was checked. `method` is "password", "google", "issuer" or "setup"; where from is the request's."""
        issued = self._refresh.open(tx, account.id, account.token_version, Device.here(method))
        self._events.record(tx, UserSignedIn(account_id=account.id, sign_in_id=issued.sign_in_id, method=method))
        return issued

    def end_all(self, tx: Transaction, account_id: UUID, reason: str) -> None:
        sign_in_queries.end_all_sign_ins(tx, account_id, reason)
        tx.after_commit(lambda: self._authenticator.forget(account_id))

    def session(self, account: Account, issued: Issued) -> Session:
        access = self._access.issue(account.id, issued.sign_in_id, issued.token_version)
        return Session(account, access, issued.text, self._access.lifetime_seconds)


def _find_password(tx: Transaction, login: str, address: str | None) -> tuple[UUID | None, str | None, str]:
    """The account and its password hash, if there are such, and whose password is guessed: see `Guesses`.

    Who signs in from where the account has signed in before is counted apart, or anybody could keep its owner out by failing all the time.
    """
    login, found = login.strip().lower(), None
    if "@" not in login:
        found = queries.find_password(tx, username=login)
    else:
        with contextlib.suppress(InvalidEmail):
            login = normalise_email(login)
            found = queries.find_password(tx, email=login)
    account_id, stored = found or (None, None)
    if account_id is not None and address is not None and sign_in_queries.has_signed_in_from(tx, account_id, address):
        return account_id, stored, f"{login} at {address}"
    return account_id, stored, login
