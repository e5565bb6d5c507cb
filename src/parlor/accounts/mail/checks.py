"""The health of mail."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parlor.accounts.mail.folder import FolderMailer
from parlor.accounts.mail.ports import Mailer
from parlor.accounts.mail.settings import MailSettings
from parlor.core.errors import ParlorError
from parlor.core.health import Check, Health, Status
from parlor.core.settings import RootSettings

PROBE_SECONDS = 1.5
KEPT_SECONDS = 60.0
"""A probe signs in at somebody else's server, and health may be asked for every second."""
KEPT_FAILED_SECONDS = 10.0

_ADVICE = "Look at PARLOR_AUTH__MAIL__*: `parlor users test-mail ADDRESS` tries them. Mails wait, and leave when this is mended."


class MailHealth:
    """Degraded at worst: everything works without mail, but for the links that people wait for."""

    def __init__(self, mailer: Mailer, settings: MailSettings, root: RootSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._mailer = mailer
        self._reaches_nobody = isinstance(mailer, FolderMailer) and root.environment != "development"
        folder = {"leaves_by": "folder", "folder": str(settings.folder_in(root))}
        self._details = folder if isinstance(mailer, FolderMailer) else {"leaves_by": "smtp", "host": settings.smtp_host}
        self._monotonic = monotonic
        self._until = 0.0
        self._error: str | None = None

    @property
    def _seen(self) -> Mapping[str, Any]:
        if (breaker := self._mailer.breaker) is None:
            return self._details
        status = breaker.status
        return {**self._details, "breaker": status.state, "failures": status.failures, "retry_after_seconds": round(status.retry_after_seconds, 1)}

    async def look(self) -> Health:
        if self._monotonic() >= self._until:
            self._error = await self._probe()
            self._until = self._monotonic() + (KEPT_SECONDS if self._error is None else KEPT_FAILED_SECONDS)
        if self._error is not None:
            return Health(Status.DEGRADED, self._error, _ADVICE, self._seen)
        if self._reaches_nobody:
            return Health(Status.DEGRADED, None, "Mails are written to a folder and reach nobody: set PARLOR_AUTH__MAIL__SMTP_HOST.", self._details)
        return Health(Status.OK, details=self._seen)

    async def _probe(self) -> str | None:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._mailer.probe()
        except ParlorError as error:
            return error.detail
        except TimeoutError:
            return f"The mail server has not answered within {PROBE_SECONDS:g} s."
        return None


def checks(mailer: Mailer, settings: MailSettings, root: RootSettings) -> Sequence[Check]:
    return [Check("mail", MailHealth(mailer, settings, root).look)]
