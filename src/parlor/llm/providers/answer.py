"""One streamed answer: a reply's bytes in, typed events out, one item per read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from parlor.core.outbound import OutboundFailed, TimedOut
from parlor.llm.errors import ModelFailed
from parlor.llm.ports import ModelEvent
from parlor.llm.providers.reading import Reading, refuse

if TYPE_CHECKING:
    from parlor.core.outbound import Reply

MAX_ANSWER_BYTES = 64 * 1024 * 1024
_LATE_USAGE_SECONDS = 5
"""How long the usage and the end of the stream may take once the model has finished."""


class Answer:
    """Iterates over the events of a reply. What was read before a failure is delivered before the failure is raised."""

    def __init__(self, reply: "Reply", reading: Reading[Any]) -> None:
        self._reply = reply
        self._reading = reading
        self._batch = reading.batch
        self._bytes_left = MAX_ANSWER_BYTES
        self._is_ending = False
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
        reading = self._reading
        try:
            piece = await self._reply.read_some()
        except OutboundFailed as error:
            if reading.finish_reason is None:
                reason = "provider_unreachable" if isinstance(error, TimedOut) else "provider_protocol"
                raise ModelFailed(reason, f"The model's answer broke off. {error.detail}", accepted=True) from error
            self._end()
            return
        self._bytes_left -= len(piece)
        if self._bytes_left < 0:
            refuse("The model's answer is larger than anything that can be stored.")
        reading.take_in(piece)
        if reading.is_done or not piece:
            self._end()
            self._reply.keep_connection()
        elif reading.finish_reason is not None and not self._is_ending:
            self._is_ending = True
            self._reply.expect_end(_LATE_USAGE_SECONDS)

    def _end(self) -> None:
        self._reading.end()
        self._is_over = True
