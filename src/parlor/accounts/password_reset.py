"""A new password for who can read the account's mailbox."""

from parlor.accounts import queries
from parlor.accounts.account import Account
from parlor.accounts.errors import AccountSuspended
from parlor.accounts.link_mails import LinkMails
from parlor.accounts.mailed_tokens import MailedTokens
from parlor.accounts.passwords import Passwords
from parlor.accounts.refresh_tokens import Issued
from parlor.accounts.sign_ins import Session, SignIns
from parlor.accounts.text import normalise_email
from parlor.accounts.verification import EmailVerification
from parlor.core.db import Database, Transaction
from parlor.core.errors import RateLimited
from parlor.core.events import current_origin
from parlor.core.limits import RateLimits


class PasswordReset:
    def __init__(
        self, db: Database, passwords: Passwords, tokens: MailedTokens, mails: LinkMails, sign_ins: SignIns, verification: EmailVerification, limits: RateLimits
    ) -> None:
        self._db = db
        self._passwords = passwords
        self._tokens = tokens
        self._mails = mails
        self._sign_ins = sign_ins
        self._verification = verification
        self._limits = limits

    async def ask(self, email: str) -> None:
        """Send the link, if somebody has this address. Whether anybody has is shown by nothing, neither in words nor in time.

        Raises `InvalidEmail`, and `RateLimited` for a client that asks too often. What one address gets too often is silently not sent.
        """
        address = normalise_email(email)
        await self._limits.hit("reset_mails_per_address_per_hour", current_origin().address)
        try:
            await self._limits.hit("reset_mails_per_account_per_hour", address)
        except RateLimited:
            return
        await self._db.write(lambda tx: self._mails.ask(tx, "reset_password", queries.find_by_email(tx, address)))

    async def reset(self, token: str, password: str) -> Session:
        """A new password and a new sign-in; all others end, and all other links. Raises `InvalidLink`, `UnsuitablePassword`, `AccountSuspended`."""
        account = await self._db.read(lambda tx: self._tokens.find(tx, "reset_password", token))  # before the hash, so that an old link costs nothing
        self._passwords.refuse_unsuitable(password, account.email, account.username)
        new_hash = await self._passwords.hash(password)

        def change(tx: Transaction) -> tuple[Account, Issued]:
            account = self._tokens.use(tx, "reset_password", token)
            if account.status != "active":
                raise AccountSuspended
            self._verification.prove(tx, account)
            return self._sign_ins.replace_password(tx, account.id, new_hash, reason="password_reset")

        return self._sign_ins.session(*await self._db.write(change))
