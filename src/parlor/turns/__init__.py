"""Turns: the row of each question and its answer, who runs it, its numbered log, its tool calls, and its one settlement.

Owns leases, epochs, checkpoints and recovery. Knows sessions only by their id; what is asked, and by which agent it is answered, belongs to others.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.turns.api import event_number
    from parlor.turns.engine import TurnEngine
    from parlor.turns.errors import Fenced, NoSuchTurn, TurnFailure, TurnInProgress
    from parlor.turns.events import LogEvent, ReasoningDelta, TextDelta, ToolCalled, ToolResult, TurnEnded, TurnEnding
    from parlor.turns.queries import busy_turns, find_turn, forget_session, set_hold
    from parlor.turns.reading import TurnReader
    from parlor.turns.running import COMPLETED, Ending, NewTurn, RunningTurn, Work
    from parlor.turns.schemas import TurnRead
    from parlor.turns.settings import TurnSettings
    from parlor.turns.states import Reason, TurnState
    from parlor.turns.steps import StepBook

__all__ = [
    "COMPLETED", "Ending", "Fenced", "LogEvent", "NewTurn", "NoSuchTurn", "Reason", "ReasoningDelta", "RunningTurn", "StepBook", "TextDelta", "ToolCalled",
    "ToolResult", "TurnEnded", "TurnEnding", "TurnEngine", "TurnFailure", "TurnInProgress", "TurnRead", "TurnReader", "TurnSettings", "TurnState",
    "Work", "busy_turns", "event_number", "find_turn", "forget_session", "set_hold",
]  # fmt: skip


__getattr__ = exports(
    __name__,
    {
        "api": "event_number",
        "engine": "TurnEngine",
        "errors": "Fenced NoSuchTurn TurnFailure TurnInProgress",
        "events": "LogEvent ReasoningDelta TextDelta ToolCalled ToolResult TurnEnded TurnEnding",
        "queries": "busy_turns find_turn forget_session set_hold",
        "reading": "TurnReader",
        "running": "COMPLETED Ending NewTurn RunningTurn Work",
        "schemas": "TurnRead",
        "settings": "TurnSettings",
        "states": "Reason TurnState",
        "steps": "StepBook",
    },
)
