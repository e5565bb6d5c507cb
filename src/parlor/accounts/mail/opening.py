"""Which way mails leave."""

from collections.abc import Iterator

from parlor.accounts.mail.folder import FolderMailer
from parlor.accounts.mail.ports import Mailer
from parlor.accounts.mail.settings import MailSettings
from parlor.core.clock import Clock
from parlor.core.settings import RootSettings


def open_mailer(settings: MailSettings, root: RootSettings, clock: Clock) -> Iterator[Mailer]:
    """Closed when the caller goes on. What speaks SMTP is loaded only where there is a server to speak to."""
    if settings.smtp_host is None:
        yield FolderMailer(settings, root, clock)
        return
    from parlor.accounts.mail.smtp import SmtpMailer

    mailer = SmtpMailer(settings, clock)
    yield mailer
    mailer.close()
