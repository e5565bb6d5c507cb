from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from parlor.core.cache import Cache, CacheSettings, MemoryCache, RedisCache
from parlor.core.ids import new_id
from parlor.core.redis import RedisClient
from parlor.core.redis_settings import RedisSettings
from tests.support.proxy import Proxy, tcp_proxy

MakeCache = Callable[..., Cache]


@pytest.fixture
def owner() -> str:
    return str(new_id())


@pytest.fixture
async def proxy(valkey: str) -> AsyncIterator[Proxy]:
    parts = urlsplit(valkey)
    async with tcp_proxy(parts.hostname or "", parts.port or 0) as proxy:
        yield proxy


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[int], RedisClient]]:
    """A client of whatever listens at that port."""
    async with AsyncExitStack() as stack:

        def connect(port: int) -> RedisClient:
            client = RedisClient(RedisSettings(url=SecretStr(f"redis://127.0.0.1:{port}/0")))
            stack.push_async_callback(client.aclose)
            return client

        yield connect


@pytest.fixture(params=["memory", "redis"])
def make_cache(request: pytest.FixtureRequest) -> MakeCache:
    """Runs the test once per implementation."""
    if request.param == "memory":
        return lambda **settings: MemoryCache(CacheSettings(**settings))
    valkey, connect = request.getfixturevalue("valkey"), request.getfixturevalue("connect")
    return lambda **settings: RedisCache(connect(urlsplit(valkey).port), CacheSettings(**settings))


@pytest.fixture
def cache(make_cache: MakeCache) -> Cache:
    return make_cache()
