"""Turns: the row of each question and its answer, who runs it, its numbered log, its tool calls, and its one settlement.

Owns leases, epochs, checkpoints and recovery. Knows sessions only by their id; what is asked, and by which agent it is answered, belongs to others.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.turns.answering import AnswerBook, Resumable
    from parlor.turns.api import event_number
    from parlor.turns.engine import TurnEngine
    from parlor.turns.errors import BadAnswer, Fenced, NoSuchQuestion, NoSuchTurn, QuestionClosed, TurnFailure, TurnInProgress
    from parlor.turns.events import (
        LogEvent,
        MemoryCompacted,
        QuestionAnswered,
        ReasoningDelta,
        Replaced,
        TextDelta,
        ToolCalled,
        ToolProgress,
        ToolResult,
        TurnEnded,
        TurnEnding,
    )
    from parlor.turns.queries import busy_turns, find_turn, forget_session, models_used, set_hold
    from parlor.turns.question_queries import questions_waiting_for
    from parlor.turns.questions import Decision, GivenAnswer, NewQuestion, Paused, hash_of_call
    from parlor.turns.reading import TurnReader
    from parlor.turns.running import COMPLETED, Ending, NewTurn, RunningTurn, Work
    from parlor.turns.schemas import QuestionRead, TurnRead, UsageRead
    from parlor.turns.settings import TurnSettings
    from parlor.turns.states import SENTENCES, Reason, TurnState
    from parlor.turns.steps import StepBook

__all__ = [
    "COMPLETED", "SENTENCES", "AnswerBook", "BadAnswer", "Decision", "Ending", "Fenced", "GivenAnswer", "LogEvent", "MemoryCompacted", "NewQuestion",
    "NewTurn", "NoSuchQuestion", "NoSuchTurn", "Paused", "QuestionAnswered", "QuestionClosed", "QuestionRead", "Reason", "ReasoningDelta", "Replaced",
    "Resumable", "RunningTurn", "StepBook", "TextDelta", "ToolCalled", "ToolProgress", "ToolResult", "TurnEnded", "TurnEnding", "TurnEngine", "TurnFailure",
    "TurnInProgress", "TurnRead", "TurnReader", "TurnSettings", "TurnState", "UsageRead", "Work", "busy_turns", "event_number", "find_turn", "forget_session",
    "hash_of_call", "models_used", "questions_waiting_for", "set_hold",
]  # fmt: skip


__getattr__ = exports(
    __name__,
    {
        "api": "event_number",
        "engine": "TurnEngine",
        "answering": "AnswerBook Resumable",
        "errors": "BadAnswer Fenced NoSuchQuestion NoSuchTurn QuestionClosed TurnFailure TurnInProgress",
        "events": "LogEvent MemoryCompacted QuestionAnswered ReasoningDelta Replaced TextDelta ToolCalled ToolProgress ToolResult TurnEnded TurnEnding",
        "questions": "Decision GivenAnswer NewQuestion Paused hash_of_call",
        "queries": "busy_turns find_turn forget_session models_used set_hold",
        "question_queries": "questions_waiting_for",
        "reading": "TurnReader",
        "running": "COMPLETED Ending NewTurn RunningTurn Work",
        "schemas": "QuestionRead TurnRead UsageRead",
        "settings": "TurnSettings",
        "states": "SENTENCES Reason TurnState",
        "steps": "StepBook",
    },
)
