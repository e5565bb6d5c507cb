"""Mails that leave through an SMTP server."""

from uuid import UUID

from parlor.accounts.mail.message import encoded
from parlor.accounts.mail.ports import Mail
from parlor.accounts.mail.settings import MailSettings
from parlor.core.clock import Clock
from parlor.core.outbound.smtp import Smtp, SmtpServer


class SmtpMailer:
    def __init__(self, settings: MailSettings, clock: Clock) -> None:
        assert settings.smtp_host is not None
        self._sender = settings.sender_address
        self._clock = clock
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
        await self._smtp.deliver(message, sender=self._sender.addr_spec, recipient=mail.recipient)

    async def forget(self, account_id: UUID) -> int:
        return 0

    async def probe(self) -> None:
        await self._smtp.probe()
