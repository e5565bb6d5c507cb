"""A cache in this process: bounded by bytes, and by how much one owner may have of it."""

import asyncio
import heapq
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from parlor.core.cache.ports import FORGOTTEN_SECONDS, MOST_SECONDS, MOST_VALUE_BYTES, digest_of
from parlor.core.cache.settings import CacheSettings

_OVERHEAD_BYTES = 600
"""What an entry takes beside its value: two digests, their places in two dictionaries and a heap."""

_MOST_FORGOTTEN = 10_000


class _Entry(msgspec.Struct):
    value: bytes
    expires_at: float


Name = tuple[bytes, bytes]


class MemoryCache:
    """For one event loop. `longest_seconds` is for processes that may have others beside them: nobody could tell those what to forget.

    What is over is dropped when its time has come, not when somebody asks for it next.
    """

    def __init__(self, settings: CacheSettings, *, longest_seconds: float = MOST_SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._longest_seconds = longest_seconds
        self._monotonic = monotonic
        self._entries: OrderedDict[Name, _Entry] = OrderedDict()
        self._owned: dict[bytes, OrderedDict[bytes, None]] = {}
        self._ends: list[tuple[float, Name]] = []
        self._forgotten: OrderedDict[bytes, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def get_many(self, owner: str, keys: Sequence[str]) -> list[bytes | None]:
        digest = digest_of(owner)
        return [self._get((digest, digest_of(key))) for key in keys]

    async def set_many(self, owner: str, values: Mapping[str, bytes], *, ttl_seconds: float) -> None:
        digest, now = digest_of(owner), self._monotonic()
        if self._forgotten.get(digest, 0.0) > now or ttl_seconds <= 0:
            return
        for key, value in values.items():
            if len(value) <= MOST_VALUE_BYTES:
                self._put((digest, digest_of(key)), _Entry(value, now + min(ttl_seconds, self._longest_seconds)))
        self._make_room(digest)
        self._drop_expired()

    async def forget(self, owner: str) -> int:
        digest = digest_of(owner)
        self._forgotten[digest] = self._monotonic() + FORGOTTEN_SECONDS
        self._forgotten.move_to_end(digest)
        if len(self._forgotten) > _MOST_FORGOTTEN:
            self._forgotten.popitem(last=False)
        keys = list(self._owned.get(digest, ()))
        for key in keys:
            self._drop((digest, key))
        return len(keys)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _get(self, name: Name) -> bytes | None:
        entry = self._entries.get(name)
        if entry is None or entry.expires_at <= self._monotonic():
            return None
        self._entries.move_to_end(name)
        self._owned[name[0]].move_to_end(name[1])
        return entry.value

    def _put(self, name: Name, entry: _Entry) -> None:
        if name in self._entries:
            self._drop(name)
        self._entries[name] = entry
        self._owned.setdefault(name[0], OrderedDict())[name[1]] = None
        self.size_bytes += len(entry.value) + _OVERHEAD_BYTES
        heapq.heappush(self._ends, (entry.expires_at, name))

    def _drop(self, name: Name) -> None:
        entry, owned = self._entries.pop(name), self._owned[name[0]]
        self.size_bytes -= len(entry.value) + _OVERHEAD_BYTES
        del owned[name[1]]
        if not owned:
            del self._owned[name[0]]

    def _make_room(self, digest: bytes) -> None:
        while (owned := self._owned.get(digest)) and len(owned) > self._settings.max_entries_per_owner:
            self._drop((digest, next(iter(owned))))
        while self.size_bytes > self._settings.max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop_expired(self) -> None:
        """And come back when the next one is over. Names of entries that went earlier stay in the heap until it is mostly of those."""
        if len(self._ends) > 2 * len(self._entries) + 100:
            self._ends = [(entry.expires_at, name) for name, entry in self._entries.items()]
            heapq.heapify(self._ends)
        now = self._monotonic()
        while self._ends and self._ends[0][0] <= now:
            expires_at, name = heapq.heappop(self._ends)
            if (entry := self._entries.get(name)) is not None and entry.expires_at == expires_at:
                self._drop(name)
        self.close()
        self._timer = asyncio.get_running_loop().call_later(max(1.0, self._ends[0][0] - now), self._drop_expired) if self._ends else None
