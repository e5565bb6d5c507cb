"""How far the loop of a turn is: what it has added to the conversation, and which calls wait for a person. It can be written down and gone on from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from parlor.llm import ModelMessage, Offer, ProviderState, ToolCall, message_tokens
from parlor.tools import Answered, as_text, distinct, readable
from parlor.turns import ToolResult, hash_of_call
from parlor.wallet import Price

if TYPE_CHECKING:
    from parlor.agents.registry import Agent


class _Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that the loop has added. Images are never in one."""

    role: Literal["assistant", "tool"]
    text: str = ""
    tool_calls: Sequence[ToolCall] = ()
    call_id: str | None = None
    provider_state: ProviderState | None = None


class _Offered(msgspec.Struct, frozen=True):
    model: str
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class LoopState(msgspec.Struct, frozen=True):
    """Everything that a paused turn goes on from and that is not in its row, its log or its session. Stored as JSON."""

    step: int
    tool_calls: int
    waiting: Sequence[ToolCall]
    said: Sequence[_Said]
    params: Mapping[str, Any]
    max_output_tokens: int
    offered: Sequence[_Offered]

    @classmethod
    def decode(cls, text: str) -> "LoopState":
        return msgspec.json.decode(text, type=cls)

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Whoever may answer, at the prices of when the turn began."""
        return tuple(Offer(each.model, Price(each.input_micros_per_mtok, each.output_micros_per_mtok)) for each in self.offered)

    @property
    def tokens(self) -> int:
        """What showing all that was added costs, estimated."""
        return sum(message_tokens(message) for message in self.messages)

    @property
    def messages(self) -> list[ModelMessage]:
        return [ModelMessage(each.role, each.text, each.tool_calls, each.call_id, (), each.provider_state) for each in self.said]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What persons have said about one call. `refusal` is their reason for a no ("" without one)."""

    is_approved: bool = False
    arguments: Mapping[str, Any] | None = None
    refusal: str | None = None
    answers: Mapping[str, Answered] = field(default_factory=dict[str, Answered])


def verdicts_of(calls: Iterable[ToolCall], questions: Sequence[Any]) -> dict[str, Verdict]:
    """By call id, from the rows of a turn's questions."""
    return {call.call_id: _verdict([row for row in questions if row.call_id == call.call_id and row.answer is not None]) for call in calls}


def _verdict(rows: Sequence[Any]) -> Verdict:
    verdict = Verdict()
    for row in rows:
        decision, answer = row.answer["decision"], row.answer
        if row.kind != "approval":
            given = Answered(decision != "reject", answer.get("form"))
            verdict = Verdict(verdict.is_approved, verdict.arguments, verdict.refusal, {**verdict.answers, row.key: given})
        elif decision == "reject":
            verdict = Verdict(refusal=answer.get("reason") or "")
        elif hash_of_call(row.tool, row.arguments) == row.arguments_hash:
            verdict = Verdict(is_approved=True, arguments=answer.get("arguments", row.arguments))
    return verdict


class Course:
    """The loop's own notes. `history` is what was said before the turn, the prompt included."""

    def __init__(self, agent: "Agent", history: Sequence[ModelMessage], state: LoopState | None, questions: Sequence[Any] = ()) -> None:
        self.agent = agent
        """As it is for the next step: its tools may change while the turn runs."""
        self.messages = [*history, *(state.messages if state else ())]
        self.step = state.step if state else 0
        self.tool_calls = state.tool_calls if state else 0
        self.waiting = list(state.waiting) if state else []
        self.verdicts = verdicts_of(self.waiting, questions)
        self._before = len(history)
        self._call_ids = {call.call_id for message in self.messages for call in message.tool_calls}
        self._take_edits()

    def add_answer(self, text: str, calls: Iterable[ToolCall], state: ProviderState | None) -> list[ToolCall]:
        """What the model said with the calls it asks for, which are returned under ids of their own."""
        wanted = distinct(calls, self._call_ids)
        self.tool_calls += len(wanted)
        self.messages.append(ModelMessage("assistant", text, [readable(call) for call in wanted], provider_state=state))
        return wanted

    def add_result(self, result: ToolResult) -> None:
        self.messages.append(ModelMessage("tool", as_text(result.result, result.error), call_id=result.call_id))

    def state(self, params: Mapping[str, Any], max_output_tokens: int, offers: Iterable[Offer]) -> LoopState:
        said = [_Said(_role(each), each.text, each.tool_calls, each.call_id, each.provider_state) for each in self.messages[self._before :]]
        offered = [_Offered(offer.model, offer.price.input_micros_per_mtok, offer.price.output_micros_per_mtok) for offer in offers]
        return LoopState(self.step, self.tool_calls, self.waiting, said, params, max_output_tokens, offered)

    def _take_edits(self) -> None:
        """A call that a person has changed is remembered as it is made."""
        edited = {call_id: verdict.arguments for call_id, verdict in self.verdicts.items() if verdict.arguments is not None}
        for at, message in enumerate(self.messages):
            if any(call.call_id in edited for call in message.tool_calls):
                calls = [_edited(call, edited.get(call.call_id)) for call in message.tool_calls]
                self.messages[at] = ModelMessage("assistant", message.text, calls, provider_state=message.provider_state)


def _role(message: ModelMessage) -> Literal["assistant", "tool"]:
    return "tool" if message.role == "tool" else "assistant"


def _edited(call: ToolCall, arguments: Mapping[str, Any] | None) -> ToolCall:
    return call if arguments is None else ToolCall(call.call_id, call.name, msgspec.json.encode(arguments).decode())
