"""The one place where tools are run, for whomever: policy, arguments, the call itself, what it is recorded as.

In a turn the call stands between two short transactions, with nothing open in between.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from parlor.core.db import Database
from parlor.core.events import Events
from parlor.llm import ToolCall
from parlor.tools.arguments import ArgumentCheck
from parlor.tools.errors import ToolDenied
from parlor.tools.events import ToolExecuted
from parlor.tools.exchange import arguments_of
from parlor.tools.metrics import ToolMetrics
from parlor.tools.policy import Decision, ToolPolicy
from parlor.tools.ports import Answered, Asked, ExecutionContext, InputRequired, Offer, Suspended, ToolCaller
from parlor.tools.progress import ProgressLog
from parlor.tools.running import ToolRunner
from parlor.turns import LogEvent, NewQuestion, RunningTurn, StepBook, ToolCalled, ToolResult

logger = structlog.get_logger("parlor.tools")


class TurnCall(msgspec.Struct, frozen=True):
    """A call that a model has asked for in a turn. `offers` is what its agent may use, `policy` the agent's own table.

    `is_approved`, `arguments` (instead of the model's) and `answers` are what persons have said about it so far.
    """

    call: ToolCall
    caller: ToolCaller
    offers: Mapping[str, Offer]
    policy: Mapping[str, Decision] = msgspec.field(default_factory=dict[str, Decision])
    is_approved: bool = False
    arguments: Mapping[str, Any] | None = None
    answers: Mapping[str, Answered] = msgspec.field(default_factory=dict[str, Answered])
    is_announced: bool = False
    """The log has told of it already."""
    tell: Callable[[LogEvent], None] | None = None
    """Who hears of the call and its result; the turn's log, when nobody is named."""


class ToolExecutor:
    def __init__(
        self, db: Database, steps: StepBook, runner: ToolRunner, policy: ToolPolicy, check: ArgumentCheck, events: Events, metrics: ToolMetrics
    ) -> None:
        self._db = db
        self._steps = steps
        self._runner = runner
        self._policy = policy
        self._check = check
        self._events = events
        self._metrics = metrics

    def announce(self, running: RunningTurn, asked: TurnCall) -> None:
        """Tell of the call: before any other of the same answer is run, so that whoever reads the log sees what belongs together."""
        call, arguments = asked.call, _arguments(asked)
        _tell(running, asked)(ToolCalled(call_id=call.call_id, tool=call.name, arguments=arguments if arguments is not None else call.arguments))

    async def in_turn(self, running: RunningTurn, asked: TurnCall) -> ToolResult | NewQuestion | Suspended:
        """Run one call and tell the turn's log. Whatever goes wrong with the tool becomes an error result; the turn goes on.

        A question instead: a person must decide about the call, or give the tool what it needs; then it is made again with what they said. So it is when
        the tool is a run of its own, and suspended.
        T2a is committed before the tool is run: when that fails the tool is not run, and the error is raised.
        """
        if not asked.is_announced:
            self.announce(running, asked)
        call, arguments, offer = asked.call, _arguments(asked), asked.offers.get(asked.call.name)
        problem = await self._problem(call, offer, arguments)
        if problem is None and offer is not None and arguments is not None:
            decision = self._policy.decide(offer, asked.caller, asked.policy)
            if decision == "ask" and not asked.is_approved:
                return _approval(call, arguments)
            if decision != "deny":
                return await self._bracketed(running, asked, offer, arguments)
            problem = f"the tool {call.name!r} may not be used here"
        return _told(running, asked, ToolResult(call_id=call.call_id, error=problem))

    async def _problem(self, call: ToolCall, offer: Offer | None, arguments: Mapping[str, Any] | None) -> str | None:
        """Why this cannot even be tried."""
        if offer is None:
            return f"there is no tool called {call.name!r}"
        if arguments is None:
            return "the arguments are not a JSON object"
        return await self._check.problem_of(offer.tool, arguments)

    def refuse(self, running: RunningTurn, asked: TurnCall, reason: str | None) -> ToolResult:
        """A person has said no: nothing is run, and the model is told, with their words if there are any."""
        return _told(running, asked, ToolResult(call_id=asked.call.call_id, error=f"the user refused this call{': ' + reason if reason else ''}"))

    async def directly(self, offer: Offer, arguments: Mapping[str, Any], context: ExecutionContext) -> ToolResult:
        """Run one call outside any turn, which somebody has looked at if somebody has to. Raises ToolDenied, InputRequired."""
        if self._policy.decide(offer, context.caller) == "deny":
            raise ToolDenied()
        if (problem := await self._check.problem_of(offer.tool, arguments)) is not None:
            return ToolResult(call_id=context.call_id, error=problem)
        result, event = await self._run(offer, arguments, context)
        await self._db.write(lambda tx: self._events.record(tx, event))
        return result

    async def _bracketed(self, running: RunningTurn, asked: TurnCall, offer: Offer, arguments: Mapping[str, Any]) -> ToolResult | NewQuestion | Suspended:
        call, turn = asked.call, running.turn
        step_id = await self._steps.start(running, call_id=call.call_id, tool=call.name, arguments=arguments)
        context = ExecutionContext(
            asked.caller,
            call.call_id,
            turn.session_id,
            turn.id,
            turn.agent,
            budget_micros=max(0, running.hold_micros - running.bill().cost_micros),
            answers=asked.answers,
            progress=ProgressLog(running, _tell(running, asked), call.call_id),
        )
        try:
            result, event = await self._run(offer, arguments, context)
        except InputRequired as needed:
            await self._steps.asked(step_id)
            return _needed(call, arguments, needed.asked)
        except Suspended as suspended:
            await self._steps.asked(step_id)
            return suspended
        await self._steps.end(step_id, result=result.result, error=result.error, event=event)
        return _told(running, asked, result)

    async def _run(self, offer: Offer, arguments: Mapping[str, Any], context: ExecutionContext) -> tuple[ToolResult, ToolExecuted]:
        began = time.monotonic()
        result = await self._runner.run(offer.tool, arguments, context, offer.timeout_seconds)
        took_seconds = time.monotonic() - began
        event = ToolExecuted(
            account_id=context.account_id if context.account_id.int else None,
            tool=offer.tool.name,
            origin=offer.origin,
            state="done" if result.error is None else "failed",
            took_ms=round(took_seconds * 1000),
            session_id=context.session_id,
            turn_id=context.turn_id,
            agent=context.agent,
        )
        self._metrics.count(event.tool, event.state, took_seconds)
        logger.info("tool.executed", tool=event.tool, origin=event.origin, state=event.state, took_ms=event.took_ms, turn_id=str(context.turn_id))
        return result, event


def _arguments(asked: TurnCall) -> Mapping[str, Any] | None:
    """None when they are no JSON object."""
    return asked.arguments if asked.arguments is not None else arguments_of(asked.call.arguments)


def _tell(running: RunningTurn, asked: TurnCall) -> Callable[[LogEvent], None]:
    return asked.tell or running.emit


def _told(running: RunningTurn, asked: TurnCall, result: ToolResult) -> ToolResult:
    _tell(running, asked)(result)
    return result


def _approval(call: ToolCall, arguments: Mapping[str, Any]) -> NewQuestion:
    return NewQuestion("approval", call.call_id, call.name, f"May {call.name} be called with these arguments?", arguments=arguments)


def _needed(call: ToolCall, arguments: Mapping[str, Any], asked: Asked) -> NewQuestion:
    return NewQuestion(asked.kind, call.call_id, call.name, asked.text, arguments=arguments, schema=asked.schema, url=asked.url, key=asked.key)
