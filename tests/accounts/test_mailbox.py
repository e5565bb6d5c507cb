"""Links that are mailed: verifying an address, and a new password. Jobs run for real, and mails land in the folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import httpx2
import pytest
from dishka import AsyncContainer
from pydantic import SecretStr
from sqlalchemy import select, update

from parlor.accounts import Administration, Application, AuthSettings, SetupLinks, SignUp
from parlor.accounts.jobs import Pruning
from parlor.accounts.link_mails import LinkMails
from parlor.accounts.mail.folder import FolderMailer
from parlor.accounts.mail.ports import Mailer
from parlor.accounts.setup import Setup
from parlor.accounts.tables import MailedTokenRow
from parlor.accounts.user_data import AccountsUserData
from parlor.core.db import Database, Transaction, statement
from parlor.core.events import Event
from parlor.core.jobs import JobRunner, Jobs, JobSettings
from parlor.core.jobs.tables import JobRow
from tests.accounts.conftest import PASSWORD, SECRET, Build, Register, bearer, make_client
from tests.support.mail import parsed, token_in

pytestmark = pytest.mark.either_engine

NEW = "another river in june"


class Post:
    """Runs the jobs that send mails, and reads what arrived."""

    def __init__(self, container: AsyncContainer, db: Database, folder: FolderMailer) -> None:
        self._container = container
        self._db = db
        self._folder = folder

    async def deliver(self) -> None:
        """All that was asked for."""
        definitions = (await self._container.get(LinkMails)).jobs()
        jobs = await self._container.get(Jobs)
        async with JobRunner(self._db, jobs, definitions, JobSettings(poll_seconds=0.02)), asyncio.timeout(20):
            while await self._db.read(lambda tx: jobs.backlog(tx).queued + jobs.backlog(tx).running):  # noqa: ASYNC110  # a job that ends tells nobody
                await asyncio.sleep(0.01)

    def mails(self) -> list[EmailMessage]:
        return [parsed(path.read_bytes()) for path in sorted(self._folder.path.glob("*.eml"))]

    async def token(self, subject: str, recipient: str = "") -> str:
        """Of the newest mail with such a subject, once everything is delivered. Mails that were asked for together arrive in any order."""
        await self.deliver()
        return token_in([mail for mail in self.mails() if subject in mail["Subject"] and recipient in mail["To"]][-1])

    async def reset_token(self) -> str:
        return await self.token("new password")

    async def verification_token(self, recipient: str = "") -> str:
        return await self.token("Confirm", recipient)


@pytest.fixture
async def post(container: AsyncContainer, db: Database) -> Post:
    mailer = await container.get(Mailer)
    assert isinstance(mailer, FolderMailer)
    return Post(container, db, mailer)


Ask = Callable[[str], Any]


@pytest.fixture
def forgot(client: httpx2.AsyncClient) -> Ask:
    async def forgot(email: str = "ann@example.com") -> httpx2.Response:
        return await client.post("/auth/password/forgot", json={"email": email})

    return forgot


def code_of(reply: httpx2.Response) -> tuple[int, str]:
    return reply.status_code, reply.json().get("code", "")


async def reset(client: httpx2.AsyncClient, token: str, password: str = NEW) -> httpx2.Response:
    return await client.post("/auth/password/reset", json={"token": token, "password": password})


async def verify(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post("/auth/verify-email", json={"token": token})


async def sign_in(client: httpx2.AsyncClient, password: str, login: str = "ann@example.com") -> httpx2.Response:
    return await client.post("/auth/login", json={"login": login, "password": password})


# Verifying an address


async def test_a_new_account_is_mailed_a_link_that_verifies_its_address_once(
    client: httpx2.AsyncClient, register: Register, post: Post, told: list[Event]
) -> None:
    session = await register()
    token = await post.verification_token()
    (mail,) = post.mails()
    assert (mail["To"], session.account.email_verified) == ("ann@example.com", False)
    reply = await verify(client, token)
    assert (reply.status_code, reply.json()["email_verified"], reply.json()["id"]) == (200, True, str(session.account.id))
    assert code_of(await verify(client, token)) == (401, "auth.invalid_link")
    assert (await client.get("/auth/me", headers=bearer(session))).json()["email_verified"] is True
    assert [event.name for event in told if event.name != "user.signed_in"] == ["user.registered", "user.email_verified"]


async def test_the_link_comes_again_until_there_is_nothing_to_verify(client: httpx2.AsyncClient, register: Register, post: Post) -> None:
    session = await register()
    sent = [await client.post("/auth/verify-email/send", headers=bearer(session)) for _ in range(7)]
    assert {(reply.status_code, reply.text) for reply in sent} == {(202, '{"status":"accepted"}')}
    await post.deliver()
    assert len(post.mails()) == 1 + 5, "the first, and five an hour"
    first, *others = [token_in(mail) for mail in post.mails()]
    assert len({first, *others}) == 6
    assert (await verify(client, others[2])).status_code == 200
    reply = await client.post("/auth/verify-email/send", headers=bearer(session))
    await post.deliver()
    assert (reply.status_code, len(post.mails())) == (202, 6)


async def test_a_new_address_is_verified_anew_and_links_to_the_old_one_are_worthless(
    client: httpx2.AsyncClient, container: AsyncContainer, register: Register, post: Post, forgot: Ask
) -> None:
    """BAD-53"""
    session = await register()
    old = await post.verification_token()
    await forgot()
    old_reset = await post.reset_token()
    await (await container.get(Administration)).change(session.account.id, email="new@example.com")
    new = await post.verification_token()
    assert post.mails()[-1]["To"] == "new@example.com"
    assert code_of(await verify(client, old)) == code_of(await reset(client, old_reset)) == (401, "auth.invalid_link")
    assert (await verify(client, new)).json()["email"] == "new@example.com"


@pytest.fixture
def strict(build: Build, auth_settings: AuthSettings) -> AsyncContainer:
    return build(auth_settings.model_copy(update={"verify_email": "required"}))


@pytest.fixture
async def strict_client(strict: AsyncContainer) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(strict) as client:
        yield client


async def test_where_it_is_required_nobody_signs_in_before(strict: AsyncContainer, strict_client: httpx2.AsyncClient, db: Database, post: Post) -> None:
    made = await strict_client.post("/auth/register", json={"email": "ann@example.com", "password": PASSWORD})
    assert (made.status_code, made.json()["user"]["email_verified"]) == (201, False)
    assert [made.json()[name] for name in ("access_token", "refresh_token", "expires_in")] == [None, None, None]
    assert code_of(await sign_in(strict_client, "a wrong password")) == (401, "auth.invalid_credentials")
    refused = await sign_in(strict_client, PASSWORD)
    assert code_of(refused) == (403, "auth.email_unverified")
    await post.deliver()
    assert len(post.mails()) == 2, "whoever has the password gets the link again"
    assert (await verify(strict_client, token_in(post.mails()[0]))).status_code == 200
    assert (await sign_in(strict_client, PASSWORD)).status_code == 200


async def test_where_it_is_required_administrators_are_let_in_and_a_reset_is_proof(
    strict: AsyncContainer, strict_client: httpx2.AsyncClient, post: Post
) -> None:
    link = await (await strict.get(SetupLinks)).find()
    assert link is not None
    await (await strict.get(Setup)).make_first_administrator(link.partition("#")[2], "root@example.com", PASSWORD)
    assert (await sign_in(strict_client, PASSWORD, "root@example.com")).status_code == 200
    await strict_client.post("/auth/register", json={"email": "ann@example.com", "password": PASSWORD})
    await strict_client.post("/auth/password/forgot", json={"email": "ann@example.com"})
    reply = await reset(strict_client, await post.reset_token())
    assert (reply.status_code, reply.json()["user"]["email_verified"]) == (200, True)
    assert (await sign_in(strict_client, NEW)).status_code == 200


async def test_where_it_is_off_nothing_is_mailed(build: Build, auth_settings: AuthSettings, post: Post) -> None:
    container = build(auth_settings.model_copy(update={"verify_email": "off"}))
    await (await container.get(SignUp)).register(Application(email="ann@example.com", password=PASSWORD))
    await post.deliver()
    assert post.mails() == []


# A new password


async def test_a_forgotten_password_is_replaced_by_who_reads_the_mailbox(
    client: httpx2.AsyncClient, register: Register, post: Post, forgot: Ask, told: list[Event]
) -> None:
    before = await register()
    assert (await forgot(" Ann@Example.com ")).status_code == 202
    token = await post.reset_token()
    reply = await reset(client, token)
    assert reply.status_code == 200
    assert (reply.json()["user"]["id"], reply.json()["user"]["email_verified"]) == (str(before.account.id), True)
    assert (await client.get("/auth/me", headers=bearer(before))).status_code == 401
    assert (await client.post("/auth/refresh", json={"refresh_token": before.refresh_token})).status_code == 401
    assert (await client.get("/auth/me", headers={"Authorization": f"Bearer {reply.json()['access_token']}"})).status_code == 200
    assert ((await sign_in(client, PASSWORD)).status_code, (await sign_in(client, NEW)).status_code) == (401, 200)
    assert code_of(await reset(client, token, "a third river in july")) == (401, "auth.invalid_link")
    assert [event.name for event in told if event.name != "user.signed_in"] == ["user.registered", "user.email_verified", "user.password_changed"]


async def test_nobody_learns_who_has_an_account(
    client: httpx2.AsyncClient, container: AsyncContainer, register: Register, db: Database, post: Post, forgot: Ask
) -> None:
    await register()
    suspended = await register("sus@example.com")
    await (await container.get(Administration)).change(suspended.account.id, status="suspended")
    await post.deliver()
    before = len(post.mails())
    jobs = statement(select(JobRow.name))
    replies, queued = [], []
    for email in ("ann@example.com", "sus@example.com", "nobody@example.com"):
        reply = await forgot(email)
        headers = {name: value for name, value in reply.headers.items() if name not in ("x-request-id", "date")}
        replies.append((reply.status_code, reply.text, headers))
        queued.append(await db.read(lambda tx: tx.run(jobs).scalars()))
    assert replies == [replies[0]] * 3
    assert replies[0][:2] == (202, '{"status":"accepted"}')
    assert queued == [["accounts.mail.reset_password"] * count for count in (1, 2, 3)], "the same is written for everybody"
    await post.deliver()
    assert [mail["To"] for mail in post.mails()[before:]] == ["ann@example.com"]


async def test_twenty_resets_with_one_token_make_one_password(
    build: Build, auth_settings: AuthSettings, register: Register, post: Post, forgot: Ask, client: httpx2.AsyncClient
) -> None:
    await register()
    await forgot()
    token = await post.reset_token()
    clients = [make_client(build(auth_settings)) for _ in range(2)]
    replies = await asyncio.gather(*(reset(clients[number % 2], token, f"river number {number} in june") for number in range(20)))
    assert sorted(reply.status_code for reply in replies) == [200] + [401] * 19
    winner = next(number for number, reply in enumerate(replies) if reply.status_code == 200)
    assert (await sign_in(client, f"river number {winner} in june")).status_code == 200
    for each in clients:
        await each.aclose()


async def test_a_reset_voids_all_other_links_of_the_account_and_nobody_elses(client: httpx2.AsyncClient, register: Register, post: Post, forgot: Ask) -> None:
    """BAD-53"""
    await register()
    await register("bob@example.com")
    anns, bobs_own = await post.verification_token("ann@example.com"), await post.verification_token("bob@example.com")
    await forgot()
    first = await post.reset_token()
    await forgot()
    second = await post.reset_token()
    await forgot("bob@example.com")
    bobs = await post.reset_token()
    assert (await reset(client, second)).json()["user"]["email"] == "ann@example.com"
    assert code_of(await reset(client, first)) == (401, "auth.invalid_link")
    assert code_of(await verify(client, anns)) == (401, "auth.invalid_link")
    assert (await verify(client, bobs_own)).json()["email"] == "bob@example.com"
    assert (await reset(client, bobs, "the river of bob")).json()["user"]["email"] == "bob@example.com"


async def test_a_changed_password_voids_links_and_mails_that_wait(client: httpx2.AsyncClient, register: Register, post: Post, forgot: Ask) -> None:
    session = await register()
    await forgot()
    token = await post.reset_token()
    await forgot()  # its mail is not sent yet
    before = len(post.mails())
    changed = await client.post("/auth/password", json={"current_password": PASSWORD, "new_password": NEW}, headers=bearer(session))
    assert changed.status_code == 200
    await post.deliver()
    assert code_of(await reset(client, token, "a third river in july")) == (401, "auth.invalid_link")
    assert len(post.mails()) == before


@pytest.mark.parametrize("fate", ["erased", "suspended"])
async def test_of_an_account_that_is_gone_no_link_works(
    client: httpx2.AsyncClient, container: AsyncContainer, register: Register, post: Post, forgot: Ask, db: Database, fate: str
) -> None:
    session = await register()
    await forgot()
    token = await post.reset_token()
    if fate == "erased":
        user_data = await container.get(AccountsUserData)
        export = await user_data.export(session.account.id)
        assert sorted(each["purpose"] for each in export["mailed_links"]) == ["reset_password", "verify_email"]
        assert token not in str(export)
        await user_data.erase(session.account.id)
        assert await db.read(_count) == 0
    else:
        await (await container.get(Administration)).change(session.account.id, status="suspended")
    assert (await reset(client, token)).status_code == {"erased": 401, "suspended": 403}[fate]
    assert (await sign_in(client, NEW)).status_code == 401


async def test_what_is_no_token_changes_nothing(client: httpx2.AsyncClient, register: Register, post: Post, forgot: Ask) -> None:
    await register()
    verification = await post.verification_token()
    await forgot()
    token = await post.reset_token()
    for wrong in ("", "x", "x" * 43, "é" * 43, token[:-1], token + "A", token.swapcase(), verification, "x" * 200):
        assert code_of(await reset(client, wrong)) == (401, "auth.invalid_link"), wrong
    assert code_of(await verify(client, token)) == (401, "auth.invalid_link"), "each opens its own door"
    assert (await reset(client, "x" * 201)).status_code == 422
    for weak in ("short", "password123", "ann@example.com"):
        assert (await reset(client, token, weak)).status_code == 422
    assert (await sign_in(client, PASSWORD)).status_code == 200
    assert (await reset(client, token)).status_code == 200, "a weak password does not use the link up"


_age = statement(update(MailedTokenRow).values(expires_at=MailedTokenRow.created_at))
_rows = statement(select(MailedTokenRow.token_hash, MailedTokenRow.expires_at, MailedTokenRow.created_at, MailedTokenRow.purpose))


def _count(tx: Transaction) -> int:
    return len(tx.run(_rows).all())


async def test_links_expire_and_are_cleared_away(
    client: httpx2.AsyncClient, container: AsyncContainer, register: Register, post: Post, forgot: Ask, db: Database
) -> None:
    await register()
    await forgot()
    token = await post.reset_token()
    rows = await db.read(lambda tx: tx.run(_rows).all())
    lives = {row.purpose: row.expires_at - row.created_at for row in rows}
    assert lives == {"verify_email": timedelta(hours=24), "reset_password": timedelta(minutes=30)}
    assert all(token.encode() not in row.token_hash and len(row.token_hash) == 32 for row in rows)
    await (await container.get(Pruning)).run({})
    assert await db.read(_count) == 2
    await db.write(lambda tx: tx.run(_age))
    assert code_of(await reset(client, token)) == (401, "auth.invalid_link")
    await (await container.get(Pruning)).run({})
    assert await db.read(_count) == 0


async def test_one_address_gets_five_mails_an_hour_and_one_client_asks_for_thirty(
    client: httpx2.AsyncClient, register: Register, post: Post, forgot: Ask
) -> None:
    await register()
    known = [(await forgot()).status_code for _ in range(7)]
    unknown = [(await forgot("nobody@example.com")).status_code for _ in range(7)]
    assert known == unknown == [202] * 7
    await post.deliver()
    assert len([mail for mail in post.mails() if "password" in mail["Subject"]]) == 5
    others = [await forgot(f"somebody{number}@example.com") for number in range(17)]
    assert [reply.status_code for reply in others] == [202] * 16 + [429]
    assert int(others[-1].headers["retry-after"]) > 3000
    assert code_of(others[-1])[1] == "rate_limited"


async def test_what_is_no_address_is_said(forgot: Ask, client: httpx2.AsyncClient) -> None:
    assert code_of(await forgot("not an address")) == (422, "auth.invalid_email")
    assert (await client.post("/auth/password/forgot", json={"email": "ann@example.com", "x": 1})).status_code == 422


def test_settings_of_links() -> None:
    settings = AuthSettings(secret_key=SecretStr(SECRET))
    assert (settings.verify_email, settings.email_required, settings.verify_email_seconds, settings.reset_password_seconds) == ("optional", True, 86_400, 1800)
