"""Asking for a title, and writing it down.

The job may run twice: what it writes is a compare-and-set, and whoever has named the session meanwhile keeps that name.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from parlor.accounts import AccountDirectory
from parlor.chat import message_queries, session_queries
from parlor.chat.settings import ChatSettings
from parlor.chat.titles.events import SessionTitled
from parlor.chat.titles.written import INSTRUCTIONS, SCHEMA, Written, beginning_of
from parlor.core.db import Database, Transaction
from parlor.core.errors import ParlorError
from parlor.core.events import Events
from parlor.core.jobs import Jobs
from parlor.core.log import get_logger
from parlor.llm import OPERATOR, Asked, LlmSettings, ModelCalls, ModelMessage, ModelParams, Structured, StructuredCalls, reader_of
from parlor.turns import TurnEnding, TurnState

JOB = "chat.write_title"
PURPOSE = "title"
_MOST_OUTPUT_TOKENS = 400
_READ_MOST = 4
"""Messages: the first question and its answer are among them, also where the first try was stopped."""

log = get_logger("parlor.chat")


class TitleWriter:
    def __init__(
        self,
        db: Database,
        jobs: Jobs,
        directory: AccountDirectory,
        calls: ModelCalls,
        structured: StructuredCalls,
        events: Events,
        settings: ChatSettings,
        llm: LlmSettings,
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._directory = directory
        self._calls = calls
        self._structured = structured
        self._events = events
        self._model = title_model(settings, llm)

    def ask(self, tx: Transaction, ending: TurnEnding) -> None:
        """Inside T4, after the answer was kept: once a session, however many answers it gets."""
        if self._model is None or ending.state is not TurnState.COMPLETED or not ending.parts:
            return
        if session_queries.ask_for_title(tx, ending.session_id, ending.account_id):
            self._jobs.enqueue(tx, JOB, {"session_id": str(ending.session_id), "account_id": str(ending.account_id)})

    async def run(self, args: Mapping[str, Any]) -> None:
        """The job. A model that does not answer, or not with what can be used, is not asked again: the first words stay the title."""
        session_id, account_id = UUID(args["session_id"]), UUID(args["account_id"])
        said = await self._db.read(lambda tx: _beginning(tx, session_id, account_id))
        if said is None or self._model is None:
            return
        try:
            written = await self._ask_model(said)
        except ParlorError as error:
            log.warning("chat.no_title", session_id=str(session_id), error=error.code)
            return
        await self._db.write(lambda tx: self._write(tx, session_id, account_id, written))

    async def _ask_model(self, said: str) -> Structured[Written]:
        operator = await self._db.write(self._directory.operator)
        messages = [ModelMessage("system", INSTRUCTIONS), ModelMessage("user", said)]
        params = ModelParams(max_tokens=_MOST_OUTPUT_TOKENS)
        asked = Asked(operator.id, messages, self._model, params, access=OPERATOR, on_the_house=True)
        prepared = await self._calls.prepare(asked, response_schema=SCHEMA)
        return await self._structured.ask(prepared, reader_of(Written), purpose=PURPOSE)

    def _write(self, tx: Transaction, session_id: UUID, account_id: UUID, written: Structured[Written]) -> None:
        if session_queries.write_title(tx, session_id, account_id, title=written.value.title, suggestions=written.value.suggestions):
            self._events.record(tx, SessionTitled(account_id=account_id, session_id=session_id, model=written.answered.model))


def title_model(settings: ChatSettings, llm: LlmSettings) -> str | None:
    """The model that is asked. The usual alias counts only where the operator has made it."""
    name = settings.title_model
    if name == ChatSettings.model_fields["title_model"].default and name not in llm.aliases:
        return None
    return name or None


def _beginning(tx: Transaction, session_id: UUID, account_id: UUID) -> str | None:
    """None where nobody waits for a title any more."""
    session = session_queries.find_session(tx, session_id, account_id)
    if session is None or session.title_state != session_queries.TITLE_ASKED:
        return None
    rows = message_queries.messages_between(tx, session_id, after=0, last=message_queries.NO_LIMIT, most=_READ_MOST)
    first = {row.role: row.text for row in reversed(rows) if row.text}
    return beginning_of(first.get("user", ""), first.get("assistant", "")) if first else None
