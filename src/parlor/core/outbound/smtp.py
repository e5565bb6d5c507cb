"""Handing mails to an SMTP server: a connection for each mail, on a few threads, because the standard library's client waits where it stands."""

import asyncio
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec
from pydantic import SecretStr

from parlor.core.outbound.errors import NoAnswer, OutboundFailed, Rejected, Unreachable

SmtpSecurity = Literal["starttls", "tls", "none"]

WAITING_SECONDS = 0.5
"""How long a mail waits for one of the connections before it is tried again later: whoever waits here keeps a job's place."""

_ENHANCED_STATUS = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b")


class SmtpServer(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Where mails are handed over. `timeout_seconds` bounds the whole conversation about one mail; `own_name` is what we call ourselves to it."""

    host: str
    port: int
    security: SmtpSecurity
    own_name: str
    user: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 20
    connections: int = 2

    @cached_property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


class Smtp:
    """At most `connections` conversations at once: a server that hangs keeps so many threads, and callers, and no more."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._pool = ThreadPoolExecutor(server.connections, thread_name_prefix="parlor-smtp")
        self._places = asyncio.Semaphore(server.connections)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def deliver(self, message: bytes, *, sender: str, recipient: str) -> None:
        """Returns once the server has taken the mail. Raises `Rejected` when it never will, else `OutboundFailed`.

        After `NoAnswer` it may have been taken: only the other side knows.
        """
        await self._converse(lambda client: client.sendmail(sender, [recipient], message))

    async def probe(self) -> None:
        """Connect, secure, sign in and leave. Raises `OutboundFailed`."""
        await self._converse(lambda client: None)

    async def _converse(self, work: Callable[[smtplib.SMTP], object]) -> None:
        try:
            async with asyncio.timeout(WAITING_SECONDS):
                await self._places.acquire()
        except TimeoutError as error:
            raise OutboundFailed("All connections to the mail server are busy.", retry_after_seconds=1) from error
        conversation = _Conversation(self._server, work)
        try:
            async with asyncio.timeout(self._server.timeout_seconds):
                await asyncio.get_running_loop().run_in_executor(self._pool, conversation.run)
        except TimeoutError as error:
            if not conversation.is_over:
                raise NoAnswer(f"The mail server {self._server.host} has not finished within {self._server.timeout_seconds:g} s.") from error
        finally:
            conversation.abandon()
            self._places.release()


class _Conversation:
    """One connection, on a thread. `abandon` may be called from another one."""

    def __init__(self, server: SmtpServer, work: Callable[[smtplib.SMTP], object]) -> None:
        self._server = server
        self._work = work
        self._client = _client(server)
        self._is_abandoned = False
        self.is_over = False

    def run(self) -> None:
        """Raises `Rejected`, `OutboundFailed`."""
        try:
            self._open()
            self._work(self._client)
            self.is_over = True
            # What was taken stays taken, so nobody waits for the answer to this.
            with suppress(OSError, smtplib.SMTPException):
                self._client.putcmd("QUIT")
        except (OSError, smtplib.SMTPException) as error:  # SMTPException is an OSError; said, because few know
            raise _translated(error, self._server.host) from error
        finally:
            self._client.close()

    def abandon(self) -> None:
        """A thread that waits for the other side stops waiting."""
        self._is_abandoned = True
        waiting: socket.socket | None = self._client.sock
        if waiting is not None:
            with suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)

    def _open(self) -> None:
        server, client = self._server, self._client
        client.connect(server.host, server.port)
        if self._is_abandoned:
            raise smtplib.SMTPServerDisconnected("nobody waits for this any more")
        if server.security == "starttls":
            client.starttls(context=server.tls)
        if server.user is not None and server.password is not None:
            client.login(server.user, server.password.get_secret_value())


def _client(server: SmtpServer) -> smtplib.SMTP:
    if server.security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(local_hostname=server.own_name, timeout=server.timeout_seconds, context=server.tls)
    else:
        client = smtplib.SMTP(local_hostname=server.own_name, timeout=server.timeout_seconds)
    # What the constructor sets when it is given the host; but then it connects at once, and nobody could abandon that.
    client._host = server.host  # pyright: ignore[reportAttributeAccessIssue]
    return client


def _translated(error: Exception, host: str) -> Exception:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _answered(*next(iter(error.recipients.values())), host, "the recipient")
    if isinstance(error, smtplib.SMTPDataError):
        return _answered(error.smtp_code, error.smtp_error, host, "the mail")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Unreachable(f"The mail server {host} refused the user or the password ({_codes(error.smtp_code, error.smtp_error)}).")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Unreachable(f"The mail server {host} does not offer what the settings ask of it: {error}")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return NoAnswer(f"The mail server {host} ended the connection.")
    if isinstance(error, smtplib.SMTPResponseException):  # of the sender, the greeting, or the connection itself
        return Unreachable(f"The mail server {host} refused to talk to us ({_codes(error.smtp_code, error.smtp_error)}).")
    if isinstance(error, ssl.SSLError):
        return Unreachable(f"No TLS with the mail server {host}: {getattr(error, 'verify_message', '') or error.reason or 'it speaks something else'}.")
    return Unreachable(f"The mail server {host} cannot be reached ({_reason(error)}).")


def _answered(code: int, text: bytes | str, host: str, what: str) -> Exception:
    """Whether it is for good is in the first digit (RFC 5321, section 4.2.1)."""
    kind = Rejected if 500 <= code < 600 else OutboundFailed
    return kind(f"The mail server {host} refused {what} ({_codes(code, text)}).")


def _codes(code: int, text: bytes | str) -> str:
    found = _ENHANCED_STATUS.match(text.encode(errors="replace") if isinstance(text, str) else text)
    return f"{code} {found[1].decode()}" if found else str(code)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
