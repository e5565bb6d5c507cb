"""A provider's documents and keys: asked for once, kept, and served on while it is down."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from parlor.accounts.errors import ProviderUnavailable, SignInRefused
from parlor.accounts.oidc.provider import OpenIdProvider
from parlor.core.outbound import Outbound, OutboundSettings
from parlor.core.resilience import BreakerState
from tests.support.openid import OpenIdServer, listening, run_openid_server

HOUR, DAY = 3600, 24 * 3600


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[OpenIdServer]:
    with run_openid_server() as server:
        yield server


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(OutboundSettings())
    yield outbound
    await outbound.close()


@pytest.fixture
def provider(server: OpenIdServer, outbound: Outbound, seconds: Seconds) -> OpenIdProvider:
    return OpenIdProvider(outbound, server.issuer, monotonic=seconds)


async def test_many_who_need_the_keys_at_once_ask_once(server: OpenIdServer, provider: OpenIdProvider) -> None:
    keys = await asyncio.gather(*(provider.find_key("first") for _ in range(50)))
    assert all(key is not None for key in keys)
    assert sorted(server.asked) == ["/.well-known/openid-configuration", "/jwks"]


async def test_a_new_key_is_found_at_its_first_use(server: OpenIdServer, provider: OpenIdProvider, seconds: Seconds) -> None:
    assert await provider.find_key("first") is not None
    server.rotate()
    seconds.now += 6
    assert await provider.find_key("second") is not None
    assert await provider.find_key("first") is None


async def test_made_up_key_ids_do_not_make_us_ask_all_the_time(server: OpenIdServer, provider: OpenIdProvider, seconds: Seconds) -> None:
    for at in range(100):
        assert await provider.find_key(f"made-up-{at}") is None
    assert server.count("/jwks") == 1
    seconds.now += 6
    await asyncio.gather(*(provider.find_key(f"made-up-{at}") for at in range(100)))
    assert server.count("/jwks") == 2


async def test_without_an_id_the_only_key_is_meant(server: OpenIdServer, provider: OpenIdProvider, seconds: Seconds) -> None:
    assert await provider.find_key(None) is not None
    first = server.keys
    server.rotate()
    server.keys = [*first, *server.keys]
    seconds.now += 2 * HOUR
    assert await provider.find_key(None) is None


async def test_keys_that_were_known_serve_on_while_it_is_down_and_not_for_ever(server: OpenIdServer, provider: OpenIdProvider, seconds: Seconds) -> None:
    await provider.find_key("first")
    server.trouble.status = 500
    seconds.now += 2 * HOUR
    assert await provider.find_key("first") is not None
    assert provider.status.failures == 2  # both documents
    with pytest.raises(ProviderUnavailable):
        await provider.find_key("unknown")
    seconds.now += DAY
    with pytest.raises(ProviderUnavailable):
        await provider.find_key("first")
    server.heal()
    seconds.now += 6
    assert await provider.find_key("first") is not None
    assert provider.status.failures == 0


async def test_it_is_left_alone_after_some_failures_and_tried_again(server: OpenIdServer, provider: OpenIdProvider, seconds: Seconds) -> None:
    server.trouble.status = 503
    for _ in range(20):
        with pytest.raises(ProviderUnavailable) as refused:
            await provider.find_key("first")
        assert refused.value.facts["retry_after_seconds"] > 0
        if provider.status.state is not BreakerState.OPEN:
            seconds.now += 6
    asked = len(server.asked)
    assert asked == 5
    assert provider.status.state is BreakerState.OPEN
    server.heal()
    seconds.now += 31
    assert await provider.find_key("first") is not None
    assert provider.status.state is BreakerState.CLOSED


async def test_one_that_is_gone_is_unavailable_and_comes_back(outbound: Outbound, seconds: Seconds) -> None:
    with run_openid_server() as server:
        pass
    provider = OpenIdProvider(outbound, server.issuer, monotonic=seconds)
    with pytest.raises(ProviderUnavailable):
        await provider.metadata()
    with listening(server):
        seconds.now += 6
        assert (await provider.metadata()).issuer == server.issuer


async def test_who_gives_up_waiting_does_not_spoil_it_for_the_others(server: OpenIdServer, provider: OpenIdProvider) -> None:
    server.trouble.hangs = True
    waiting = [asyncio.create_task(provider.find_key("first")) for _ in range(3)]
    assert await asyncio.to_thread(server.came.wait, 10)
    waiting[0].cancel()
    await asyncio.sleep(0)
    server.heal()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(not isinstance(each, BaseException) and each is not None for each in found[1:])


async def test_a_document_of_another_issuer_is_refused(server: OpenIdServer, outbound: Outbound) -> None:
    provider = OpenIdProvider(outbound, f"http://localhost:{server.port}")
    with pytest.raises(ProviderUnavailable):
        await provider.metadata()
    assert "another issuer" in (provider.status.last_error or "")


async def test_a_code_that_it_does_not_honour_is_no_outage(provider: OpenIdProvider) -> None:
    for _ in range(10):
        with pytest.raises(SignInRefused):
            await provider.exchange("grant_type=authorization_code&code=x")
    assert provider.status.state is BreakerState.CLOSED


async def test_keys_that_nobody_may_sign_with_are_left_out(server: OpenIdServer, provider: OpenIdProvider) -> None:
    class Odd:
        kid = "odd"

        def __init__(self, **members: object) -> None:
            self.members = members

        def as_dict(self, **_: object) -> dict[str, object]:
            return self.members

    server.keys += [Odd(kty="oct", k="c2VjcmV0", kid="oct"), Odd(kty="RSA", kid="broken"), Odd(kty="new", kid="new"), Odd(kid="none")]  # type: ignore[list-item]
    for each in ("oct", "broken", "new", "none"):
        assert await provider.find_key(each) is None
    assert await provider.find_key("first") is not None
