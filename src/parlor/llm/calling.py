"""One question to one model, with no turn around it."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from parlor.llm.gate import uncharged
from parlor.llm.ports import (
    FellBack,
    Finished,
    FinishReason,
    Model,
    ModelEvent,
    ModelMessage,
    ModelRequest,
    ProviderState,
    StateSeen,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageSeen,
)

Show = Callable[[str], None]


class Said(msgspec.Struct):
    """A whole answer: `model` is the name of the one that gave it. `finish_reason` is None only when it never ended."""

    model: str
    pieces: list[str] = msgspec.field(default_factory=list[str])
    calls: dict[int, ToolCall] = msgspec.field(default_factory=dict[int, ToolCall])
    state: ProviderState | None = None
    usage: Usage | None = None
    finish_reason: FinishReason | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def opening(question: str, system: str | None) -> list[ModelMessage]:
    return [*([ModelMessage("system", system)] if system else []), ModelMessage("user", question)]


async def listen(model: Model, request: ModelRequest, show: Show | None = None) -> Said:
    """Nothing is stored and nothing is charged. `show` gets each piece of text when it arrives. Raises ModelFailed."""
    said = Said(model.name)
    async with uncharged(model, request) as events:
        async for batch in events:
            _take(said, batch, show)
    return said


async def ask(model: Model, question: str, *, system: str | None = None, max_output_tokens: int | None = None, show: Show | None = None) -> dict[str, Any]:
    """`{model, text, finish_reason, usage}`. Raises ModelFailed."""
    request = ModelRequest(opening(question, system), max_output_tokens=max_output_tokens or model.max_output_tokens)
    said = await listen(model, request, show)
    return {"model": said.model, "text": said.text, "finish_reason": said.finish_reason, "usage": usage_of(said.usage)}


def usage_of(usage: Usage | None) -> dict[str, int] | None:
    return None if usage is None else {name: getattr(usage, name) for name in usage.__struct_fields__}


def _take(said: Said, batch: Sequence[ModelEvent], show: Show | None) -> None:
    for event in batch:
        match event:
            case TextDelta(text):
                said.pieces.append(text)
                if show is not None:
                    show(text)
            case ToolCallDelta():
                before = said.calls.get(event.index) or ToolCall(event.call_id or f"call_{event.index}", event.name or "", "")
                said.calls[event.index] = ToolCall(before.call_id, before.name, before.arguments + event.arguments)
            case FellBack():
                said.model = event.target
            case StateSeen(state):
                said.state = state
            case UsageSeen(usage):
                said.usage = usage
            case Finished(reason):
                said.finish_reason = reason
            case _:
                pass
