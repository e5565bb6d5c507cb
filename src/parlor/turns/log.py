"""The numbered log of a running turn, in memory. Readers are only an index into it: there is no queue per reader.

An append wakes whoever waits; a reader then takes everything that has come since its index with one write. The frame of an event
(Parlor's own SSE wire) is made when the first reader wants it, and kept for the others, who so get the same bytes.
"""

import asyncio
from collections.abc import Iterable
from typing import get_args
from uuid import UUID

import msgspec

from parlor.turns.events import AnyLogEvent, LogEvent
from parlor.turns.segments import EPOCH_NUMBERS, Numbered

MOST_EVENTS = 1000
"""In one write: a reader that does not read holds no more than this."""
_encoder = msgspec.json.Encoder()
_TAGS = {kind: str(kind.__struct_config__.tag).encode() for kind in get_args(AnyLogEvent)}


class TurnLog:
    """Events keep their numbers for good. `earlier` are those of the epochs before, when a turn goes on after a pause."""

    __slots__ = ("_frames", "_prefix", "_waiters", "epoch", "events", "is_finished", "numbers", "turn_id")

    def __init__(self, turn_id: UUID, epoch: int, earlier: Iterable[Numbered] = ()) -> None:
        self.turn_id = turn_id
        self.epoch = epoch
        self.numbers: list[int] = []
        self.events: list[LogEvent] = []
        self._frames: list[bytes | None] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._prefix = frame_prefix(turn_id)
        self.is_finished = False
        for number, event in earlier:
            self._keep(number, event)

    def append(self, event: LogEvent) -> int:
        """The event's number: above every number of this turn before, also across epochs."""
        number = self.next_number()
        self._keep(number, event)
        self._wake()
        return number

    def next_number(self) -> int:
        first = (self.epoch - 1) * EPOCH_NUMBERS + 1
        return max(self.numbers[-1] + 1, first) if self.numbers else first

    def take(self, stored: Iterable[Numbered]) -> None:
        """Events that are stored under these numbers already."""
        for number, event in stored:
            self._keep(number, event)
        self._wake()

    def finish(self, number: int, event: LogEvent) -> None:
        """The terminal event, whose number T4 has stored already."""
        self._keep(number, event)
        self.abandon()

    def abandon(self) -> None:
        """No more will come here, though the turn may have gone on elsewhere: readers look into the database."""
        self.is_finished = True
        self._wake()

    def index_after(self, number: int) -> int:
        """Where a reader that has seen `number` goes on."""
        numbers = self.numbers
        low, high = 0, len(numbers)
        while low < high:
            middle = (low + high) // 2
            if numbers[middle] <= number:
                low = middle + 1
            else:
                high = middle
        return low

    def frames(self, start: int) -> tuple[bytes, int]:
        """What there is from index `start` on, as one piece of the SSE wire, and the index behind it."""
        end = min(len(self.events), start + MOST_EVENTS)
        return b"".join(self.frame(index) for index in range(start, end)), end

    def frame(self, index: int) -> bytes:
        frame = self._frames[index]
        if frame is None:
            frame = self._frames[index] = encode_frame(self.numbers[index], self.events[index], self._prefix)
        return frame

    async def wait(self, index: int) -> None:
        """Until there is an event at `index`, or nothing more will come."""
        while len(self.events) <= index and not self.is_finished:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _keep(self, number: int, event: LogEvent) -> None:
        self.numbers.append(number)
        self.events.append(event)
        self._frames.append(None)

    def _wake(self) -> None:
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)


def frame_prefix(turn_id: UUID) -> bytes:
    return b'\ndata: {"turn_id":"' + str(turn_id).encode() + b'",'


def encode_frame(number: int, event: LogEvent, prefix: bytes) -> bytes:
    """`id`, `event` and `data` of one event; `data` is the event's own JSON with `turn_id` spliced in, which saves building a dictionary per delta."""
    return b"id: %d\nevent: %s%s%s\n\n" % (number, _TAGS[type(event)], prefix, _encoder.encode(event)[1:])
