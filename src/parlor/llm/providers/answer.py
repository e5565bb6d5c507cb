"""One streamed answer: bytes in, typed events out, one item per read."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import msgspec

from parlor.core.ids import new_id
from parlor.core.outbound import OutboundFailed, TimedOut
from parlor.llm.errors import ModelFailed
from parlor.llm.ports import Finished, FinishReason, ModelEvent, ReasoningDelta, TextDelta, ToolCallDelta, Usage, UsageSeen
from parlor.llm.providers.chunks import Chunk, Delta, Fragment, decode_chunk, finish_reason_of, marks_of, text_of, usage_of
from parlor.llm.sse import EventTooLong, SseDecoder

if TYPE_CHECKING:
    from parlor.core.outbound import Reply

MAX_ANSWER_BYTES = 64 * 1024 * 1024
_LATE_USAGE_SECONDS = 5
"""How long the usage and the end of the stream may take once the model has finished."""


class Answer:
    """Iterates over the events of a reply. What was read before a failure is delivered before the failure is raised."""

    def __init__(self, reply: "Reply") -> None:
        self._reply = reply
        self._decoder = SseDecoder()
        self._calls = _Calls()
        self._batch = _Batch()
        self._usage: Usage | None = None
        self._finish_reason: FinishReason | None = None
        self._bytes_left = MAX_ANSWER_BYTES
        self._is_over = False
        self._failure: ModelFailed | None = None

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> Sequence[ModelEvent]:
        while not self._is_over:
            try:
                await self._read()
            except ModelFailed as failure:
                self._failure = failure
                self._is_over = True
            if events := self._batch.take():
                return events
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        raise StopAsyncIteration

    async def _read(self) -> None:
        """Take in one read; at the end add what the whole answer has."""
        try:
            piece = await self._reply.read_some()
        except OutboundFailed as error:
            if self._finish_reason is None:
                reason = "provider_unreachable" if isinstance(error, TimedOut) else "provider_protocol"
                raise ModelFailed(reason, f"The model's answer broke off. {error.detail}", accepted=True) from error
            self._end()
            return
        self._bytes_left -= len(piece)
        if self._bytes_left < 0:
            _refuse("The model's answer is larger than anything that can be stored.")
        try:
            is_done = self._take_in(self._decoder.feed(piece) if piece else self._decoder.end())
        except EventTooLong:
            _refuse("The model's provider sent a line that is longer than 1 MiB.")
        if is_done or not piece:
            self._end(is_done)
            self._reply.keep_connection()

    def _take_in(self, payloads: Sequence[bytes]) -> bool:
        """True when the stream said that it is done; what follows that does not count."""
        for payload in payloads:
            if payload == b"[DONE]":
                return True
            if not payload:
                continue
            try:
                chunk = decode_chunk(payload)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                _refuse("The model's provider sent something that is not a chunk of an answer.")
            choice = chunk.choices[0] if chunk.choices else None
            if choice is not None and not choice.index and (delta := choice.delta) is not None:
                self._take_delta(delta)
            if (choice is not None and choice.finish_reason) or chunk.usage is not None or chunk.error is not None:
                self._take_rest(chunk)
        return False

    def _take_delta(self, delta: Delta) -> None:
        if thought := delta.reasoning_content or delta.reasoning or delta.thinking:
            self._batch.add_reasoning(thought)
        if text := delta.content or delta.refusal:
            self._batch.add_text(text if isinstance(text, str) else text_of(text))
        if delta.tool_calls:
            self._batch.add(self._calls.deltas_of(delta.tool_calls))

    def _take_rest(self, chunk: Chunk) -> None:
        if chunk.error is not None:
            raise _error_in_stream(marks_of(chunk.error))
        if chunk.usage is not None:
            self._usage = usage_of(chunk.usage, self._usage)
        if chunk.choices and not chunk.choices[0].index and (reason := chunk.choices[0].finish_reason):
            if reason == "error":
                raise ModelFailed("provider_error", accepted=True)
            self._finish_reason = finish_reason_of(reason)
            self._reply.expect_end(_LATE_USAGE_SECONDS)

    def _end(self, is_done: bool = False) -> None:
        """Some servers say [DONE] without a reason, some give a reason without [DONE]; without either the answer is not complete."""
        if self._finish_reason is None and not is_done:
            _refuse("The model's answer ended before it was complete.")
        reason = self._finish_reason or "stop"
        if self._usage is not None:
            self._batch.add((UsageSeen(self._usage),))
        self._batch.add((Finished("tool_calls" if reason == "stop" and self._calls.has_any else reason),))
        self._is_over = True


def _refuse(detail: str) -> NoReturn:
    raise ModelFailed("provider_protocol", detail, accepted=True)


def _error_in_stream(marks: str) -> ModelFailed:
    if "429" in marks or "rate_limit" in marks:
        return ModelFailed("provider_rate_limited", accepted=True)
    return ModelFailed("content_filter" if "content_filter" in marks else "provider_error", accepted=True)


class _Batch:
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

    def add(self, events: Sequence[ModelEvent]) -> None:
        self._join()
        self._events.extend(events)

    def take(self) -> list[ModelEvent]:
        self._join()
        events, self._events = self._events, []
        return events

    def _join(self) -> None:
        if self._parts:
            if text := "".join(self._parts):
                self._events.append(self._kind(text))
            self._parts.clear()


class _Calls:
    """Numbers tool calls. Some servers leave `index` out, or send 0 for every call (ollama/ollama#7881): then a new id, or a name, begins a new call."""

    def __init__(self) -> None:
        self._slots: dict[int | None, int] = {}
        self._ids: list[str | None] = []

    @property
    def has_any(self) -> bool:
        return bool(self._ids)

    def deltas_of(self, fragments: Sequence[Fragment]) -> list[ModelEvent]:
        return list(self._deltas_of(fragments))

    def _deltas_of(self, fragments: Sequence[Fragment]) -> Iterator[ModelEvent]:
        for fragment in fragments:
            name = fragment.function.name if fragment.function else None
            arguments = fragment.function.arguments if fragment.function else None
            text = msgspec.json.encode(arguments).decode() if isinstance(arguments, dict) else arguments or ""
            slot = self._slots.get(fragment.index)
            if slot is None or self._is_another(slot, fragment, name):
                slot = self._slots[fragment.index] = len(self._ids)
                self._ids.append(fragment.id or None)
                yield ToolCallDelta(slot, fragment.id or f"call_{new_id().hex}", name or "", text)
            elif text:
                yield ToolCallDelta(slot, None, None, text)

    def _is_another(self, slot: int, fragment: Fragment, name: str | None) -> bool:
        if fragment.id and name:
            return fragment.id != self._ids[slot]
        return bool(name) and fragment.index is None
