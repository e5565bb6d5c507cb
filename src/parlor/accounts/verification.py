"""Whether people can read the mailbox that they say is theirs."""

from collections.abc import Sequence
from uuid import UUID

from parlor.accounts import queries
from parlor.accounts.account import Account
from parlor.accounts.events import UserEmailChanged, UserEmailVerified, UserRegistered
from parlor.accounts.link_mails import LinkMails
from parlor.accounts.mailed_tokens import MailedTokens
from parlor.accounts.settings import AuthSettings
from parlor.core.db import Database, Transaction
from parlor.core.errors import RateLimited
from parlor.core.events import Event, Events, Subscriber
from parlor.core.limits import RateLimits


class EmailVerification:
    def __init__(self, db: Database, settings: AuthSettings, mails: LinkMails, tokens: MailedTokens, limits: RateLimits, events: Events) -> None:
        self._db = db
        self._mode = settings.verify_email
        self._mails = mails
        self._tokens = tokens
        self._limits = limits
        self._events = events

    def is_awaited(self, account: Account) -> bool:
        """Whether the account may not be signed in to yet. Administrators always may: nobody else could let them in."""
        return self._mode == "required" and account.role != "admin" and _is_open(account)

    def subscribers(self) -> Sequence[Subscriber]:
        """A new account, and one with a new address, gets the mail: asked for in the transaction that makes it so."""
        return [
            Subscriber("accounts.verify_first_address", UserRegistered.name, self._ask_if_open, inside=True),
            Subscriber("accounts.verify_new_address", UserEmailChanged.name, self._ask_if_open, inside=True),
        ]

    def _ask_if_open(self, tx: Transaction, event: Event) -> None:
        account = queries.find_account(tx, event.account_id) if self._mode != "off" and event.account_id is not None else None
        if account is not None and _is_open(account):
            self._mails.ask(tx, "verify_email", account)

    async def send(self, account_id: UUID) -> None:
        """The mail again. Nothing happens when there is nothing to verify, or when it was asked for too often."""
        try:
            await self._limits.hit("verification_mails_per_account_per_hour", str(account_id))
        except RateLimited:
            return

        def ask(tx: Transaction) -> None:
            account = queries.find_account(tx, account_id)
            if account is not None and _is_open(account):
                self._mails.ask(tx, "verify_email", account)

        await self._db.write(ask)

    async def verify(self, token: str) -> Account:
        """The account whose mailbox it came from. Raises `InvalidLink`."""
        return await self._db.write(lambda tx: self.prove(tx, self._tokens.use(tx, "verify_email", token)))

    def prove(self, tx: Transaction, account: Account) -> Account:
        """In a larger transaction that holds the account: somebody has shown that they read its mailbox."""
        if account.email_verified:
            return account
        verified = queries.set_email_verified(tx, account.id)
        assert verified is not None, "it is locked"
        self._events.record(tx, UserEmailVerified(account_id=account.id))
        return verified


def _is_open(account: Account) -> bool:
    return account.email is not None and not account.email_verified
