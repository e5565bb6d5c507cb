"""Mails that stay: one file for each, which any mail program opens."""

import asyncio
import os
import secrets
from contextlib import suppress
from uuid import UUID

from parlor.accounts.mail.message import encoded
from parlor.accounts.mail.ports import Mail
from parlor.accounts.mail.settings import MailSettings
from parlor.core.clock import Clock
from parlor.core.errors import Unavailable
from parlor.core.settings import RootSettings

MOST_FILES = 1000
"""The oldest go: nobody empties this folder."""


class FolderMailer:
    """`20261121T113000.123456Z-<account's id>-<mail's id>.eml`, so that names sort by time and an account's mails are found.

    Written whole or not at all, readable by the owner alone: links in it let people in.
    """

    breaker = None

    def __init__(self, settings: MailSettings, root: RootSettings, clock: Clock, most_files: int = MOST_FILES) -> None:
        self.path = settings.folder_in(root)
        self._sender = settings.sender_address
        self._clock = clock
        self._most_files = most_files

    async def send(self, mail: Mail) -> None:
        now = self._clock.now()
        name = f"{now:%Y%m%dT%H%M%S.%f}Z-{mail.account_id or 'nobody'}-{mail.id}.eml"
        await asyncio.to_thread(self._write, name, encoded(mail, self._sender, now))

    async def forget(self, account_id: UUID) -> int:
        return await asyncio.to_thread(self._remove, f"*Z-{account_id}-*.eml")

    async def probe(self) -> None:
        await asyncio.to_thread(self._refuse_unwritable)

    def _write(self, name: str, message: bytes) -> None:
        draft = self.path / f".{name}.{secrets.token_hex(4)}"
        try:
            self._make_folder()
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path / name)
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        finally:
            with suppress(OSError):
                draft.unlink()
        self._forget_oldest()

    def _remove(self, pattern: str) -> int:
        paths = list(self.path.glob(pattern))
        for path in paths:
            path.unlink(missing_ok=True)
        return len(paths)

    def _forget_oldest(self) -> None:
        names = [name for name in os.listdir(self.path) if name.endswith(".eml")]
        if len(names) > self._most_files:
            for name in sorted(names)[: -self._most_files]:
                (self.path / name).unlink(missing_ok=True)

    def _refuse_unwritable(self) -> None:
        try:
            self._make_folder()
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise self._unwritable("permission denied")

    def _make_folder(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _unwritable(self, reason: str | None) -> Unavailable:
        return Unavailable(f"No mail can be written to {self.path} ({reason}): mend it, or set PARLOR_AUTH__MAIL__FOLDER to another.")
