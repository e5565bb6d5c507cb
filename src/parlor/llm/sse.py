"""Server-sent events, read as bytes: pieces of any cut go in, the payloads of complete events come out."""

from collections.abc import Sequence

MAX_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_NOTHING: tuple[bytes, ...] = ()


class EventTooLong(Exception):
    """An event, or what has come of it, is longer than MAX_EVENT_BYTES."""


class SseDecoder:
    """The `data` of each event, as the WHATWG's "event stream" describes it; names, ids and comments are dropped.

    Works on whole reads with `split`, not line by line: an event that is one `data: ` line, as all model providers send it, costs a
    slice. Nothing is decoded to text here, so a character that was cut in two comes together again by itself.
    """

    __slots__ = ("_is_first", "_pending", "_pending_bytes", "_saw_carriage_return")

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._saw_carriage_return = False
        self._is_first = True

    def feed(self, piece: bytes) -> Sequence[bytes]:
        """The payloads of the events that `piece` completes. Raises EventTooLong."""
        if self._is_first:
            piece = self._without_bom(piece)
        if b"\r" in piece or self._saw_carriage_return:
            piece = self._with_plain_ends(piece)
        if self._pending:
            # A blank line may lie across the cut; what came before it was searched already.
            if b"\n\n" not in piece and not (piece[:1] == b"\n" and self._pending[-1].endswith(b"\n")):
                self._hold(piece)
                return _NOTHING
            piece = b"".join((*self._pending, piece))
            self._pending.clear()
            self._pending_bytes = 0
        end = piece.rfind(b"\n\n")
        if end < 0:
            self._hold(piece)
            return _NOTHING
        if end + 2 < len(piece):
            self._hold(piece[end + 2 :])
        return _payloads(piece[:end])

    def end(self) -> Sequence[bytes]:
        """The payload of an event that the stream's end left without its blank line: sloppy servers end like that after their last event."""
        rest = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        return _payloads(rest.rstrip(b"\n")) if rest else _NOTHING

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._pending.append(piece)
            self._pending_bytes += len(piece)
            if self._pending_bytes > MAX_EVENT_BYTES:
                raise EventTooLong

    def _without_bom(self, piece: bytes) -> bytes:
        """The first bytes without a byte order mark; empty as long as too few have come to tell."""
        start = b"".join((*self._pending, piece))
        self._pending.clear()
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._pending = [start] if start else []
            return b""
        self._is_first = False
        return start.removeprefix(_BOM)

    def _with_plain_ends(self, piece: bytes) -> bytes:
        r"""Line ends may be \n, \r\n or \r, mixed. A \r ends its line at once; a \n that follows in the next piece belongs to it."""
        if self._saw_carriage_return and piece:
            piece = piece.removeprefix(b"\n")
            self._saw_carriage_return = False
        self._saw_carriage_return = self._saw_carriage_return or piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _payloads(block: bytes) -> Sequence[bytes]:
    events = block.split(b"\n\n")
    # All of them one `data: ` line each, which is how a model speaks: told by two counts instead of a look at each.
    if len(block) <= MAX_EVENT_BYTES and block.startswith(b"data: ") and 2 * block.count(b"\n\ndata: ") == 2 * (len(events) - 1) == block.count(b"\n"):
        return [event[6:] for event in events]
    return _payloads_one_by_one(events)


def _payloads_one_by_one(events: Sequence[bytes]) -> Sequence[bytes]:
    payloads: list[bytes] = []
    for event in events:
        if len(event) > MAX_EVENT_BYTES:
            raise EventTooLong
        if event.startswith(b"data: ") and b"\n" not in event:
            payloads.append(event[6:])
        elif event.startswith(b"event: ") and event.count(b"\n") == 1 and (at := event.find(b"\ndata: ")) > 0:  # as Anthropic names each of its events
            payloads.append(event[at + 7 :])
        elif (payload := _payload_of(event)) is not None:
            payloads.append(payload)
    return payloads


def _payload_of(event: bytes) -> bytes | None:
    """The long way, for events with several lines, comments or without the space."""
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:") or line == b"data"]
    return b"\n".join(lines) if lines else None
