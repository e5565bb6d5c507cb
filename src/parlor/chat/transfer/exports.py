"""Sessions as files: JSON with the whole tree, which can be imported again, and Markdown of one branch, for people."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec

from parlor.chat import message_queries, session_queries
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.schemas import MessageRead, SessionRead
from parlor.chat.sessions import COPY_MOST
from parlor.chat.transfer.markdown import heading, said
from parlor.chat.transfer.own import FORMAT, VERSION
from parlor.core.db import Database, Transaction
from parlor.turns import models_used

PAGE = 200
_FIRST = UUID(int=0)
_encode = msgspec.json.Encoder().encode


class ExportFile(msgspec.Struct, frozen=True):
    """`chunks` is read once, while it is sent: no more than a page of messages is in memory."""

    name: str
    media_type: str
    chunks: AsyncIterator[bytes]


class _Opened(msgspec.Struct, frozen=True):
    session: Any
    models: dict[UUID, tuple[str, str]]
    last: Any
    """The message that the branch ends with; None: the whole tree."""


class SessionExports:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def as_json(self, session_id: UUID, account_id: UUID, branch: UUID | None) -> ExportFile:
        """All of the tree, or the one branch that ends with a message. Raises NoSuchSession, NoSuchMessage."""
        opened = await self._open(session_id, account_id, branch)
        return ExportFile(_name_of(opened.session, "json"), "application/json", self._json(opened))

    async def as_markdown(self, session_id: UUID, account_id: UUID, branch: UUID | None) -> ExportFile:
        """The newest branch, or the one that ends with a message. Raises NoSuchSession, NoSuchMessage."""
        opened = await self._open(session_id, account_id, branch, newest=True)
        return ExportFile(_name_of(opened.session, "md"), "text/markdown; charset=utf-8", self._markdown(opened))

    def all_as_json(self, account_id: UUID) -> ExportFile:
        """A list of what `as_json` gives, oldest session first. One that is deleted meanwhile is left out."""
        return ExportFile("parlor-sessions.json", "application/json", self._all(account_id))

    async def _open(self, session_id: UUID, account_id: UUID, branch: UUID | None, *, newest: bool = False) -> _Opened:
        def read(tx: Transaction) -> _Opened:
            session = session_queries.find_session(tx, session_id, account_id)
            if session is None:
                raise NoSuchSession
            last = None
            if branch is not None:
                last = message_queries.find_message(tx, session_id, branch)
                if last is None:
                    raise NoSuchMessage
            elif newest:
                last = message_queries.message_at(tx, session_id, session.message_count)
            return _Opened(session, models_used(tx, session_id), last)

        return await self._db.read(read)

    async def _all(self, account_id: UUID) -> AsyncIterator[bytes]:
        after, begin = _FIRST, b"["
        while ids := await self._db.read(lambda tx, after=after: session_queries.session_ids_after(tx, account_id, after, PAGE)):
            for session_id in ids:
                try:
                    opened = await self._open(session_id, account_id, None)
                except NoSuchSession:
                    continue
                yield begin
                begin = b","
                async for piece in self._json(opened):
                    yield piece
            after = ids[-1]
        yield b"[]\n" if begin == b"[" else b"]\n"

    async def _json(self, opened: _Opened) -> AsyncIterator[bytes]:
        session = SessionRead.of(opened.session).model_dump(mode="json", exclude={"running_turn_id"})
        head = _encode({"format": FORMAT, "version": VERSION, "session": session})
        yield head[:-1] + b',"messages":['
        is_first = True
        async for rows in self._pages(opened):
            lines = b",\n".join(_encode(_shown(row, opened.models)) for row in rows)
            yield (b"\n" if is_first else b",\n") + lines
            is_first = False
        yield b"\n]}\n"

    async def _markdown(self, opened: _Opened) -> AsyncIterator[bytes]:
        yield heading(opened.session.title, opened.session.created_at).encode()
        if opened.last is None:
            return
        async for rows in self._pages(opened):
            yield "".join(said(MessageRead.of(row)) for row in rows).encode()

    async def _pages(self, opened: _Opened) -> AsyncIterator[list[Any]]:
        """Oldest first. What is said after the export has begun is not in it."""
        session, last = opened.session, opened.last
        if last is not None and session.is_branched:
            path = await self._db.read(lambda tx: message_queries.path_to(tx, session.id, last, is_branched=True, most=COPY_MOST))
            for start in range(0, len(path), PAGE):
                yield path[::-1][start : start + PAGE]
            return
        after, end = 0, session.message_count if last is None else last.seq
        while rows := await self._db.read(lambda tx, after=after: message_queries.messages_between(tx, session.id, after=after, last=end, most=PAGE)):
            yield rows
            after = rows[-1].seq


def _shown(row: Any, models: dict[UUID, tuple[str, str]]) -> dict[str, Any]:
    agent, model = models.get(row.turn_id, (None, None)) if row.role == "assistant" else (None, None)
    return {**MessageRead.of(row).model_dump(mode="json", exclude={"turn_id"}), "agent": agent, "model": model}


def _name_of(session: Any, ending: str) -> str:
    """In ASCII letters, digits and dashes: nothing that a header or a file system could take for something else."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", session.title)[:60].strip("-").lower()
    return f"{words or f'session-{session.id}'}.{ending}"
