"""Mails that leave through an SMTP server."""

import time
from collections.abc import Callable
from uuid import UUID

from parlor.accounts.mail.message import encoded
from parlor.accounts.mail.ports import Mail
from parlor.accounts.mail.settings import MailSettings
from parlor.core.clock import Clock
from parlor.core.outbound import NoAnswer, Unreachable
from parlor.core.outbound.smtp import Smtp, SmtpServer
from parlor.core.resilience import CircuitBreaker

_FAILURES, _OPEN_SECONDS = 5, 30.0


class SmtpMailer:
    """While the server is down mails are not tried one by one: each would hold a connection, and a job's place, until it has waited long enough."""

    def __init__(self, settings: MailSettings, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        assert settings.smtp_host is not None
        self._sender = settings.sender_address
        self._clock = clock
        # Mails that it refuses, for good or for now, say nothing against the server, and neither does our own crowd at its door.
        counts = (NoAnswer, Unreachable)
        self.breaker = CircuitBreaker(settings.smtp_host, failures=_FAILURES, open_seconds=_OPEN_SECONDS, counts=counts, monotonic=monotonic)
        self._smtp = Smtp(
            SmtpServer(
                host=settings.smtp_host,
                port=settings.port,
                security=settings.smtp_security,
                own_name=self._sender.domain,
                user=settings.smtp_user,
                password=settings.smtp_password,
                ca_file=settings.smtp_ca_file,
                timeout_seconds=settings.smtp_timeout_seconds,
                connections=settings.smtp_connections,
            )
        )

    def close(self) -> None:
        self._smtp.close()

    async def send(self, mail: Mail) -> None:
        message = encoded(mail, self._sender, self._clock.now())
        async with self.breaker.attempt():
            await self._smtp.deliver(message, sender=self._sender.addr_spec, recipient=mail.recipient)

    async def forget(self, account_id: UUID) -> int:
        return 0

    async def probe(self) -> None:
        """Past the breaker: whoever asks how the server is wants to know, and does not ask often."""
        await self._smtp.probe()
