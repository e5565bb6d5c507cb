"""Both ways out: what arrives is the same, and what goes wrong says so in time."""

import asyncio
import email.utils
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from parlor.accounts.mail.checks import KEPT_FAILED_SECONDS, KEPT_SECONDS, MailHealth
from parlor.accounts.mail.folder import FolderMailer
from parlor.accounts.mail.ports import Mail, Mailer
from parlor.accounts.mail.settings import MailSettings
from parlor.accounts.mail.smtp import SmtpMailer
from parlor.core.clock import SystemClock
from parlor.core.errors import ParlorError, Unavailable
from parlor.core.health import Status
from parlor.core.ids import new_id
from parlor.core.outbound import NoAnswer, OutboundFailed, Rejected, Unreachable
from parlor.core.resilience import CircuitOpen
from parlor.core.settings import RootSettings
from tests.support.mail import PASSWORD, USER, MailServer, certificate, mail_server, parsed, text_of

LINK = "https://chat.example.com/verify-email#" + "x" * 43


def a_mail(**changes: Any) -> Mail:
    values: dict[str, Any] = {"id": new_id(), "recipient": "ann@example.com", "subject": "Grüße — hello", "text": f"Öffne\n\n{LINK}\n", "html": "<p>hi</p>"}
    return Mail(**(values | changes))


def to(server: MailServer, **more: Any) -> MailSettings:
    return MailSettings(smtp_host="127.0.0.1", smtp_port=server.port, **({"smtp_security": "none", "sender": "Chat <chat@example.com>"} | more))


Open = Callable[[MailSettings], Mailer]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def mailer_to(stack: AsyncExitStack) -> Open:
    def make(settings: MailSettings) -> SmtpMailer:
        mailer = SmtpMailer(settings, SystemClock())
        stack.callback(mailer.close)
        return mailer

    return make


@pytest.fixture
async def server(stack: AsyncExitStack) -> MailServer:
    return await stack.enter_async_context(mail_server())


# The port: what holds for both


@pytest.fixture(params=["smtp", "folder"])
def way(request: pytest.FixtureRequest, server: MailServer, mailer_to: Open, tmp_path: Path) -> tuple[Mailer, Callable[[], list[EmailMessage]]]:
    """A mailer, and what has arrived through it."""
    if request.param == "smtp":
        return mailer_to(to(server)), lambda: server.mails
    mailer = FolderMailer(MailSettings(sender="Chat <chat@example.com>"), RootSettings(data_dir=tmp_path), SystemClock())
    return mailer, lambda: [parsed(path.read_bytes()) for path in sorted(mailer.path.glob("*.eml"))]


async def test_a_mail_arrives_as_it_was_written(way: tuple[Mailer, Callable[[], list[EmailMessage]]]) -> None:
    mailer, arrived = way
    mail = a_mail()
    await mailer.probe()
    await mailer.send(mail)
    (message,) = arrived()
    assert (message["From"], message["To"], message["Subject"]) == ("Chat <chat@example.com>", "ann@example.com", "Grüße — hello")
    assert message["Message-ID"] == f"<{mail.id}@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert email.utils.parsedate_to_datetime(message["Date"]).tzinfo is not None
    assert text_of(message).replace("\r\n", "\n") == f"Öffne\n\n{LINK}\n"
    html = message.get_body(("html",))
    assert html is not None
    assert "<p>hi</p>" in html.get_content()


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "hello\r\nBcc: everybody@example.com"},
        {"subject": "hello\nBcc: everybody@example.com"},
        {"recipient": "ann@example.com\r\nBcc: everybody@example.com"},
        {"recipient": "ann@example.com, bob@example.com"},
        {"recipient": "ann@example.com> RCPT TO:<bob@example.com"},
    ],
)
async def test_nothing_can_be_put_into_the_headers(way: tuple[Mailer, Callable[[], list[EmailMessage]]], changes: dict[str, str]) -> None:
    mailer, arrived = way
    with pytest.raises(Exception, match=r".") as caught:
        await mailer.send(a_mail(**changes))
    assert not isinstance(caught.value, ParlorError), "it never came to a conversation"
    assert arrived() == []


async def test_a_line_with_a_dot_ends_nothing(way: tuple[Mailer, Callable[[], list[EmailMessage]]]) -> None:
    mailer, arrived = way
    await mailer.send(a_mail(text="one\n.\nMAIL FROM:<evil@example.com>\n.\r\ntwo\n"))
    (message,) = arrived()
    assert text_of(message).replace("\r\n", "\n") == "one\n.\nMAIL FROM:<evil@example.com>\n.\ntwo\n"


# SMTP


@pytest.mark.parametrize(("security", "asks_who"), [("starttls", True), ("starttls", False), ("tls", True), ("tls", False), ("none", True)])
async def test_the_connection_is_secured_and_signed_in(stack: AsyncExitStack, mailer_to: Open, tmp_path: Path, security: str, asks_who: bool) -> None:
    context, file = certificate(tmp_path)
    options = {"tls": {"tls": context}, "starttls": {"tls": context, "starts_tls": True}, "none": {}}[security]
    server = await stack.enter_async_context(mail_server(asks_who=asks_who, **options))
    who = {"smtp_user": USER, "smtp_password": PASSWORD} if asks_who else {}
    trusting = to(server, smtp_security=security, smtp_ca_file=file, **who)
    await mailer_to(trusting).send(a_mail())
    assert (len(server.mails), server.signed_in) == (1, int(asks_who))
    if security != "none":
        with pytest.raises(Unreachable, match="TLS"):
            await mailer_to(trusting.model_copy(update={"smtp_ca_file": None})).send(a_mail())
    if asks_who:
        with pytest.raises(Unreachable, match="user or the password"):
            await mailer_to(to(server, smtp_security=security, smtp_ca_file=file, smtp_user=USER, smtp_password="wrong")).probe()
    assert len(server.mails) == 1


async def test_nothing_is_sent_in_the_open_when_the_server_has_no_tls(server: MailServer, mailer_to: Open) -> None:
    with pytest.raises(Unreachable, match="STARTTLS"):
        await mailer_to(to(server, smtp_security="starttls", smtp_user=USER, smtp_password=PASSWORD)).send(a_mail())
    assert (server.mails, server.signed_in) == ([], 0)


@pytest.mark.parametrize(
    ("misbehaviour", "error"),
    [
        ("refuses the recipient", Rejected),
        ("refuses the mail", Rejected),
        ("refuses for now", OutboundFailed),
        ("drops after DATA", NoAnswer),
        ("hangs", NoAnswer),
        ("answers without end", NoAnswer),
    ],
)
async def test_what_goes_wrong_is_told_apart(server: MailServer, mailer_to: Open, misbehaviour: Any, error: type[ParlorError]) -> None:
    server.misbehaves = misbehaviour
    with pytest.raises(error) as caught:
        await mailer_to(to(server, smtp_timeout_seconds=0.5)).send(a_mail())
    assert "ann@example.com" not in caught.value.detail
    assert (type(caught.value) is Rejected) == (error is Rejected)


async def test_a_mail_that_was_taken_is_sent_whatever_comes_after(server: MailServer, mailer_to: Open) -> None:
    server.misbehaves = "drops before QUIT"
    await mailer_to(to(server)).send(a_mail())
    assert len(server.mails) == 1


async def test_a_server_that_is_down_says_so_at_once(server: MailServer, mailer_to: Open) -> None:
    mailer = mailer_to(to(server))
    await server.stop()
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        await mailer.send(a_mail())
    await server.start()
    await mailer.send(a_mail())
    assert server.recipients == ["ann@example.com"]


async def test_a_server_that_hangs_keeps_so_many_callers_and_threads_and_lets_them_go(server: MailServer, mailer_to: Open) -> None:
    server.misbehaves = "hangs"
    mailer = mailer_to(to(server, smtp_timeout_seconds=1.5))
    outcomes = await asyncio.gather(*(mailer.send(a_mail()) for _ in range(10)), return_exceptions=True)
    assert [type(each) for each in outcomes].count(NoAnswer) == 2
    busy = [each for each in outcomes if type(each) is OutboundFailed]
    assert (len(busy), {each.facts["retry_after_seconds"] for each in busy}) == (8, {1})
    assert server.connections == 2
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("parlor-smtp")]) == 2
    server.misbehaves = ""
    await mailer.send(a_mail())
    assert len(server.mails) == 1


async def test_who_stops_waiting_frees_the_thread(server: MailServer, mailer_to: Open) -> None:
    server.misbehaves = "hangs"
    mailer = mailer_to(to(server, smtp_connections=1))
    sending = asyncio.create_task(mailer.send(a_mail()))
    await server.has_been_called()
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    server.misbehaves = ""
    await mailer.send(a_mail())
    assert len(server.mails) == 1


# The folder


async def test_files_are_private_and_sort_by_time(tmp_path: Path) -> None:
    mailer = FolderMailer(MailSettings(), RootSettings(data_dir=tmp_path), SystemClock(), most_files=3)
    for number in range(5):
        await mailer.send(a_mail(id=UUID(int=5 - number), subject=str(number)))
    files = sorted(mailer.path.iterdir())
    assert [parsed(path.read_bytes())["Subject"] for path in files] == ["2", "3", "4"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(mailer.path.stat().st_mode) == 0o700
    assert parsed(files[0].read_bytes())["From"] == "Parlor <parlor@localhost>"


async def test_a_folder_that_cannot_be_written_is_worth_another_try(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    mailer = FolderMailer(MailSettings(), RootSettings(data_dir=tmp_path), SystemClock())
    for attempt in (mailer.send(a_mail()), mailer.probe()):
        with pytest.raises(Unavailable, match="MAIL__FOLDER"):
            await attempt


async def test_a_dead_server_is_left_alone_after_a_few_mails_and_found_again(server: MailServer, stack: AsyncExitStack) -> None:
    now = 0.0
    mailer = SmtpMailer(to(server), SystemClock(), monotonic=lambda: now)
    stack.callback(mailer.close)
    health = MailHealth(mailer, to(server), RootSettings())
    await server.stop()
    for _ in range(5):
        with pytest.raises(Unreachable):
            await mailer.send(a_mail())
    await server.start()

    with pytest.raises(CircuitOpen):
        await mailer.send(a_mail())
    assert server.connections == 0, "nobody waits for it any more"
    seen = await health.look()
    assert (seen.status, seen.details["breaker"], seen.details["failures"], seen.details["retry_after_seconds"]) == (Status.OK, "open", 5, 30)
    now = 30.0
    await mailer.send(a_mail())
    assert mailer.breaker.status.failures == 0


async def test_a_mail_that_is_refused_says_nothing_against_the_server(server: MailServer, stack: AsyncExitStack) -> None:
    mailer = SmtpMailer(to(server), SystemClock())
    stack.callback(mailer.close)
    for server.misbehaves in ("refuses the recipient", "refuses for now", "refuses the mail"):
        for _ in range(3):
            with pytest.raises((Rejected, OutboundFailed)):
                await mailer.send(a_mail())
    assert mailer.breaker.status.failures == 0


# Health


async def test_health_asks_the_server_once_in_a_while(server: MailServer, mailer_to: Open) -> None:
    now = 0.0
    health = MailHealth(mailer_to(to(server)), to(server), RootSettings(), lambda: now)
    assert [(await health.look()).status for _ in range(5)] == [Status.OK] * 5
    assert server.connections == 1
    now = KEPT_SECONDS
    await server.stop()
    bad = await health.look()
    breaker = {"breaker": "closed", "failures": 0, "retry_after_seconds": 0}
    assert (bad.status, bad.details) == (Status.DEGRADED, {"leaves_by": "smtp", "host": "127.0.0.1", **breaker})
    assert "cannot be reached" in (bad.last_error or "")
    assert "test-mail" in (bad.advice or "")
    await server.start()
    assert (await health.look()).status is Status.DEGRADED
    now += KEPT_FAILED_SECONDS
    assert (await health.look()).status is Status.OK


async def test_outside_development_a_folder_is_not_well(tmp_path: Path) -> None:
    for environment, status in (("development", Status.OK), ("staging", Status.DEGRADED), ("production", Status.DEGRADED)):
        root = RootSettings(environment=environment, data_dir=tmp_path)  # type: ignore[arg-type]
        health = await MailHealth(FolderMailer(MailSettings(), root, SystemClock()), MailSettings(), root).look()
        assert health.status is status
        assert health.details["leaves_by"] == "folder"
        assert ("SMTP_HOST" in (health.advice or "")) == (status is Status.DEGRADED)


async def test_what_is_kept_of_somebodys_mails_goes_with_them(tmp_path: Path) -> None:
    mailer, ann = FolderMailer(MailSettings(), RootSettings(data_dir=tmp_path), SystemClock()), new_id()
    for account_id in (ann, ann, new_id(), None):
        await mailer.send(a_mail(account_id=account_id))
    assert [await mailer.forget(ann) for _ in range(2)] == [2, 0]
    assert len(list(mailer.path.glob("*.eml"))) == 2
