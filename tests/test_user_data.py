"""What the house stores about people: no table that nobody answers for, no file in an export that nobody explains."""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar
from uuid import UUID

import pytest
from sqlalchemy import Table

from parlor.accounts import Application, SignUp
from parlor.accounts.exports import Exports
from parlor.chat import message_queries, session_queries
from parlor.core.archive import safe_path
from parlor.core.collected import UserDataSources
from parlor.core.db import Database, Transaction
from parlor.core.ids import new_id
from parlor.core.userdata import ExportedFile
from parlor.module import Module, discover
from parlor.testing import OpenHouse
from tests.core.db.test_migrate import load_all_tables

MESSAGES = 3000
MOST_PIECE_BYTES = 256 * 1024
CHEAP: dict[str, Any] = {"auth.argon2_memory_kib": 8, "auth.argon2_time_cost": 1}


def tables_of_people() -> set[str]:
    """With an account's id in them, or below one that has it."""
    found = {"accounts"}
    while more := {table.name for table in load_all_tables() if table.name not in found and _belongs(table, found)}:
        found |= more
    return found


def _belongs(table: Table, people: set[str]) -> bool:
    return "account_id" in table.columns or any(key.column.table.name in people for key in table.foreign_keys)


async def test_every_table_with_rows_of_people_is_answered_for_by_one_module(parlor_house: OpenHouse) -> None:
    async with parlor_house() as container:
        sources = await container.get(UserDataSources)
    listed = [table for source in sources for table in source.tables]
    assert tables_of_people() - set(listed) == set()
    assert set(listed) <= {table.name for table in load_all_tables()}
    assert sorted(listed) == sorted(set(listed))
    assert len({source.name for source in sources}) == len(sources)


async def test_every_file_of_an_export_is_explained(parlor_house: OpenHouse) -> None:
    async with parlor_house(settings=CHEAP) as container:
        account = await (await container.get(SignUp)).create(Application(email="ann@example.com", password="a quiet river in may"))
        for source in await container.get(UserDataSources):
            assert set(await source.export(account.id)) == set(source.describes), source.name


def _fill(tx: Transaction, account_id: UUID) -> UUID:
    session = session_queries.insert_session(
        tx, id=new_id(), account_id=account_id, title="Long", category="", notes="", agent=None, model=None, metadata={},
        message_count=MESSAGES, is_branched=False,
    )  # fmt: skip
    for number in range(1, MESSAGES + 1):
        message_queries.insert_message(
            tx, id=new_id(), session_id=session.id, account_id=account_id, seq=number, parent_id=None, role="user", text=f"{number} {new_id()} Ünïcode",
            parts=None, tokens=1, status="complete", turn_id=None, usage=None, created_at=tx.now(),
        )  # fmt: skip
    return session.id


async def test_a_long_conversation_is_exported_in_pieces_and_erased_in_pages(parlor_house: OpenHouse, database_url: str) -> None:
    async with parlor_house(settings=CHEAP | {"database.url": database_url}) as container:
        db = await container.get(Database)
        account = await (await container.get(SignUp)).create(Application(email="ann@example.com", password="a quiet river in may"))
        await db.write(lambda tx: _fill(tx, account.id))
        pieces = [piece async for piece in await (await container.get(Exports)).open(account.id)]
        sources = {source.name: source for source in await container.get(UserDataSources)}
        assert await sources["chat"].erase(account.id) == MESSAGES + 1
        assert await sources["chat"].erase(account.id) == 0
    assert max(map(len, pieces)) < MOST_PIECE_BYTES
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as file:
        assert file.testzip() is None
        messages = json.loads(file.read("chat/messages.json"))
        assert [message["parts"][0]["text"].split()[0] for message in messages] == [str(number) for number in range(1, MESSAGES + 1)]
        assert messages[0]["created_at"].endswith("Z")
        account_json = json.loads(file.read("accounts/account.json"))
        assert (account_json["email"], account_json["created_at"][-1]) == ("ann@example.com", "Z")
        readme = file.read("README.txt").decode()
        assert all(f"{name}: " in readme for name in file.namelist() if name != "README.txt")


class Album:
    """A module that keeps more than rows."""

    name = "album"
    tables = ()
    describes: ClassVar[Mapping[str, str]] = {}

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        return {}

    async def erase(self, account_id: UUID) -> int:
        return 0

    async def files(self, account_id: UUID) -> AsyncIterator[ExportedFile]:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"\x89PNG"
            yield b"\x00" * 200_000

        yield ExportedFile("../../holiday/beach.png", chunks())


async def test_files_of_a_module_are_in_its_folder_whatever_they_are_called(parlor_house: OpenHouse) -> None:
    album = Module(name="album", user_data=Album)
    async with parlor_house(*(found.module.name for found in discover()), album, settings=CHEAP) as container:
        account = await (await container.get(SignUp)).create(Application(email="ann@example.com", password="a quiet river in may"))
        whole = b"".join([piece async for piece in await (await container.get(Exports)).open(account.id)])
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        assert file.read("album/files/holiday/beach.png") == b"\x89PNG" + b"\x00" * 200_000


@pytest.mark.parametrize(("given", "safe"), [("../../etc/passwd", "etc/passwd"), ("/a/b", "a/b"), ("a\\..\\b", "a/b"), ("..", "unnamed"), ("a\x00b", "ab")])
def test_a_path_in_an_archive_stays_below_it(given: str, safe: str) -> None:
    assert safe_path(given) == safe
