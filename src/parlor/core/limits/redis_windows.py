"""Counting in Redis: one list of times per key, on Redis's own clock, looked at and added to in one step."""

from typing import TYPE_CHECKING, Any, cast

from parlor.core.redis import RedisClient, RedisUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PREFIX = "parlor:limits:"

# Times in milliseconds. The list holds the newest `amount` hits, newest first: the last of them decides.
_SCRIPT = """
local amount, window, counts = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest = redis.call('LINDEX', KEYS[1], amount - 1)
if oldest and oldest + window > now then
  return oldest + window - now
end
if counts == '1' then
  redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('LTRIM', KEYS[1], 0, amount - 1)
  redis.call('PEXPIRE', KEYS[1], window)
end
return 0
"""


class RedisWindows:
    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._script: Any = None

    async def wait_seconds(self, name: str, key: bytes, amount: int, seconds: float, *, counts: bool) -> float | None:
        keys, values = [f"{_PREFIX}{name}:{key.hex()}"], [amount, int(seconds * 1000), int(counts)]

        async def ask(redis: "Redis") -> int:
            if self._script is None:
                self._script = redis.register_script(_SCRIPT)
            return cast("int", await self._script(keys=keys, args=values))

        try:
            return await self._redis.call(ask) / 1000
        except RedisUnavailable:
            return None
