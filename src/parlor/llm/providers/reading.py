"""One answer as it is read: bytes in, events out. What the protocols share of it; each wire says what one of its payloads means."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NoReturn, Protocol, TypeVar

import msgspec

from parlor.core.ids import new_id
from parlor.llm.errors import ModelFailed
from parlor.llm.ports import Finished, FinishReason, ModelEvent, ProviderState, ReasoningDelta, StateSeen, TextDelta, ToolCallDelta, Usage, UsageSeen
from parlor.llm.sse import EventTooLong

Payload = TypeVar("Payload")

_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Decoder(Protocol):
    """Cuts bytes into payloads. Raises EventTooLong."""

    def feed(self, piece: bytes) -> Sequence[bytes]: ...

    def end(self) -> Sequence[bytes]: ...


class Reading(ABC, Generic[Payload]):
    """`take` puts the events of a payload into the batch, and notes `finish_reason`, `usage` and `state` as they are told."""

    def __init__(self, model: str, decoder: Decoder, decode: Callable[[bytes], Payload]) -> None:
        self.batch = Batch()
        self.call_count = 0
        self.usage: Usage | None = None
        self.state: dict[str, Any] = {}
        """What the provider wants to see again, if there is anything."""
        self.finish_reason: FinishReason | None = None
        self.is_done = False
        """The stream has said that nothing more comes."""
        self._model = model
        self._decoder = decoder
        self._decode = decode

    @abstractmethod
    def take(self, payload: Payload, /) -> None: ...

    def take_in(self, piece: bytes) -> None:
        """One read; empty is the end of the stream. What follows the mark of the end does not count. Raises ModelFailed."""
        try:
            payloads = self._decoder.feed(piece) if piece else self._decoder.end()
        except EventTooLong:
            refuse("The model's provider sent a line that is longer than 1 MiB.")
        decode, take = self._decode, self.take
        for payload in payloads:
            if payload == b"[DONE]":
                self.is_done = True
                return
            if not payload:
                continue
            try:
                said = decode(payload)
            except _NOT_JSON:
                refuse("The model's provider sent something that is not a chunk of an answer.")
            take(said)

    def end(self) -> None:
        """Some servers say that they are done without a reason, some give a reason without more; without either the answer is not complete."""
        if self.finish_reason is None and not self.is_done:
            refuse("The model's answer ended before it was complete.")
        reason = self.finish_reason or "stop"
        if self.state:
            self.batch.add(StateSeen(ProviderState(self._model, self.state)))
        if self.usage is not None:
            self.batch.add(UsageSeen(self.usage))
        # Gemini and Ollama say stop after tool calls.
        self.batch.add(Finished("tool_calls" if reason == "stop" and self.call_count else reason))

    def call(self, call_id: str | None, name: str | None, arguments: str | Mapping[str, Any] | None) -> int:
        """A tool call begins; its number. It gets an id when the provider gave none, and its arguments may come as an object."""
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode() if arguments is not None else ""
        number = self.call_count
        self.call_count += 1
        self.batch.add(ToolCallDelta(number, call_id or f"call_{new_id().hex}", name or "", text))
        return number


def refuse(detail: str) -> NoReturn:
    raise ModelFailed("provider_protocol", detail, accepted=True)


class Batch:
    """The events of one read, in order, with neighbouring texts joined."""

    def __init__(self) -> None:
        self._events: list[ModelEvent] = []
        self._parts: list[str] = []
        self._kind: type[TextDelta | ReasoningDelta] = TextDelta

    def add_text(self, text: str) -> None:
        if self._kind is not TextDelta:
            self._join()
            self._kind = TextDelta
        self._parts.append(text)

    def add_reasoning(self, text: str) -> None:
        if self._kind is not ReasoningDelta:
            self._join()
            self._kind = ReasoningDelta
        self._parts.append(text)

    def add(self, event: ModelEvent) -> None:
        self._join()
        self._events.append(event)

    def take(self) -> list[ModelEvent]:
        self._join()
        events, self._events = self._events, []
        return events

    def _join(self) -> None:
        if self._parts:
            if text := "".join(self._parts):
                self._events.append(self._kind(text))
            self._parts.clear()
