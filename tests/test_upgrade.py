"""A database of the first release, with a row in every table, under the newest code: everything that was stored can be read and used."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import Connection, insert

from bench.fake_model import FakeModel
from parlor.core.db import Base, DatabaseSettings, migrate
from parlor.core.settings import RootSettings
from parlor.llm import Usage
from parlor.turns.events import TextDelta, TurnCompleted
from parlor.turns.segments import Numbered, pack
from tests.core.db.test_migrate import X, a_row, load_all_tables, on_own_connection
from tests.support.chat import PASSWORD, client_of
from tests.support.server import parlor_server

FIRST = "0001"
ANSWER, PLATFORM_LEG = UUID(int=X.int + 1), UUID(int=X.int + 2)
REFRESH_TOKEN = "rt_" + "r" * 43
BONUS = 5_000_000


def rows_of_the_first_release() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """What differs from `a_row`, for each row. Tables that are not here have one row as it is."""
    later = datetime.now(UTC) + timedelta(days=30)
    password_hash, used = PasswordHasher(1, 8, 1).hash(PASSWORD), Usage(input_tokens=1, output_tokens=2)
    usage = msgspec.to_builtins(used)
    log = [Numbered(1, TextDelta("Forty-two")), Numbered(2, TurnCompleted(message_id=ANSWER, usage=used, charge_micros=0))]
    question = {"id": X, "seq": 1, "role": "user", "text": "What is it?", "parts": None, "status": "complete", "usage": None, "turn_id": X}
    return {
        "accounts": [
            {"email": "ann@example.com", "username": "ann", "erased_at": None, "avatar_url": None, "locale": None, "password_hash": password_hash}
        ],
        "sign_ins": [{"ended_at": None, "end_reason": None, "expires_at": later}],
        "refresh_tokens": [{"used_at": None, "token_hash": hashlib.sha256(REFRESH_TOKEN.encode()).digest()}],
        "wallets": [{"available_micros": BONUS, "held_micros": 0, "entry_count": 1}],
        "ledger_transactions": [{"reference": str(X), "turn_id": None, "model": None, "explanation": "Welcome bonus"}],
        "ledger_entries": [
            {"number": 1, "amount_micros": BONUS, "balance_micros": BONUS},
            {"id": PLATFORM_LEG, "account_id": None, "number": None, "platform": "bonus", "amount_micros": -BONUS, "balance_micros": None},
        ],
        "holds": [{"state": "settled", "amount_micros": 0, "expires_at": None, "resolved_at": later}],
        "sessions": [{"title": "An old one", "agent": None, "model": None, "message_count": 2, "is_branched": False, "is_archived": False}],
        "messages": [question, {**question, "id": ANSWER, "seq": 2, "parent_id": X, "role": "assistant", "text": "Forty-two"}],
        "turns": [
            {"answer_id": ANSWER, "reason": None, "lease_owner": None, "lease_expires_at": None, "charge_micros": 0, "hold_micros": 0, "usage": usage}
        ],
        "turn_segments": [{"first": 1, "last": 2, "entries": pack(log)}],
        "turn_steps": [{"state": "done", "outcome": {"result": 1}}],
        "idempotency_keys": [{"token": None, "expires_at": later}],
    }  # fmt: skip


def _make_first_release(connection: Connection) -> None:
    scripts = migrate._scripts([])

    def steps(revision: Any, context: Any) -> Any:
        return scripts._upgrade_revs(FIRST, revision)

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=FIRST) as environment:
        environment.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True)
        environment.run_migrations()
    there = sqlalchemy.inspect(connection)
    given = rows_of_the_first_release()
    for table in load_all_tables():
        if not there.has_table(table.name):
            continue
        columns = {column["name"] for column in there.get_columns(table.name)} - ({"number"} if table.name == "messages" else set())  # counted by itself
        for more in given.get(table.name, [{}]):
            row = {**a_row(table), **more}
            connection.execute(insert(table).values({name: value for name, value in row.items() if name in columns}))


@pytest.fixture
def old_database(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
        return
    with request.getfixturevalue("postgres").database("template0") as url:
        yield url


async def test_every_row_of_the_first_release_reads_through_the_newest(old_database: str, tmp_path: Path) -> None:
    settings, root = DatabaseSettings(url=SecretStr(old_database)), RootSettings(data_dir=tmp_path / "data")
    await on_own_connection(settings, root, _make_first_release)
    assert (await migrate.status(settings, root)).current == FIRST
    async with FakeModel() as fake, parlor_server(tmp_path / "server", old_database, fake.base_url) as server:
        async with client_of(server.base_url) as stranger:
            refreshed = await stranger.post("/auth/refresh", json={"refresh_token": REFRESH_TOKEN})
            signed_in = await stranger.post("/auth/login", json={"login": "ann", "password": PASSWORD})
        assert (refreshed.status_code, signed_in.status_code) == (200, 200), (refreshed.text, signed_in.text)
        assert (signed_in.json()["user"]["email"], signed_in.json()["user"]["groups"]) == ("ann@example.com", [])
        async with client_of(server.base_url, refreshed.json()["access_token"]) as ann:
            found = {path: await ann.get(path) for path in ("/wallet", "/wallet/entries", f"/sessions/{X}", f"/sessions/{X}/messages", f"/turns/{X}")}
            assert {path: reply.status_code for path, reply in found.items()} == dict.fromkeys(found, 200), {path: reply.text for path, reply in found.items()}
            assert found["/wallet"].json()["posted_micros"] == BONUS
            assert [message["parts"][0]["text"] for message in found[f"/sessions/{X}/messages"].json()["items"]] == ["What is it?", "Forty-two"]
            assert "Forty-two" in (await ann.get(f"/turns/{X}/events")).text
            asked = await ann.post(f"/sessions/{X}/messages?wait=true", json={"content": "And now?"})
            assert asked.json()["turn"]["state"] == "completed", asked.text
            assert (await ann.get("/auth/me/export")).status_code == 200
        assert await server.run("wallet", "verify") == (0, "Every wallet is what its ledger says.\n")
        code, said = await server.run("doctor", "--deep")
        assert code == 0, said
