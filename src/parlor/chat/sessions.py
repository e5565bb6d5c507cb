"""Sessions: making, changing, listing, forking, deleting them, and reading their messages."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from parlor.agents import AgentRegistry, drop_threads_of_session
from parlor.chat import message_queries, session_queries
from parlor.chat.errors import NoSuchMessage, NoSuchSession
from parlor.chat.sharing import queries as share_queries
from parlor.chat.summary import renamed
from parlor.core.db import Database, Transaction
from parlor.core.ids import new_id
from parlor.llm import EVERYBODY, ModelAccess, ModelRegistry
from parlor.tools import ToolCaller
from parlor.turns import TurnInProgress, TurnReader, busy_turns, forget_session

_FAR_FUTURE = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=(1 << 128) - 1))
COPY_MOST = 10_000
"""Messages that a fork takes along at most."""


class Listing(msgspec.Struct, frozen=True):
    """Which sessions to list."""

    archived: bool = False
    category: str | None = None
    title_has: str = ""


class Sessions:
    def __init__(self, db: Database, turns: TurnReader, agents: AgentRegistry, models: ModelRegistry) -> None:
        self._db = db
        self._turns = turns
        self._agents = agents
        self._models = models

    async def create(
        self,
        account_id: UUID,
        *,
        title: str,
        category: str,
        agent: str | None,
        model: str | None,
        metadata: Mapping[str, Any],
        access: ModelAccess = EVERYBODY,
    ) -> Any:
        """Raises UnknownAgent, UnknownModel."""
        await self.check(account_id, agent, model, access)
        return await self._db.write(
            lambda tx: session_queries.insert_session(
                tx,
                id=new_id(),
                account_id=account_id,
                title=title,
                category=category,
                notes="",
                agent=agent,
                model=model,
                metadata=dict(metadata),
                message_count=0,
                is_branched=False,
            )
        )

    async def get(self, session_id: UUID, account_id: UUID) -> tuple[Any, UUID | None]:
        """The session and its turn that is not over. Raises NoSuchSession."""

        def read(tx: Transaction) -> tuple[Any, UUID | None]:
            return _found(tx, session_id, account_id), busy_turns(tx, account_id, [session_id]).get(session_id)

        return await self._db.read(read)

    async def list(self, account_id: UUID, listing: Listing, before: tuple[datetime, UUID] | None, most: int) -> tuple[Sequence[Any], Mapping[UUID, UUID]]:
        """Last used first, with the turns that are not over."""

        def read(tx: Transaction) -> tuple[Sequence[Any], Mapping[UUID, UUID]]:
            rows = session_queries.list_sessions(
                tx,
                account_id,
                archived=listing.archived,
                category=listing.category,
                title_has=listing.title_has,
                before=before or _FAR_FUTURE,
                most=most,
            )
            return rows, busy_turns(tx, account_id, [row.id for row in rows])

        return await self._db.read(read)

    async def change(self, session_id: UUID, account_id: UUID, changes: Mapping[str, Any], access: ModelAccess = EVERYBODY) -> Any:
        """Only what `changes` names. Raises NoSuchSession, UnknownAgent, UnknownModel."""
        await self.check(account_id, changes.get("agent"), changes.get("model"), access)

        def change(tx: Transaction) -> Any:
            if session_queries.use_session(tx, session_id, account_id, added=0) is None:
                raise NoSuchSession()
            row = session_queries.find_session(tx, session_id, account_id)
            names = ("title", "category", "notes", "agent", "model", "is_pinned", "is_archived", "metadata")
            state = session_queries.TITLE_GIVEN if "title" in changes else row.title_state
            values = {name: changes.get(name, getattr(row, name)) for name in names}
            return session_queries.change_session(tx, session_id, account_id, title_state=state, **values)

        return await self._db.write(change)

    async def check(self, account_id: UUID, agent: str | None, model: str | None, access: ModelAccess) -> None:
        """None is the default, which is looked up when it is used. Raises UnknownAgent, UnknownModel."""
        if agent is not None:
            await self._agents.definition(agent, ToolCaller(account_id, access.groups, access.is_unlimited))
        if model is not None:
            await self._models.find(model, access)

    async def delete(self, session_id: UUID, account_id: UUID) -> None:
        """Stops and bills a turn that runs in it, then removes every word of it. Raises NoSuchSession, and TurnInProgress when the turn does not end."""
        _, running = await self.get(session_id, account_id)
        if running is not None:
            await self._turns.stop(running, account_id)

        def delete(tx: Transaction) -> None:
            if session_queries.use_session(tx, session_id, account_id, added=0) is None:
                raise NoSuchSession()
            if busy_turns(tx, account_id, [session_id]):
                raise TurnInProgress()
            forget_session(tx, session_id)
            drop_threads_of_session(tx, session_id, account_id)
            share_queries.remove_share(tx, session_id)
            message_queries.delete_messages(tx, session_id)
            session_queries.delete_session(tx, session_id, account_id)

        await self._db.write(delete)

    async def fork(self, session_id: UUID, account_id: UUID, message_id: UUID, title: str | None) -> Any:
        """A new session with the path to that message. Raises NoSuchSession, NoSuchMessage."""

        def fork(tx: Transaction) -> Any:
            session = _found(tx, session_id, account_id)
            last = message_queries.find_message(tx, session_id, message_id)
            if last is None:
                raise NoSuchMessage()
            path = message_queries.path_to(tx, session_id, last, is_branched=session.is_branched, most=COPY_MOST)
            made = session_queries.insert_session(
                tx,
                id=new_id(),
                account_id=account_id,
                title=title if title is not None else session.title,
                category=session.category,
                notes="",
                agent=session.agent,
                model=session.model,
                metadata=session.metadata,
                message_count=len(path),
                is_branched=False,
            )
            _copy(tx, made, reversed(path))
            return made

        return await self._db.write(fork)

    async def messages(self, session_id: UUID, account_id: UUID, branch: UUID | None, after: int, most: int) -> Sequence[Any]:
        """The path from the root to `branch` (the newest message without it), oldest first, above the number `after`. Raises NoSuchSession, NoSuchMessage."""

        def read(tx: Transaction) -> Sequence[Any]:
            session = _found(tx, session_id, account_id)
            if branch is None:
                last = message_queries.message_at(tx, session_id, session.message_count)
            else:
                last = message_queries.find_message(tx, session_id, branch)
                if last is None:
                    raise NoSuchMessage()
            if last is None:
                return ()
            if not session.is_branched:
                return message_queries.messages_between(tx, session_id, after=after, last=last.seq, most=most)
            path = message_queries.path_to(tx, session_id, last, is_branched=True, most=COPY_MOST)
            return [row for row in reversed(path) if row.seq > after][:most]

        return await self._db.read(read)

    async def message(self, session_id: UUID, account_id: UUID, message_id: UUID) -> Any:
        """None when there is none (an answer of nothing is not kept)."""

        def read(tx: Transaction) -> Any:
            _found(tx, session_id, account_id)
            return message_queries.find_message(tx, session_id, message_id)

        return await self._db.read(read)


def _found(tx: Transaction, session_id: UUID, account_id: UUID) -> Any:
    session = session_queries.find_session(tx, session_id, account_id)
    if session is None:
        raise NoSuchSession()
    return session


def _copy(tx: Transaction, session: Any, rows: Any) -> None:
    parent_id: UUID | None = None
    ids: dict[UUID, UUID] = {}
    for seq, row in enumerate(rows, start=1):
        message_id = ids[row.id] = new_id()
        message_queries.insert_message(
            tx,
            id=message_id,
            session_id=session.id,
            account_id=session.account_id,
            seq=seq,
            parent_id=parent_id,
            role=row.role,
            text=row.text,
            parts=renamed(row.parts, ids),
            tokens=row.tokens,
            status=row.status,
            turn_id=None,
            usage=row.usage,
            created_at=row.created_at,
        )
        parent_id = message_id
