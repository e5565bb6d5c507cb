"""A real SMTP server on 127.0.0.1 that keeps what it is given, and can be told to misbehave."""

import asyncio
import email
import email.policy
import ipaddress
import re
import ssl
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "parlor", "a-relay-password"
_LINK = re.compile(r"https?://\S+#\S+")

Misbehaviour = Literal[
    "", "refuses the recipient", "refuses for now", "refuses the mail", "hangs", "drops after DATA", "drops before QUIT", "answers without end"
]


class MailServer:
    """`mails` holds all that was taken, with its copies. `port` stays the same over `stop` and `start`."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, starts_tls: bool = False, asks_who: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.connections = 0
        self.signed_in = 0
        self.misbehaves: Misbehaviour = ""
        self.port = 0
        self._tls, self._starts_tls, self._asks_who = tls, starts_tls, asks_who
        self._arrived, self._called = asyncio.Event(), asyncio.Event()
        self._open: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        implicit = self._tls if self._tls is not None and not self._starts_tls else None
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port, ssl=implicit)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for transport in list(self._open):
                transport.abort()
            self._server = None

    async def has_been_called(self, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            await self._called.wait()

    async def has_taken(self, count: int, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while len(self.mails) < count:
                self._arrived.clear()
                await self._arrived.wait()

    def _protocol(self) -> SMTP:
        server = self

        class Session(SMTP):
            def connection_made(self, transport: Any) -> None:
                server.connections += 1
                server._called.set()
                server._open.add(transport)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                server._open.discard(self.transport)  # type: ignore[arg-type]
                super().connection_lost(error)

            async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802  # the library's name
                if server.misbehaves == "drops before QUIT":
                    self.transport.abort()  # type: ignore[union-attr]
                    return
                await super().smtp_QUIT(arg)

        with warnings.catch_warnings(action="ignore"):  # of a password that travels in the open, which one of the tests is about
            return Session(
                self,
                hostname="mail.test",
                tls_context=self._tls if self._starts_tls else None,
                require_starttls=self._starts_tls,
                auth_required=self._asks_who,
                auth_require_tls=self._starts_tls,
                authenticator=self._check_who,
            )

    def _check_who(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.signed_in += is_right
        return AuthResult(success=is_right, handled=False)

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.misbehaves == "refuses the recipient":
            return f"550 5.1.1 nobody here is called {address}"
        if self.misbehaves == "refuses for now":
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        transport: Any = server.transport
        if self.misbehaves == "refuses the mail":
            return "554 5.7.1 looks like spam"
        if self.misbehaves == "hangs":
            await asyncio.Event().wait()
        if self.misbehaves == "answers without end":
            while not transport.is_closing():
                transport.write(b"250-still here\r\n")
                await asyncio.sleep(0.01)
            return "250 OK"
        self._keep(envelope)
        if self.misbehaves == "drops after DATA":
            transport.abort()
        return "250 OK"

    def _keep(self, envelope: Any) -> None:
        self.mails.append(parsed(envelope.content))
        self.recipients += envelope.rcpt_tos
        self._arrived.set()


@asynccontextmanager
async def mail_server(**options: Any) -> AsyncGenerator[MailServer]:
    server = MailServer(**options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(message: EmailMessage) -> str:
    found = _LINK.search(text_of(message))
    assert found is not None, text_of(message)
    return found[0]


def token_in(message: EmailMessage) -> str:
    return link_in(message).partition("#")[2]


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1 and localhost, and the file of its certificate, which nobody knows but who is told."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
    made = builder.add_extension(names, critical=False).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    public, private = folder / "mail.crt", folder / "mail.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*encoding))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    return context, public
