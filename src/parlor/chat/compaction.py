"""When what was said no longer fits into the window: the older part becomes a summary, in the turn that met it and on its bill."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import structlog
from msgspec.structs import replace

from parlor.agents import FREE, AgentRunner, Assignment
from parlor.chat import message_queries
from parlor.chat.history import window
from parlor.chat.memory import Memory, Past
from parlor.chat.settings import ChatSettings
from parlor.chat.summarising import message_line, overhead_tokens, summary_request, taken
from parlor.chat.summary import Summary, summary_of
from parlor.core.db import Database
from parlor.core.errors import ParlorError
from parlor.core.metrics import Metrics
from parlor.llm import OPERATOR, Model, ModelRegistry, ModelRequest, Offer, estimate_tokens, offers_of
from parlor.turns import Replaced, RunningTurn, TurnFailure

Ask = Callable[[Model, ModelRequest], Awaitable[str]]
"""One call of a model, paid for by somebody. Raises what that raises."""

PAGE = 200
MOST_ROWS = 2_000
"""That one summary stands for at most. What is older still has been left out for long."""
MOST_MESSAGE_CHARS = 8_000
_MOST_HEADING_TOKENS = 120

logger = structlog.get_logger("parlor.chat")


class Plan(msgspec.Struct, frozen=True):
    """`memory` is the plain window, for when there will be no summary; `kept` are the rows that stay as they are, oldest first."""

    past: Past
    memory: Memory
    kept: Sequence[Any]
    room_tokens: int
    summary_most_tokens: int

    @property
    def tokens(self) -> int:
        """What the turn's prompt may come to: credit is held for either end."""
        return max(self.memory.tokens, sum(row.tokens for row in self.kept) + self.summary_most_tokens + _MOST_HEADING_TOKENS)


class _Older(msgspec.Struct):
    """The rows that a summary is to stand for, newest first, while they are read: down to the earlier summary, or as far as there is room."""

    earlier: Summary | None
    left: int | None
    """Rows until the earlier summary begins, once that is known."""
    room_tokens: int
    most_chars: int
    next_id: UUID | None
    rows: list[Any] = msgspec.field(default_factory=list[Any])

    @property
    def is_done(self) -> bool:
        return self.next_id is None or self.left == 0 or len(self.rows) >= MOST_ROWS

    def take(self, rows: Iterable[Any]) -> None:
        for row in rows:
            self.room_tokens -= estimate_tokens(message_line(row, self.most_chars)) + 1
            if self.room_tokens < 0 or self.is_done:
                self.next_id = None
                return
            self.rows.append(row)
            self.next_id = row.parent_id
            if self.left is not None:
                self.left -= 1
            elif isinstance(found := summary_of(row.parts), Summary):
                self.earlier, self.left = found, found.kept


class Compaction:
    def __init__(self, db: Database, runner: AgentRunner, models: ModelRegistry, settings: ChatSettings, metrics: Metrics) -> None:
        self._db = db
        self._runner = runner
        self._models = models
        self._settings = settings
        self._count = metrics.counter("chat_compactions", "Summaries of sessions that did not fit into the window, by outcome: made, failed.", ["outcome"])

    def remember(self, past: Past, room_tokens: int) -> Memory:
        """What is shown of the past where the model has so much room for it."""
        return past.memory(pairs=self._settings.history_pairs, budget_tokens=self._room(room_tokens))

    def plan(self, past: Past, memory: Memory, room_tokens: int) -> Plan | None:
        """None when everything fits, or when a summary would not help. Reads nothing: it is made within T1."""
        if not self._settings.compacts or past.is_reverted or past.is_whole_in(memory):
            return None
        return self.plan_now(past, memory, room_tokens)

    def plan_now(self, past: Past, memory: Memory, room_tokens: int) -> Plan | None:
        """To have everything summarised but the newest pairs. Of those no more are kept than fill half the room, or the next turn would overflow again."""
        most_tokens = self._settings.summary_most_tokens
        left_tokens = self._room(room_tokens) - most_tokens - _MOST_HEADING_TOKENS
        if left_tokens < past.rows[0].tokens:
            return None
        kept = window(past.rows, pairs=self._settings.kept_pairs, budget_tokens=max(past.rows[0].tokens, left_tokens // 2))
        if len(kept) == len(past.rows) and past.unread == 0:
            return None
        return Plan(past, memory, kept, room_tokens, most_tokens)

    async def in_turn(self, running: RunningTurn, assignment: Assignment, plan: Plan) -> Assignment:
        """The assignment with the summary in the place of what it stands for, which is told in the log; or, when there is none, as it was."""

        async def ask(model: Model, request: ModelRequest) -> str:
            free = tuple(Offer(each.model, FREE) for each in offers_of(model)) if assignment.is_free else None
            offers = assignment.offers if model is assignment.model else free or offers_of(model)
            return (await self._runner.ask_aside(running, assignment, model, offers, request, purpose="summary")).text

        summary = await self.summarise(running.turn.session_id, plan, assignment.model, ask)
        memory = plan.memory
        if summary is not None:
            running.emit(summary.as_event())
            memory = self.remember(Past.of(plan.past.rows, summary), plan.room_tokens)
        prompt_tokens = assignment.agent.overhead_tokens + memory.tokens
        return replace(assignment, history=memory.messages, memory=memory.prompt, history_text=memory.text_for(assignment.agent), prompt_tokens=prompt_tokens)

    async def summarise(self, session_id: UUID, plan: Plan, model: Model, ask: Ask) -> Summary | None:
        """None when it could not be had: then the window is shown as it is, and the next turn tries again. Raises nothing that a model or a limit does."""
        try:
            summary = await self._summarise(session_id, plan, model, ask)
        except (ParlorError, TurnFailure) as error:
            return self._failed(session_id, error.code if isinstance(error, ParlorError) else error.reason.value)
        if summary is None:
            return self._failed(session_id, "the model wrote no summary")
        self._count.labels("made").inc()
        return summary

    def _failed(self, session_id: UUID, error: str) -> None:
        self._count.labels("failed").inc()
        logger.warning("memory.not_compacted", session_id=str(session_id), error=error)

    async def _summarise(self, session_id: UUID, plan: Plan, model: Model, ask: Ask) -> Summary | None:
        if self._settings.summary_model is not None:
            model = await self._models.find(self._settings.summary_model, OPERATOR)
        older = await self._read(session_id, plan, model)
        if not older.rows:
            return None
        earlier = older.earlier
        request = summary_request(
            older.rows[::-1], earlier and earlier.text, most_tokens=min(plan.summary_most_tokens, model.max_output_tokens), most_chars=older.most_chars
        )
        text = taken(await ask(model, request), plan.summary_most_tokens)
        first, before = (older.rows[-1].id, 0) if earlier is None else (earlier.replaces.first, earlier.replaces.messages)
        return None if text is None else Summary(text, Replaced(first, older.rows[0].id, before + len(older.rows)), len(plan.kept))

    async def _read(self, session_id: UUID, plan: Plan, model: Model) -> _Older:
        """What the turn has read already, and then page by page what it has not: only now, because most turns need nothing of it."""
        past, older = plan.past, plan.past.rows[len(plan.kept) :]
        room_tokens = model.context_tokens - 2 * plan.summary_most_tokens - overhead_tokens()
        left = None if past.unread is None else past.unread + len(older)
        found = _Older(past.summary, left, room_tokens, max(80, min(MOST_MESSAGE_CHARS, room_tokens)), plan.kept[0].parent_id)
        found.take(older)
        while not found.is_done:
            page = await self._db.read(lambda tx: message_queries.path_from(tx, session_id, found.next_id, most=PAGE))
            found.take(page)
            if not page:
                break
        return found

    def _room(self, tokens: int) -> int:
        most = self._settings.history_tokens
        return tokens if most is None else min(tokens, most)
