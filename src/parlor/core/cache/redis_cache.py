"""A cache in Redis, for all replicas: one hash for each owner, so that forgetting somebody is one command."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from parlor.core.cache.ports import FORGOTTEN_SECONDS, MOST_SECONDS, MOST_VALUE_BYTES, digest_of
from parlor.core.cache.settings import CacheSettings
from parlor.core.redis import RedisClient, RedisUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PREFIX = "parlor:cache:"
_PATIENCE_SECONDS = 0.25
"""After so long no further exchange of one call begins: whoever has many keys must not wait for a slow Redis many times."""

_KEYS_AT_ONCE = 64
_BYTES_AT_ONCE = 1024 * 1024

# An owner's values are a hash, each with the millisecond in front at which it is over, by Redis's own clock. A sorted set beside it says which are over
# first. Redis may throw either out when it runs out of memory: when the two do not fit any more, both begin anew.
_GET = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', KEYS[1], unpack(ARGV))
for at, value in ipairs(found) do
  if value then
    found[at] = tonumber(string.sub(value, 1, 13)) > now and string.sub(value, 14)
  end
end
return found
"""
_SET = """
local values, ends, gone = KEYS[1], KEYS[2], KEYS[3]
if redis.call('EXISTS', gone) == 1 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local over = string.format('%013.0f', now + life)
if redis.call('HLEN', values) ~= redis.call('ZCARD', ends) then
  redis.call('UNLINK', values, ends)
end
local function drop(names)
  if #names > 0 then
    redis.call('HDEL', values, unpack(names))
    redis.call('ZREM', ends, unpack(names))
  end
end
for at = 3, #ARGV, 2 do
  redis.call('HSET', values, ARGV[at], over .. ARGV[at + 1])
  redis.call('ZADD', ends, over, ARGV[at])
end
drop(redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', now), 'LIMIT', 0, 200))
local surplus = redis.call('ZCARD', ends) - most
if surplus > 0 then
  drop(redis.call('ZRANGE', ends, 0, math.min(surplus, 200) - 1))
end
for _, key in ipairs({values, ends}) do
  if redis.call('PTTL', key) < life then
    redis.call('PEXPIRE', key, life)
  end
end
return 1
"""
_FORGET = """
redis.call('SET', KEYS[3], '1', 'PX', ARGV[1])
local count = redis.call('HLEN', KEYS[1])
redis.call('UNLINK', KEYS[1], KEYS[2])
return count
"""


class RedisCache:
    def __init__(self, redis: RedisClient, settings: CacheSettings) -> None:
        self._redis = redis
        self._most_entries = settings.max_entries_per_owner
        self._scripts: dict[str, Any] = {}

    async def get_many(self, owner: str, keys: Sequence[str]) -> list[bytes | None]:
        names, found = _keys_of(digest_of(owner)), cast("list[bytes | None]", [])
        began = asyncio.get_running_loop().time()
        try:
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                if asyncio.get_running_loop().time() - began > _PATIENCE_SECONDS:
                    break
                found += await self._run(_GET, names, [digest_of(key) for key in keys[start : start + _KEYS_AT_ONCE]])
        except RedisUnavailable:
            pass
        return found + [None] * (len(keys) - len(found))

    async def set_many(self, owner: str, values: Mapping[str, bytes], *, ttl_seconds: float) -> None:
        if ttl_seconds <= 0 or not self._most_entries:
            return
        names, life = _keys_of(digest_of(owner)), max(1, int(min(ttl_seconds, MOST_SECONDS) * 1000))
        began = asyncio.get_running_loop().time()
        try:
            for pairs in _portions(values):
                if asyncio.get_running_loop().time() - began > _PATIENCE_SECONDS:
                    break
                await self._run(_SET, names, [life, self._most_entries, *pairs])
        except RedisUnavailable:
            pass

    async def forget(self, owner: str) -> int:
        return await self.forget_digest(digest_of(owner))

    async def forget_digest(self, digest: bytes) -> int:
        return cast("int", await self._run(_FORGET, _keys_of(digest), [int(FORGOTTEN_SECONDS * 1000)]))

    async def _run(self, script: str, keys: Sequence[str], values: Sequence[Any]) -> Any:
        async def ask(redis: "Redis") -> Any:
            if script not in self._scripts:
                self._scripts[script] = redis.register_script(script)
            return await self._scripts[script](keys=keys, args=values)

        return await self._redis.call(ask)


def _keys_of(digest: bytes) -> list[str]:
    """With one hash tag, so that a cluster has all three in one place."""
    base = f"{_PREFIX}{{{digest.hex()}}}"
    return [base, f"{base}:ends", f"{base}:gone"]


def _portions(values: Mapping[str, bytes]) -> Iterator[list[bytes]]:
    """Name, value, name, value: as much as one exchange may carry."""
    portion: list[bytes] = []
    size_bytes = 0
    for key, value in values.items():
        if len(value) > MOST_VALUE_BYTES:
            continue
        if portion and (size_bytes + len(value) > _BYTES_AT_ONCE or len(portion) >= 2 * _KEYS_AT_ONCE):
            yield portion
            portion, size_bytes = [], 0
        portion += [digest_of(key), value]
        size_bytes += len(value)
    if portion:
        yield portion
