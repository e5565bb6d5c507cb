"""One run of an agent inside a turn: what its executor works with. Whoever runs in a turn has the same bill, the same log and the same gate to tools."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from parlor.agents.errors import UnknownAgent
from parlor.agents.runs.answer import Answer
from parlor.agents.runs.asking import Hear, ask_as_step, ask_beside, unheard
from parlor.agents.runs.assignment import Assignment, RunState
from parlor.agents.runs.credit import TurnCredit
from parlor.agents.runs.limits import Counts, LimitReached, Used
from parlor.agents.runs.parallel import in_parallel
from parlor.agents.runs.verdicts import NOBODY_ASKED, Verdict, verdicts_of
from parlor.agents.runs.voices import AsideVoice, Voice
from parlor.llm import Model, ModelEvent, ModelMessage, ModelRequest, Offer, ToolCall, ToolSpec, estimate_tokens, message_tokens, request_tokens
from parlor.tools import Offer as ToolOffer
from parlor.tools import Suspended, TurnCall
from parlor.turns import NewQuestion, Paused, RunningTurn, ToolResult

if TYPE_CHECKING:
    from parlor.agents.runs.runner import AgentRunner


class RunOver(RuntimeError):
    """Something that a run has left behind, such as a thread, wants to go on with it: what it asks for would be on nobody's bill."""


class ToolOutcomes(msgspec.Struct, frozen=True):
    """What came of some calls: `results` in their order, and for those in `waiting` what they ask. `suspended` is by call id where a tool is a run itself."""

    results: Sequence[ToolResult]
    questions: Sequence[NewQuestion] = ()
    waiting: Sequence[ToolCall] = ()
    suspended: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])


class AgentRun:
    """`parent` is the run that has asked this one, in the call whose id is `prefix`."""

    def __init__(
        self, runner: "AgentRunner", running: RunningTurn, assignment: Assignment, credit: TurnCredit, voice: Voice, parent: "AgentRun | None" = None,
        prefix: str = "",
    ) -> None:  # fmt: skip
        self.running = running
        self.assignment = assignment
        self.agent = assignment.agent
        """As it is for the next step: its tools may change while the turn runs."""
        self.credit = credit
        self.voice = voice
        self.parent = parent
        self.system_prompt = ""
        """With the layers of the caller, and what it says of them and of now."""
        self.delegates: dict[str, ToolOffer] = {}
        """The agents that it may ask, as tools."""
        self.delegate_specs: Sequence[ToolSpec] = ()
        self._runner = runner
        self._prompt_extra_tokens = 0
        self._prefix = prefix
        self._used_before = assignment.state.used if assignment.state is not None else Used()
        self._counts = Counts(assignment.agent.definition.limits, self._used_before)
        self._began_at = time.monotonic()
        self._is_stepping = False
        self._is_over = False
        self._suspended: Mapping[str, str] = {}

    # What it is about.

    @property
    def own_state(self) -> str | None:
        """What the executor wrote down when it paused."""
        return None if self.assignment.state is None else self.assignment.state.own

    @property
    def input(self) -> str:
        """The question."""
        return self.assignment.history[-1].text

    @property
    def chat_history(self) -> Sequence[ModelMessage]:
        """What was said before it, after what is remembered of earlier times."""
        memory = self.assignment.memory
        return [*([ModelMessage(role="system", text=memory)] if memory else []), *self.assignment.history[:-1]]

    @property
    def opening(self) -> list[ModelMessage]:
        """What every call of the model begins with: the prompt, and the conversation that ends with the question."""
        memory = "" if self.agent.uses_history else self.assignment.memory  # such a prompt has told it already
        prompt = "\n\n".join(filter(None, (self.system_prompt, memory)))
        return [ModelMessage(role="system", text=prompt), *self.assignment.history]

    def use_prompt(self, text: str) -> None:
        """What was put into it costs tokens beyond those that the agent is known to cost."""
        self.system_prompt = text
        if self.agent.prompt.names:
            self._prompt_extra_tokens = max(0, estimate_tokens(text) - estimate_tokens(self.agent.prompt.render({})))

    @property
    def tools(self) -> list[ToolSpec]:
        """All that may be called, other agents among it."""
        return [*self.agent.tools, *self.delegate_specs]

    @property
    def opening_tokens(self) -> int:
        """What the opening and the tools cost, estimated; with what a paused run had added."""
        return self.assignment.prompt_tokens + self._prompt_extra_tokens + tokens_of(self.delegate_specs)

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1

    @property
    def root(self) -> "AgentRun":
        """The run that was asked by a person."""
        return self if self.parent is None else self.parent.root

    @property
    def said(self) -> str:
        """Of a run that was asked by another: its answer."""
        return "".join(self.voice.said) if isinstance(self.voice, AsideVoice) else ""

    def is_limit_of_mine(self, reached: LimitReached) -> bool:
        return reached.counts is self._counts

    @property
    def seconds(self) -> float:
        """How long it has run, without what it waited for people."""
        return self._used_before.seconds + time.monotonic() - self._began_at

    def seconds_left(self) -> float | None:
        most = self.agent.definition.limits.wall_seconds
        return None if most is None else max(0.0, most - self.seconds)

    # What it may do.

    def say(self, text: str) -> None:
        """A piece of the answer."""
        if not self._is_over:
            self.voice.say(text)

    def end(self) -> None:
        """From now on it asks no model and calls no tool."""
        self._is_over = True

    async def ask(
        self, messages: Sequence[ModelMessage], *, tools: Sequence[ToolSpec] | None = None, prompt_tokens: int | None = None, speaks: bool = True,
        extra: Mapping[str, Any] | None = None, hear: Hear = unheard,
    ) -> Answer:  # fmt: skip
        """One call of the agent's model, with its own tools unless others are given. What it says is part of the answer, piece by piece, if it `speaks`;
        of several calls at once the first streams, and the others are heard when they are over.

        `extra` are fields of ModelRequest that stand above those of the turn; `hear` gets every event when it arrives.
        Raises LimitReached, InsufficientFunds, ModelFailed.
        """
        request = self._request(messages, self.tools if tools is None else tools, extra or {})
        prompt_tokens = request_tokens(request) if prompt_tokens is None else prompt_tokens
        self._counts.begin_step()
        async with self._within(self.assignment.offers, prompt_tokens, request) as bounded:
            if speaks and self.parent is None and not self._is_stepping:
                return await self._step(bounded, prompt_tokens, hear)
            answer = await self._beside(self.assignment.model, self.assignment.offers, bounded, prompt_tokens, self.agent.name, hear)
        if speaks:
            self.voice.say(answer.text)
        return answer

    async def ask_aside(self, model: Model, offers: Sequence[Offer], request: ModelRequest, *, purpose: str, hear: Hear = unheard) -> Answer:
        """One call of any model for some work of the turn's own, such as a summary: on its bill and within its limits, and no part of the answer.

        `offers` are the prices that it is paid at (`offers_of(model)`). Raises LimitReached, InsufficientFunds, ModelFailed.
        """
        prompt_tokens = request_tokens(request)
        async with self._within(offers, prompt_tokens, request) as bounded:
            return await self._beside(model, offers, bounded, prompt_tokens, purpose, hear)

    async def call_tools(
        self, calls: Sequence[ToolCall], *, suspended: Mapping[str, str] | None = None, is_again: bool = False
    ) -> ToolOutcomes:  # fmt: skip
        """Run them, all at once. Whatever goes wrong with a tool is an error result.

        `is_again`: these waited for people, and are made again with what those said; `suspended` is from the outcomes of then. Raises LimitReached,
        Fenced, and what keeps a call from being recorded.
        """
        self._refuse_when_over()
        if not is_again:
            self._counts.add_tool_calls(len(calls))
        self._suspended = suspended or {}
        verdicts = verdicts_of(map(self._outer, calls), self.assignment.questions) if is_again else {}
        asked = [self._turn_call(call, verdicts.get(self._outer(call), NOBODY_ASKED), is_again=is_again) for call in calls]
        for each in asked if not is_again else ():
            self._runner.tools.announce(self.running, each)
        outcomes = await in_parallel([self._run_tool(each, verdicts.get(each.call.call_id)) for each in asked])
        return _sorted_out(calls, outcomes)

    async def call_tool(self, call: ToolCall, *, is_announced: bool = False) -> ToolResult | NewQuestion | Suspended:
        """Run one, which may be running beside others; see `call_tools`. `is_announced`: the log has told of it already."""
        self._refuse_when_over()
        self._counts.add_tool_calls(1)
        return await self._runner.tools.in_turn(self.running, self._turn_call(call, NOBODY_ASKED, is_again=False, is_announced=is_announced))

    async def other_model(self, name: str) -> tuple[Model, Sequence[Offer]]:
        """A model for `ask_aside`, with the prices that it is paid at here. Raises UnknownModel, also for one that the caller may not use."""
        return await self._runner.model_called(name, self.assignment)

    def verdict_of(self, call: ToolCall) -> Verdict:
        """What persons have said about a call of this run that waited."""
        return verdicts_of([self._outer(call)], self.assignment.questions)[self._outer(call)]

    def suspended_state(self, call_id: str) -> str | None:
        """Of a call of this run, by its id in the log."""
        return self._suspended.get(call_id.removeprefix(self._prefix))

    async def refresh_tools(self) -> int:
        """The tools that there are by now: a call may have brought some, as a sign-in does. Returns how many more tokens they cost in a prompt than before."""
        before = self.agent.overhead_tokens
        with suppress(UnknownAgent):  # deleted meanwhile: what has begun ends as it was
            self.agent = await self._runner.agent_now(self.agent.name, self.assignment.caller)
        return self.agent.overhead_tokens - before

    def paused(self, questions: Sequence[NewQuestion], own: str, *, added: Sequence[ModelMessage] = ()) -> Paused:
        """How `run` ends when people must answer first. `own` is given back as `own_state`; `added` is what the conversation has grown by."""
        self._count_bill()
        used = Used(self._counts.steps, self._counts.tool_calls, self.seconds, self._counts.tokens, self._counts.micros)
        tokens = sum(message_tokens(message) for message in added)
        return Paused(questions, RunState.of(self.assignment, tokens=tokens, used=used, own=own).encode())

    # How it does it.

    def _request(self, messages: Sequence[ModelMessage], tools: Sequence[ToolSpec], extra: Mapping[str, Any]) -> ModelRequest:
        params = self.assignment.params
        request = ModelRequest(
            tuple(messages),  # which go on growing while this is on its way
            tools,
            max_output_tokens=self.assignment.max_output_tokens,
            temperature=params.temperature,
            top_p=params.top_p,
            stop=params.stop or (),
        )
        return replace(request, **extra) if extra else request

    @asynccontextmanager
    async def _within(self, offers: Sequence[Offer], prompt_tokens: int, request: ModelRequest) -> AsyncGenerator[ModelRequest]:
        """The request with an answer no longer than all limits allow, and the credit for it."""
        self._refuse_when_over()
        longest = request.max_output_tokens or self.assignment.max_output_tokens
        run: AgentRun | None = self
        while run is not None:
            if run._counts.is_bounded:
                run._count_bill()
                longest = run._counts.longest_answer(offers, prompt_tokens, longest)
            run = run.parent
        async with self.credit.reserved(offers, prompt_tokens, longest):
            yield request if longest == request.max_output_tokens else _shortened(request, longest)

    def _refuse_when_over(self) -> None:
        if self._is_over:
            raise RunOver("this run of an agent is over")

    def _count_bill(self) -> None:
        """The whole turn is the first run's; one that was asked counts its own calls."""
        if self.parent is None:
            bill = self.running.bill()
            self._counts.tokens = bill.usage.input_tokens + bill.usage.output_tokens
            self._counts.micros = bill.cost_micros

    async def _step(self, request: ModelRequest, prompt_tokens: int, hear: Hear) -> Answer:
        def both(event: ModelEvent) -> None:
            self.voice.hear(event)
            hear(event)

        self._is_stepping = True
        try:
            self.running.begin_step(self._counts.steps, prompt_tokens)
            listener = self.voice.hear if hear is unheard else both
            return await ask_as_step(self.running, self.assignment.model, self.assignment.offers, request, listener)
        finally:
            self._is_stepping = False

    async def _beside(
        self, model: Model, offers: Sequence[Offer], request: ModelRequest, prompt_tokens: int, purpose: str, hear: Hear
    ) -> Answer:  # fmt: skip
        answer, by, used = await ask_beside(self.running, model, offers, request, prompt_tokens=prompt_tokens, purpose=purpose, hear=hear)
        run = self
        while run.parent is not None:
            run._counts.add(by, used)
            run = run.parent
        return answer

    def _outer(self, call: ToolCall) -> str:
        """The id of a call in the turn: those of an agent that was asked begin with the call that asked it."""
        return self._prefix + call.call_id

    def _turn_call(self, call: ToolCall, verdict: Verdict, *, is_again: bool, is_announced: bool = True) -> TurnCall:
        outer = call if not self._prefix else ToolCall(self._outer(call), call.name, call.arguments)
        offers = {**self.agent.offers, **self.delegates} if self.delegates else self.agent.offers
        return TurnCall(
            outer, self.assignment.caller, offers, self.agent.definition.tool_policy, verdict.is_approved, verdict.arguments, verdict.answers,
            is_announced=is_announced or is_again, tell=self.voice.tell,
        )  # fmt: skip

    async def _run_tool(self, asked: TurnCall, verdict: Verdict | None) -> ToolResult | NewQuestion | Suspended:
        if verdict is not None and verdict.refusal is not None:
            return self._runner.tools.refuse(self.running, asked, verdict.refusal)
        return await self._runner.tools.in_turn(self.running, asked)


def tokens_of(specs: Sequence[ToolSpec]) -> int:
    return request_tokens(ModelRequest((), specs)) if specs else 0


def _shortened(request: ModelRequest, longest: int) -> ModelRequest:
    return replace(request, max_output_tokens=longest)


def _sorted_out(calls: Sequence[ToolCall], outcomes: Sequence[ToolResult | NewQuestion | Suspended]) -> ToolOutcomes:
    results, questions, waiting, suspended = list[ToolResult](), list[NewQuestion](), list[ToolCall](), dict[str, str]()
    for call, outcome in zip(calls, outcomes, strict=True):
        if isinstance(outcome, ToolResult):
            results.append(ToolResult(call.call_id, outcome.result, outcome.error))
            continue
        waiting.append(call)
        if isinstance(outcome, NewQuestion):
            questions.append(outcome)
        else:
            questions += outcome.questions
            suspended[call.call_id] = outcome.state
    return ToolOutcomes(results, questions, waiting, suspended)
