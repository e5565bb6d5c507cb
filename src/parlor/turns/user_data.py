"""What turns hold about a person: their log and the calls of tools. The row itself has no words in it, and stays for the books."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.core.errors import Unavailable
from parlor.core.userdata import each_row
from parlor.turns import queries, question_queries
from parlor.turns.engine import TurnEngine
from parlor.turns.schemas import TurnRead
from parlor.turns.sweep import TurnSweep

PAGE = 200
FIRST = UUID(int=0)
STOP_SECONDS = 10.0
"""A server that is alive sees that a turn is to be stopped within about a second."""
POLL_SECONDS = 0.05


class TurnUserData:
    name = "turns"
    tables = ("turns", "turn_segments", "turn_steps", "turn_questions", "turn_continuations")
    describes: ClassVar[Mapping[str, str]] = {
        "turns": "Every question that was put to a model: when, to which one, what it used and cost.",
        "tool_calls": "What the models called tools with while they answered, and what came of it.",
        "tool_questions": "What was asked before tools were run, and what you answered.",
    }

    def __init__(self, db: Database, engine: TurnEngine, sweep: TurnSweep) -> None:
        self._db = db
        self._engine = engine
        self._sweep = sweep

    async def export(self, account_id: UUID) -> Mapping[str, Any]:
        return {"turns": self._turns(account_id), "tool_calls": self._tool_calls(account_id), "tool_questions": self._questions(account_id)}

    async def stop(self, account_id: UUID) -> None:
        """Stop the account's turns and wait until each has its end, and its charge. Raises `Unavailable` when one does not end in time."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                while running := await self._db.read(lambda tx: queries.unfinished_turns(tx, account_id)):
                    elsewhere = [turn_id for turn_id in running if not self._engine.stop(turn_id) and self._engine.running(turn_id) is None]
                    if elsewhere:
                        await self._db.write(lambda tx: queries.request_stops(tx, account_id))
                        await self._sweep.sweep()  # their server may be gone
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise Unavailable("A turn of this account does not end: its server does not answer.", retry_after_seconds=STOP_SECONDS) from error

    async def erase(self, account_id: UUID) -> int:
        """Every word of every turn, also of those whose session was deleted before."""
        last, touched = FIRST, 0
        while page := await self._db.read(lambda tx, last=last: queries.turns_page(tx, account_id, last, PAGE)):
            turn_ids = [row.id for row in page]
            touched += await self._db.write(lambda tx, turn_ids=turn_ids: queries.forget_turns(tx, turn_ids), bulk=True)
            last = turn_ids[-1]
        return touched

    async def _turns(self, account_id: UUID) -> AsyncIterator[Any]:
        async for row in each_row(self._db, lambda tx, last: _page(tx, account_id, last)):
            if row.session_id is not None:
                yield TurnRead.of(row).model_dump(mode="json")

    async def _tool_calls(self, account_id: UUID) -> AsyncIterator[Any]:
        async for turn in each_row(self._db, lambda tx, last: _page(tx, account_id, last)):
            for step in await self._db.read(lambda tx, turn_id=turn.id: queries.steps_of(tx, turn_id)):
                yield {"turn_id": turn.id, **step._asdict()}

    async def _questions(self, account_id: UUID) -> AsyncIterator[Any]:
        async for turn in each_row(self._db, lambda tx, last: _page(tx, account_id, last)):
            for question in await self._db.read(lambda tx, turn_id=turn.id: question_queries.questions_of(tx, turn_id)):
                yield {name: value for name, value in question._asdict().items() if name not in ("arguments_hash", "key")}


def _page(tx: Transaction, account_id: UUID, last: Any | None) -> list[Any]:
    return queries.turns_page(tx, account_id, FIRST if last is None else last.id, PAGE)
