"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so that the newest row is the largest key and inserts stay at the end of an index."""

import os
import threading
import time
from uuid import UUID, SafeUUID

_DRAWN_BYTES = 2048
_NOT_SAID = SafeUUID.unknown
"""Looked up once: a member of an enumeration is a call of Python each time."""

_lock = threading.Lock()
_last_tick = 0
_random = memoryview(b"")
"""Drawn ahead: each call of the system lets another thread have the interpreter, and a request makes half a dozen ids."""


def new_id() -> UUID:
    """A UUIDv7 that is larger than every one this process made before: milliseconds, 12 bits below them (1/4096 ms), 62 random bits."""
    global _last_tick, _random
    tick = time.time_ns() * 4096 // 1_000_000
    with _lock:
        tick = _last_tick = max(tick, _last_tick + 1)
        if not _random:
            _random = memoryview(os.urandom(_DRAWN_BYTES))
        drawn, _random = _random[:8], _random[8:]
    milliseconds, fraction = tick >> 12, tick & 0xFFF
    random = int.from_bytes(drawn) & ((1 << 62) - 1)
    return id_of((milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random)


def id_of(number: int) -> UUID:
    """Without UUID's own checks of text, bytes and fields: most values of a request are ids."""
    made = object.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", _NOT_SAID)
    return made


def _forget() -> None:
    """A child process must not make the ids of its parent."""
    global _random
    _random = memoryview(b"")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
