"""Following a turn: replay from its log in memory or in the database, then live. Any number of readers, from anywhere."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from parlor.core.db import Database, Transaction
from parlor.core.errors import BadRequest, Unavailable
from parlor.turns import queries, question_queries
from parlor.turns.engine import TurnEngine
from parlor.turns.errors import Fenced, NoSuchTurn
from parlor.turns.events import LogEvent, TurnCompleted, TurnFailed, TurnInterrupted, TurnStopped
from parlor.turns.log import MOST_EVENTS, TurnLog, encode_frame, frame_prefix
from parlor.turns.schemas import TurnRead
from parlor.turns.segments import EPOCH_NUMBERS, Numbered
from parlor.turns.states import TurnState
from parlor.turns.unattended import UnattendedTurns

POLL_SECONDS = 0.5
"""How often a turn that runs elsewhere is looked up. Its server stores what it said once a second."""
AWAITING_POLL_SECONDS = 2.0
"""And how often one that waits for a person: it may be answered on another server. When it goes on here, its readers are woken at once."""

_ASKED = b"\nevent: question.asked\n"

TERMINAL_EVENTS = (TurnCompleted, TurnStopped, TurnFailed, TurnInterrupted)


class BadCursor(BadRequest):
    code = "chat.bad_event_id"
    detail = "This is not the number of an event of this turn: give Last-Event-ID as it was sent, or leave it out."


class TurnReader:
    def __init__(self, db: Database, engine: TurnEngine, unattended: UnattendedTurns) -> None:
        self._db = db
        self._engine = engine
        self._unattended = unattended

    async def get(self, turn_id: UUID, account_id: UUID) -> Any:
        """The turn's row. Raises NoSuchTurn."""
        turn = await self._db.read(lambda tx: queries.find_turn(tx, turn_id, account_id))
        if turn is None:
            raise NoSuchTurn()
        return turn

    async def read(self, turn_id: UUID, account_id: UUID) -> TurnRead:
        """The turn as it is shown. Raises NoSuchTurn."""
        return await self.shown(await self.get(turn_id, account_id))

    async def shown(self, turn: Any) -> TurnRead:
        """Its row with the questions that it waits for."""
        if turn.state != TurnState.AWAITING_INPUT:
            return TurnRead.of(turn)
        return TurnRead.of(turn, await self._db.read(lambda tx: question_queries.open_questions(tx, turn.id)))

    async def follow(self, turn_id: UUID, account_id: UUID, after: int = 0) -> AsyncIterator[bytes]:
        """SSE frames of all events numbered above `after`; ends after the terminal event. Checks at once, before the first frame.

        Raises NoSuchTurn, and BadCursor for a number that this turn cannot have sent.
        """
        log = self._engine.log_of(turn_id, account_id)
        if log is not None and not log.is_finished:
            if after >= log.next_number():
                raise BadCursor()
            return self._follow_log(log, after)
        # Also when the log is still in memory: the session, and the turn with it, may have been deleted meanwhile.
        if after > await self._db.read(lambda tx: _highest_number(tx, turn_id, account_id)):
            raise BadCursor()
        return self._follow_stored(turn_id, after) if log is None else self._follow_log(log, after)

    async def _follow_log(self, log: TurnLog, after: int) -> AsyncIterator[bytes]:
        index = log.index_after(after)
        while True:
            if index < len(log.events):
                frames, index = log.frames(index)
                yield frames
            elif log.is_finished:
                break
            else:
                await log.wait(index)
        if not log.events or not isinstance(log.events[-1], TERMINAL_EVENTS):
            async for frames in self._follow_stored(log.turn_id, max(after, log.numbers[-1] if log.numbers else 0)):
                yield frames

    async def _follow_stored(self, turn_id: UUID, after: int) -> AsyncIterator[bytes]:
        prefix = frame_prefix(turn_id)
        while True:
            try:
                events, state = await self._db.read(lambda tx, after=after: _stored(tx, turn_id, after))
            except Unavailable:
                return  # nothing that was sent is lost: the reader comes back with the last number it has seen
            for start in range(0, len(events), MOST_EVENTS):
                yield b"".join(encode_frame(number, event, prefix) for number, event in events[start : start + MOST_EVENTS])
            if events:
                after = events[-1].number
            if state is None or state.is_terminal:
                return
            await self._engine.wait_for(turn_id, AWAITING_POLL_SECONDS if state is TurnState.AWAITING_INPUT else POLL_SECONDS)
            if (running := self._engine.running(turn_id)) is not None:
                async for frames in self._follow_log(running.log, after):
                    yield frames
                return

    async def events(self, turn_id: UUID, account_id: UUID) -> list[LogEvent]:
        """The whole log of a turn that has ended. Raises NoSuchTurn."""
        await self.get(turn_id, account_id)
        log = self._engine.log_of(turn_id, account_id)
        if log is not None and log.events and isinstance(log.events[-1], TERMINAL_EVENTS):
            return list(log.events)
        return [numbered.event for numbered in await self._db.read(lambda tx: queries.events_after(tx, turn_id, 0))]

    async def ended(self, turn_id: UUID, account_id: UUID, seconds: float | None = None) -> None:
        """Returns when the turn is over or waits for a person, or after `seconds`. Raises NoSuchTurn."""
        try:
            async with asyncio.timeout(seconds):
                async for frames in await self.follow(turn_id, account_id):
                    if _ASKED in frames and (await self.get(turn_id, account_id)).state == TurnState.AWAITING_INPUT:
                        return
        except TimeoutError:
            return

    async def stop(self, turn_id: UUID, account_id: UUID) -> None:
        """Ask for the end of a turn, wherever it runs, and wait a few seconds for it. A turn that is over stays as it is. Raises NoSuchTurn."""
        if self._engine.log_of(turn_id, account_id) is None or not self._engine.stop(turn_id):
            await self.get(turn_id, account_id)
            await self._db.write(lambda tx: queries.request_stop(tx, turn_id, account_id))
            with contextlib.suppress(Fenced):
                await self._db.write(lambda tx: self._unattended.stop_awaiting(tx, turn_id))
        await self.ended(turn_id, account_id, seconds=5)


def _highest_number(tx: Transaction, turn_id: UUID, account_id: UUID) -> int:
    """That anybody can have seen. Of a turn that runs elsewhere more has been sent than is stored. Raises NoSuchTurn."""
    turn = queries.find_turn(tx, turn_id, account_id)
    if turn is None:
        raise NoSuchTurn()
    return turn.epoch * EPOCH_NUMBERS if turn.ended_at is None else queries.last_number(tx, turn_id)


def _stored(tx: Transaction, turn_id: UUID, after: int) -> tuple[list[Numbered], TurnState | None]:
    """The state is read first: whatever a turn that is over has said is then there."""
    state = queries.turn_state(tx, turn_id)
    return queries.events_after(tx, turn_id, after), state


def is_over(state: str) -> bool:
    return TurnState(state).is_terminal
