"""Signed-in devices: what is known of each."""

import httpx2
import pytest

from parlor.accounts import sign_in_queries as queries
from parlor.core.db import Database
from tests.accounts.conftest import PASSWORD, Register


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Browser/1.0 (Linux)", "Browser/1.0 (Linux)"), ("", None), ("x" * 5000, "x" * 300), ("a\tb", "ab"), ("\x07", None)],
)
async def test_a_sign_in_says_how_and_where_from(client: httpx2.AsyncClient, register: Register, db: Database, sent: str, kept: str | None) -> None:
    account = (await register()).account
    answer = await client.post("/auth/login", json={"login": "ann@example.com", "password": PASSWORD}, headers={"User-Agent": sent})
    assert answer.status_code == 200
    newest = (await db.read(lambda tx: queries.list_sign_ins(tx, account.id)))[-1]
    assert (newest.method, newest.user_agent, newest.address) == ("password", kept, "127.0.0.1")
