"""Asking without a session at hand: one is made where none is named, and the same key never makes two."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from parlor.chat.sending import ROUTE, Key, Question, Sender, Sent
from parlor.chat.sessions import Sessions
from parlor.core.db import Database, Transaction
from parlor.core.errors import ParlorError
from parlor.core.idempotency import Idempotency
from parlor.turns import LogEvent, TurnRead, TurnReader

NO_SESSION = UUID(int=0)


class SingleCalls:
    def __init__(self, db: Database, sender: Sender, sessions: Sessions, turns: TurnReader, idempotency: Idempotency) -> None:
        self._db = db
        self._sender = sender
        self._sessions = sessions
        self._turns = turns
        self._idempotency = idempotency

    async def send(self, question: Question, key: Key | None) -> tuple[Sent, UUID]:
        """The turn, and its session. Raises what `Sender.send` raises. A question in NO_SESSION begins one."""
        if question.session_id != NO_SESSION:
            return await self._sender.send(question, key), question.session_id
        if key is not None and (turn_id := await self._db.read(lambda tx: self._asked_before(tx, question.account_id, key))) is not None:
            turn = await self._turns.get(turn_id, question.account_id)
            return Sent(turn.id, turn.question_id, is_replay=True), turn.session_id
        return await self._in_a_new_session(question, key)

    async def outcome(self, turn_id: UUID, account_id: UUID) -> tuple[TurnRead, Sequence[LogEvent]]:
        """Once the turn is over or waits for a person. Raises NoSuchTurn when its session is deleted meanwhile."""
        await self._turns.ended(turn_id, account_id)
        return await self._turns.read(turn_id, account_id), await self._turns.events(turn_id, account_id)

    async def _in_a_new_session(self, question: Question, key: Key | None) -> tuple[Sent, UUID]:
        """It is removed again where nothing came into it: the question was refused, or another request with the key was faster."""
        session = await self._sessions.create(
            question.account_id, title="", category="", agent=question.agent, model=question.model, metadata={}, access=question.access
        )
        try:
            sent = await self._sender.send(replace(question, session_id=session.id), key)
        except ParlorError:
            await self._sessions.delete(session.id, question.account_id)
            raise
        if not sent.is_replay:
            return sent, session.id
        await self._sessions.delete(session.id, question.account_id)
        return sent, (await self._turns.get(sent.turn_id, question.account_id)).session_id

    def _asked_before(self, tx: Transaction, account_id: UUID, key: Key) -> UUID | None:
        found = self._idempotency.find(tx, account_id, key.key, route=ROUTE, body_hash=key.body_hash)
        return None if found is None else UUID(found.result["turn_id"])
