"""JSON lines, read as bytes: pieces of any cut go in, whole lines come out."""

from collections.abc import Sequence

from parlor.llm.sse import MAX_EVENT_BYTES, EventTooLong

_NOTHING: tuple[bytes, ...] = ()


class LineDecoder:
    """Nothing is decoded to text here, so a character that was cut in two comes together again by itself."""

    __slots__ = ("_pending", "_pending_bytes")

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def feed(self, piece: bytes) -> Sequence[bytes]:
        """The lines that `piece` completes, without their ends; blank ones are empty. Raises EventTooLong."""
        head, newline, rest = piece.rpartition(b"\n")
        if not newline:
            self._hold(piece)
            return _NOTHING
        block = b"".join((*self._pending, head))
        self._pending.clear()
        self._pending_bytes = 0
        self._hold(rest)
        lines = block.split(b"\n")
        if len(block) > MAX_EVENT_BYTES and max(map(len, lines)) > MAX_EVENT_BYTES:
            raise EventTooLong
        return [line.removesuffix(b"\r") for line in lines] if b"\r" in block else lines

    def end(self) -> Sequence[bytes]:
        """The line that the stream's end left without a newline."""
        rest = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        return (rest,) if rest else _NOTHING

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._pending.append(piece)
            self._pending_bytes += len(piece)
            if self._pending_bytes > MAX_EVENT_BYTES:
                raise EventTooLong
