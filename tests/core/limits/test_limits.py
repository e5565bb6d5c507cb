"""The limits of the settings, by name."""

import pytest

from parlor.core.errors import RateLimited
from parlor.core.limits import LimitSettings, RateLimits
from parlor.core.limits.service import network_of

LOGINS = "logins_per_address_per_minute"


async def test_a_limit_refuses_and_says_when_to_come_back() -> None:
    limits = RateLimits(LimitSettings(logins_per_address_per_minute=2))
    await limits.hit(LOGINS, "192.0.2.1")
    await limits.check(LOGINS, "192.0.2.1")
    await limits.hit(LOGINS, "192.0.2.1")
    for ask in (limits.hit, limits.check):
        with pytest.raises(RateLimited) as refused:
            await ask(LOGINS, "192.0.2.1")
        assert 59 < refused.value.facts["retry_after_seconds"] <= 60
    await limits.hit(LOGINS, "192.0.2.2")


async def test_no_limit_no_key_or_everything_off_counts_nothing() -> None:
    for settings, key in ((LimitSettings(logins_per_address_per_minute=0), "a"), (LimitSettings(enabled=False), "a"), (LimitSettings(), None)):
        limits = RateLimits(settings)
        for _ in range(200):
            await limits.hit(LOGINS, key)
            await limits.check(LOGINS, key)


async def test_an_unknown_limit_is_a_mistake_in_the_program() -> None:
    for settings in (LimitSettings(), LimitSettings(enabled=False)):
        with pytest.raises(AssertionError, match="nonsense"):
            await RateLimits(settings).hit("nonsense_per_minute", "a")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("somewhere", "somewhere"),
        ("", ""),
    ],
)
def test_an_address_counts_as_the_customer_that_has_it(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_ipv6_addresses_of_one_customer_count_together_and_logins_that_look_like_them_do_not() -> None:
    limits = RateLimits(LimitSettings(logins_per_address_per_minute=1, failed_logins_per_account_per_minute=1))
    await limits.hit(LOGINS, "2001:db8::1")
    with pytest.raises(RateLimited):
        await limits.hit(LOGINS, "2001:db8::2")
    await limits.hit("failed_logins_per_account_per_minute", "2001:db8::1")
    await limits.hit("failed_logins_per_account_per_minute", "2001:db8::2")
