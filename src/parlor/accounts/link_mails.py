"""Mails with a link in them: asked for inside a transaction, sent by a job.

So no request waits for a mail server, and what was asked for is sent when the server is back. A mail is given up when its link would have expired had
it been sent at once. It goes out twice only when this process dies, or the connection breaks, between the moment at which the server took it and the
moment at which we know: both have the same Message-ID and the same link.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from parlor.accounts import queries
from parlor.accounts.account import Account
from parlor.accounts.mail import texts
from parlor.accounts.mail.ports import Mail, Mailer
from parlor.accounts.mailed_tokens import MailedTokens, Purpose
from parlor.accounts.settings import AuthSettings
from parlor.core.db import Database, Transaction
from parlor.core.ids import new_id
from parlor.core.jobs import Job, Jobs
from parlor.core.outbound import Rejected
from parlor.core.web.public_url import host_of
from parlor.core.web.settings import ServerSettings

_RETRY_SECONDS = (2, 10, 30, 60, 120)
_GRACE_SECONDS = 15
"""What a job takes beside handing over the mail."""

_PAGES: Mapping[Purpose, tuple[str, Callable[[str, str, int], texts.Text]]] = {
    "verify_email": ("verify-email", texts.verify_email),
    "reset_password": ("reset-password", texts.reset_password),
}

log = structlog.get_logger(__name__)


class LinkMails:
    def __init__(self, db: Database, jobs: Jobs, tokens: MailedTokens, mailer: Mailer, server: ServerSettings, settings: AuthSettings) -> None:
        self._db = db
        self._jobs = jobs
        self._tokens = tokens
        self._mailer = mailer
        self._base_url = server.base_url()
        self._timeout_seconds = settings.mail.smtp_timeout_seconds + _GRACE_SECONDS

    def ask(self, tx: Transaction, purpose: Purpose, account: Account | None) -> None:
        """Have it sent once the transaction is committed. For nobody the work is the same, up to the job, which then sends nothing."""
        account_id, version = (str(account.id), account.token_version) if account is not None else (None, 0)
        args = {"mail_id": str(new_id()), "account_id": account_id, "token_version": version, "asked_at": tx.now().timestamp()}
        self._jobs.enqueue(tx, _job_name(purpose), args)

    def jobs(self) -> list[Job]:
        return [self._job(purpose) for purpose in _PAGES]

    def _job(self, purpose: Purpose) -> Job:
        attempts = self._tokens.lifetime_seconds(purpose) // _RETRY_SECONDS[-1] + len(_RETRY_SECONDS)
        run = partial(self._send, purpose)
        return Job(_job_name(purpose), run, attempts=attempts, timeout_seconds=self._timeout_seconds, retry_seconds=_RETRY_SECONDS)

    async def _send(self, purpose: Purpose, args: Mapping[str, Any]) -> None:
        if args["account_id"] is None:
            return
        mail = await self._db.write(lambda tx: self._written(tx, purpose, args))
        if mail is None:
            return
        try:
            await self._mailer.send(mail)
        except Rejected as error:
            log.warning("mail refused for good", purpose=purpose, account_id=args["account_id"], reason=error.detail)

    def _written(self, tx: Transaction, purpose: Purpose, args: Mapping[str, Any]) -> Mail | None:
        """None when there is no more sense in it."""
        account = queries.find_account(tx, UUID(args["account_id"]))
        lifetime = timedelta(seconds=self._tokens.lifetime_seconds(purpose))
        if account is None or account.email is None or account.status != "active":
            return None
        if tx.now().timestamp() - args["asked_at"] > lifetime.total_seconds():
            log.warning("mail given up: it could not be sent in time", purpose=purpose, account_id=args["account_id"])
            return None
        # Its purpose was served meanwhile: by another link, or a new password.
        if account.email_verified if purpose == "verify_email" else account.token_version != args["token_version"]:
            return None
        mail_id = UUID(args["mail_id"])
        token = self._tokens.issue(tx, purpose, account, mail_id)
        return None if token is None else self._mail(purpose, mail_id, account.id, account.email, token)

    def _mail(self, purpose: Purpose, mail_id: UUID, account_id: UUID, recipient: str, token: str) -> Mail:
        page, say = _PAGES[purpose]
        text = say(f"{self._base_url}/{page}#{token}", host_of(self._base_url), self._tokens.lifetime_seconds(purpose))
        return Mail(mail_id, recipient, text.subject, text.text, text.html, account_id)


def _job_name(purpose: Purpose) -> str:
    return f"accounts.mail.{purpose}"
