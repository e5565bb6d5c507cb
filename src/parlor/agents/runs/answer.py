"""What one call of a model brought, gathered while it streams."""

import msgspec

from parlor.llm import Finished, ModelEvent, ProviderState, ReasoningDelta, StateSeen, TextDelta, ToolCall, ToolCallDelta, Usage


class Answer(msgspec.Struct):
    """`reason` is why the model stopped: stop, length, tool_calls, content_filter. `calls` are by the numbers that the provider gives them."""

    texts: list[str] = msgspec.field(default_factory=list[str])
    thoughts: list[str] = msgspec.field(default_factory=list[str])
    calls: dict[int, ToolCall] = msgspec.field(default_factory=dict[int, ToolCall])
    reason: str = "stop"
    state: ProviderState | None = None
    usage: Usage | None = None
    """None where the provider told none."""

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def take(self, event: ModelEvent) -> None:
        if isinstance(event, TextDelta):
            self.texts.append(storable(event.text))
        elif isinstance(event, ReasoningDelta):
            self.thoughts.append(storable(event.text))
        elif isinstance(event, ToolCallDelta):
            self._take_call(event)
        elif isinstance(event, StateSeen):
            self.state = event.state
        elif isinstance(event, Finished):
            self.reason = event.reason

    def _take_call(self, event: ToolCallDelta) -> None:
        before = self.calls.get(event.index)
        if before is None:
            call_id = storable(event.call_id or f"call_{event.index}")
            self.calls[event.index] = ToolCall(call_id=call_id, name=storable(event.name or ""), arguments=event.arguments)
        else:
            self.calls[event.index] = ToolCall(call_id=before.call_id, name=before.name, arguments=before.arguments + event.arguments)


def storable(text: str) -> str:
    """Without NUL: Postgres stores no text that has one, and one such answer would take the checkpoint of all others with it."""
    return text.replace("\x00", "") if "\x00" in text else text
