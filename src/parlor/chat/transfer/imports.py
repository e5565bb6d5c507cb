"""Imports: what a file holds becomes sessions of an account, a page of messages a transaction, behind the work of everybody who chats."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from parlor.accounts import AccountDirectory, AccountNotFound
from parlor.agents import UnknownAgent
from parlor.chat import message_queries, session_queries
from parlor.chat.errors import NoSuchSession
from parlor.chat.history import is_plain, text_of, tokens_of
from parlor.chat.questions import title_of
from parlor.chat.sessions import Sessions
from parlor.chat.settings import ChatSettings
from parlor.chat.transfer.drafts import DraftMessage
from parlor.chat.transfer.formats import Format, Readable, Skipped, read_file
from parlor.chat.transfer.trees import Placed, is_branched
from parlor.core.db import Database, Transaction
from parlor.core.errors import Conflict
from parlor.core.ids import new_id
from parlor.llm import EVERYBODY, ModelAccess, UnknownModel

PAGE = 200
_CUT = "\n\n[The rest of this message was too long to be imported.]"


class ImportInProgress(Conflict):
    code = "chat.import_in_progress"
    detail = "An import of yours is at work. Wait for it to end."


class Imported(msgspec.Struct, frozen=True):
    id: UUID
    title: str
    messages: int


class ImportOutcome(msgspec.Struct, frozen=True):
    format: Format
    sessions: Sequence[Imported]
    skipped: Sequence[Skipped]


class SessionImports:
    """One at a time for an account, and a few for the server: a file is in memory as long as it is worked at."""

    def __init__(self, db: Database, sessions: Sessions, directory: AccountDirectory, settings: ChatSettings) -> None:
        self._db = db
        self._sessions = sessions
        self._directory = directory
        self._settings = settings
        self._places = asyncio.Semaphore(settings.imports.at_once)
        self._at_work: set[UUID] = set()

    @asynccontextmanager
    async def place(self, account_id: UUID) -> AsyncGenerator[None]:
        """Around reading a file and `run`. Raises ImportInProgress."""
        if account_id in self._at_work:
            raise ImportInProgress
        self._at_work.add(account_id)
        try:
            async with self._places:
                yield
        finally:
            self._at_work.discard(account_id)

    async def run(self, account_id: UUID, content: bytes, access: ModelAccess = EVERYBODY) -> ImportOutcome:
        """Every conversation of the file becomes a new session, however often it comes.

        Raises UnreadableImport, UnknownExport and ImportTooLarge before anything is stored. A process that dies leaves the sessions that it has stored, of
        the last one perhaps only the beginning. Raises AccountNotFound when the account is erased or suspended meanwhile.
        """
        reading = await asyncio.to_thread(read_file, content, self._settings.imports)
        usable: dict[tuple[str | None, str | None], Mapping[str, str | None]] = {}
        imported = list[Imported]()
        for readable in reading.sessions:
            fields = readable.session.fields
            chosen = (fields.get("agent"), fields.get("model"))
            if chosen not in usable:
                agent = await self._usable(account_id, access, agent=chosen[0])
                usable[chosen] = {"agent": agent, "model": await self._usable(account_id, access, model=chosen[1])}
            imported.append(await self._store(account_id, readable, usable[chosen]))
        return ImportOutcome(reading.format, imported, reading.skipped)

    async def _usable(self, account_id: UUID, access: ModelAccess, *, agent: str | None = None, model: str | None = None) -> str | None:
        """The name, where it means something here: another server has other agents and models."""
        try:
            await self._sessions.check(account_id, agent, model, access)
        except (UnknownAgent, UnknownModel):
            return None
        return agent or model

    async def _store(self, account_id: UUID, readable: Readable, names: Mapping[str, str | None]) -> Imported:
        session_id, title = new_id(), readable.session.title or title_of(_first_text(readable.messages))
        rows = self._rows(session_id, account_id, readable)
        values = _session_values(readable, names) | {"id": session_id, "account_id": account_id, "title": title}
        for start in range(0, len(rows), PAGE):
            page = rows[start : start + PAGE]
            await self._db.write(lambda tx, page=page: self._write(tx, values, page), bulk=True)
        return Imported(session_id, title, len(rows))

    def _write(self, tx: Transaction, values: Mapping[str, Any], page: Sequence[Any]) -> None:
        account = self._directory.find(tx, values["account_id"])
        if account is None or account.status != "active":
            raise AccountNotFound
        now = tx.now()
        if page[0]["seq"] == 1:
            times = {name: min(values[name] or now, now) for name in ("created_at", "updated_at", "last_active_at")}
            session_queries.insert_imported(tx, **{**values, **times, "message_count": len(page)})
        elif session_queries.add_messages(tx, values["id"], values["account_id"], len(page)) is None:
            raise NoSuchSession
        message_queries.insert_messages(tx, [{**row, "created_at": min(row["created_at"] or now, now)} for row in page])

    def _rows(self, session_id: UUID, account_id: UUID, readable: Readable) -> list[dict[str, Any]]:
        """A message without a time has that of the one before it."""
        ids = [new_id() for _ in readable.messages]
        rows = list[dict[str, Any]]()
        said_at = readable.session.created_at
        for place, each in enumerate(readable.messages):
            said_at = each.message.created_at or said_at
            parent_id = None if each.parent is None else ids[each.parent]
            rows.append(
                {"id": ids[place], "session_id": session_id, "account_id": account_id, "seq": place + 1, "parent_id": parent_id}
                | self._content(each.message)
                | {"status": "complete", "turn_id": None, "usage": each.message.usage, "created_at": said_at}
            )
        return rows

    def _content(self, message: DraftMessage) -> dict[str, Any]:
        parts = _cut(message.parts, self._settings.message_most_chars)
        text, kept = text_of(parts), None if is_plain(parts) else list(parts)
        return {"role": message.role, "text": text, "parts": kept, "tokens": tokens_of(str(message.role), text, kept)}


def _session_values(readable: Readable, names: Mapping[str, str | None]) -> dict[str, Any]:
    session, times = readable.session, [each.message.created_at for each in readable.messages if each.message.created_at is not None]
    first: datetime | None = session.created_at or min(times, default=None)
    last = max(times, default=first)
    given: dict[str, Any] = {"category": "", "notes": "", "is_pinned": False, "is_archived": False, "metadata": {}, **session.fields, **names}
    return given | {"is_branched": is_branched(readable.messages), "created_at": first, "updated_at": last, "last_active_at": last}


def _cut(parts: Sequence[dict[str, Any]], most_chars: int) -> Sequence[dict[str, Any]]:
    """Whoever wrote elsewhere may have written more than is taken here: what is too long ends with a sentence that says so."""
    cut = list[dict[str, Any]]()
    left = most_chars
    for part in parts:
        if part["type"] == "text" and len(part["text"]) > left:
            cut.append({**part, "text": part["text"][:left] + _CUT})
            left = 0
        elif part["type"] != "text" or left:
            cut.append(part)
            left -= len(part["text"]) if part["type"] == "text" else 0
    return cut


def _first_text(messages: Sequence[Placed]) -> str:
    return next((text for each in messages if each.message.role == "user" and (text := text_of(each.message.parts))), "")
