"""How far the loop of a run is: what it has added to the conversation, and which calls wait for people. It can be written down and gone on from."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from parlor.agents.runs.answer import Answer
from parlor.agents.runs.run import AgentRun, ToolOutcomes
from parlor.llm import ModelMessage, ProviderState, ToolCall, message_tokens
from parlor.tools import as_text, distinct, readable


class _Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that the loop has added. Images are never in one."""

    role: Literal["assistant", "tool"]
    text: str = ""
    tool_calls: Sequence[ToolCall] = ()
    call_id: str | None = None
    provider_state: ProviderState | None = None


class LoopState(msgspec.Struct, frozen=True):
    """Stored as JSON while the run waits. `suspended` is by call id what the agents that were asked go on from."""

    waiting: Sequence[ToolCall]
    said: Sequence[_Said]
    suspended: Mapping[str, str]


class Course:
    """The loop's own notes: `messages` is the whole conversation as the model is shown it, `prompt_tokens` what that costs, estimated, with the tools."""

    def __init__(self, run: AgentRun) -> None:
        state = None if run.own_state is None else msgspec.json.decode(run.own_state, type=LoopState)
        self.messages: list[ModelMessage] = run.opening
        self.waiting: Sequence[ToolCall] = () if state is None else state.waiting
        self.suspended: Mapping[str, str] = {} if state is None else state.suspended
        self.prompt_tokens = run.opening_tokens
        self._before = len(self.messages)
        self.messages += () if state is None else map(_message, state.said)
        self._call_ids = {call.call_id for message in self.messages for call in message.tool_calls}
        self._take_edits({call.call_id: arguments for call in self.waiting if (arguments := run.verdict_of(call).arguments) is not None})

    @property
    def added(self) -> Sequence[ModelMessage]:
        return self.messages[self._before :]

    def add_answer(self, answer: Answer) -> list[ToolCall]:
        """What the model said with the calls it asks for, which are returned under ids of their own."""
        wanted = distinct(answer.calls.values(), self._call_ids)
        self._add(ModelMessage("assistant", answer.text, [readable(call) for call in wanted], provider_state=answer.state))
        return wanted

    def add_outcomes(self, outcomes: ToolOutcomes) -> None:
        for result in outcomes.results:
            self._add(ModelMessage("tool", as_text(result.result, result.error), call_id=result.call_id))
        self.waiting, self.suspended = outcomes.waiting, outcomes.suspended

    def state(self) -> str:
        said = [_Said(_role(each), each.text, each.tool_calls, each.call_id, each.provider_state) for each in self.added]
        return msgspec.json.encode(LoopState(self.waiting, said, self.suspended)).decode()

    def _add(self, message: ModelMessage) -> None:
        self.messages.append(message)
        self.prompt_tokens += message_tokens(message)

    def _take_edits(self, edited: Mapping[str, Mapping[str, Any]]) -> None:
        """A call that a person has changed is remembered as it is made."""
        for at, message in enumerate(self.messages):
            if any(call.call_id in edited for call in message.tool_calls):
                calls = [_edited(call, edited.get(call.call_id)) for call in message.tool_calls]
                self.messages[at] = ModelMessage("assistant", message.text, calls, provider_state=message.provider_state)


def _message(said: _Said) -> ModelMessage:
    return ModelMessage(said.role, said.text, said.tool_calls, said.call_id, (), said.provider_state)


def _role(message: ModelMessage) -> Literal["assistant", "tool"]:
    return "tool" if message.role == "tool" else "assistant"


def _edited(call: ToolCall, arguments: Mapping[str, Any] | None) -> ToolCall:
    return call if arguments is None else ToolCall(call.call_id, call.name, msgspec.json.encode(arguments).decode())
