"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so that the newest row is the largest key and inserts stay at the end of an index."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last_tick = 0


def new_id() -> UUID:
    """A UUIDv7 that is larger than every one this process made before: milliseconds, 12 bits below them (1/4096 ms), 62 random bits."""
    global _last_tick
    tick = time.time_ns() * 4096 // 1_000_000
    with _lock:
        tick = _last_tick = max(tick, _last_tick + 1)
    milliseconds, fraction = tick >> 12, tick & 0xFFF
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random)
