"""The job that sends a mailed link, with a way out that fails as told."""

from typing import Any

import httpx2
import pytest
import structlog
from dishka import AsyncContainer
from sqlalchemy import select

from parlor.accounts.link_mails import LinkMails
from parlor.accounts.mail.ports import Mail
from parlor.core.db import Database, statement
from parlor.core.jobs import Job
from parlor.core.jobs.tables import JobRow
from parlor.core.outbound import NoAnswer, Rejected
from tests.accounts.conftest import Register

NAME = "accounts.mail.reset_password"
_args = statement(select(JobRow.args).where(JobRow.name == NAME))


class Flaky:
    """Keeps what it was asked to send."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.asked.append(mail)
        if self.failures:
            raise self.failures.pop(0)

    async def probe(self) -> None:
        return


@pytest.fixture
def flaky() -> Flaky:
    return Flaky()


@pytest.fixture
async def asked(client: httpx2.AsyncClient, register: Register, db: Database) -> dict[str, Any]:
    """What a job was enqueued with, for somebody who forgot their password."""
    await register()
    assert (await client.post("/auth/password/forgot", json={"email": "ann@example.com"})).status_code == 202
    return await db.read(lambda tx: tx.run(_args).scalar())


@pytest.fixture
async def job(container: AsyncContainer, flaky: Flaky) -> Job:
    mails = await container.get(LinkMails)
    mails._mailer = flaky
    return next(job for job in mails.jobs() if job.name == NAME)


async def test_a_mail_that_is_sent_again_is_the_same_mail(client: httpx2.AsyncClient, job: Job, flaky: Flaky, asked: dict[str, Any]) -> None:
    """Also after its link was used: the process dies after the server took the mail, and the job runs again."""
    flaky.failures = [NoAnswer("The mail server mail.test ended the connection.")]
    with pytest.raises(NoAnswer):
        await job.run(asked)
    await job.run(asked)
    first, second = flaky.asked
    assert first == second
    token = first.text.partition("#")[2].split()[0]
    assert token not in str(asked)
    body = {"token": token, "password": "another river in june"}
    assert (await client.post("/auth/password/reset", json=body)).status_code == 200
    await job.run(asked)
    assert len(flaky.asked) == 2
    assert (await client.post("/auth/password/reset", json=body)).status_code == 401


async def test_a_mail_that_waited_for_longer_than_its_link_would_have_worked_is_given_up(job: Job, flaky: Flaky, asked: dict[str, Any]) -> None:
    await job.run({**asked, "asked_at": asked["asked_at"] - 1801})
    assert flaky.asked == []
    await job.run({**asked, "asked_at": asked["asked_at"] - 1700})
    assert len(flaky.asked) == 1


async def test_an_address_that_takes_no_mail_is_given_up_and_not_named(job: Job, flaky: Flaky, asked: dict[str, Any]) -> None:
    flaky.failures = [Rejected("The mail server mail.test refused the recipient (550 5.1.1).")]
    with structlog.testing.capture_logs() as lines:
        await job.run(asked)
    (line,) = [line for line in lines if line["event"] == "mail refused for good"]
    assert (line["account_id"], line["purpose"]) == (asked["account_id"], "reset_password")
    assert "ann@example.com" not in str(line)


async def test_it_is_tried_until_the_link_would_have_expired(job: Job) -> None:
    pauses = [job.retry_after(attempts).total_seconds() for attempts in range(1, job.attempts)]
    assert sum(pauses) >= 1800
    assert max(pauses) == 120
