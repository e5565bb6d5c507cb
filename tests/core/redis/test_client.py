"""The connection to Redis, against a real Valkey that is cut off and comes back."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from parlor.core.health import Status
from parlor.core.redis import RedisClient, RedisUnavailable
from parlor.core.redis.checks import redis_check
from parlor.core.redis_settings import RedisSettings
from tests.support.proxy import Proxy, tcp_proxy


@pytest.fixture
async def proxy(valkey: str) -> AsyncIterator[Proxy]:
    parts = urlsplit(valkey)
    async with tcp_proxy(parts.hostname or "", parts.port or 0) as proxy:
        yield proxy


def settings_of(proxy: Proxy) -> RedisSettings:
    return RedisSettings(url=SecretStr(f"redis://127.0.0.1:{proxy.port}/0"))


async def test_it_is_asked_and_closed(proxy: Proxy) -> None:
    redis = RedisClient(settings_of(proxy))
    assert await redis.call(lambda client: client.echo("hello")) == b"hello"
    await redis.aclose()


async def test_after_a_failure_it_is_left_alone_and_found_again_by_whoever_pings(proxy: Proxy) -> None:
    redis, asked = RedisClient(settings_of(proxy)), 0

    async def ask() -> None:
        async def count(client: object) -> None:
            nonlocal asked
            asked += 1
            await client.ping()  # type: ignore[attr-defined]

        await redis.call(count)

    await ask()
    proxy.cut()
    for _ in range(50):
        with pytest.raises(RedisUnavailable):
            await ask()
    assert asked == 2, "only the first one waited"
    check = redis_check(redis, settings_of(proxy))
    down = await check.look()
    assert (down.status, down.details["address"]) == (Status.DOWN, f"127.0.0.1:{proxy.port}")
    assert down.advice
    proxy.mend()
    assert (await check.look()).status is Status.OK
    await redis.aclose()


async def test_one_that_never_answers_is_given_up_soon() -> None:
    heard = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        redis = RedisClient(RedisSettings(url=SecretStr(f"redis://127.0.0.1:{port}/0")))
        with pytest.raises(RedisUnavailable):
            await asyncio.wait_for(redis.call(lambda client: client.echo("hello")), 5)
        assert heard.is_set()
        await redis.aclose()


async def test_without_an_address_nothing_is_opened_and_health_says_off() -> None:
    redis = RedisClient(RedisSettings())
    assert not redis.is_configured
    assert (await redis_check(redis, RedisSettings()).look()).status is Status.OFF
    await redis.aclose()


async def test_no_password_is_in_what_health_says() -> None:
    settings = RedisSettings(url=SecretStr("redis://me:canary-secret@127.0.0.1:1/0"))
    redis = RedisClient(settings)
    assert "canary" not in str(await redis_check(redis, settings).look())
    with pytest.raises(RedisUnavailable) as refused:
        await redis.call(lambda client: client.echo("hello"))
    assert "canary" not in str(refused.value)
    await redis.aclose()
