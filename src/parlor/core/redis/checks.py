"""Health of Redis."""

from urllib.parse import urlsplit

from parlor.core.health import Check, Health, Status
from parlor.core.redis.client import RedisClient, RedisUnavailable
from parlor.core.redis_settings import RedisSettings


def redis_check(redis: RedisClient, settings: RedisSettings) -> Check:
    async def look() -> Health:
        if settings.url is None:
            return Health(Status.OFF, details={"configured": False})
        parts = urlsplit(settings.url.get_secret_value())
        details = {"configured": True, "address": f"{parts.hostname}:{parts.port or 6379}"}
        try:
            await redis.ping()
        except RedisUnavailable as error:
            advice = "Start it, or see that PARLOR_REDIS__URL is right. Meanwhile each process counts its rate limits by itself."
            return Health(Status.DOWN, error.detail, advice, details)
        return Health(Status.OK, details=details)

    return Check("redis", look)
