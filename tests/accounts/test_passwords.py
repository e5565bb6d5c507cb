"""Hashing beside the loop, and which passwords are refused."""

import asyncio
import statistics
import time
from collections.abc import Iterator

import pytest

from parlor.accounts import AuthSettings, Passwords
from parlor.accounts.errors import HashingBusy, UnsuitablePassword
from parlor.core.errors import rule_for

RIGHT = "a quiet river in may"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(AuthSettings(argon2_memory_kib=64, argon2_time_cost=1, hashing_queue=4))
    yield made
    made.close()


async def test_a_hash_is_argon2id_and_knows_its_password_only(passwords: Passwords) -> None:
    stored = await passwords.hash(RIGHT)
    assert stored.startswith("$argon2id$")
    assert stored != await passwords.hash(RIGHT)
    assert await passwords.verify(stored, RIGHT)
    for wrong in (RIGHT + " ", RIGHT.upper(), "", "x" * 129, "x" * 1_000_000):
        assert not await passwords.verify(stored, wrong)


async def test_nothing_verifies_without_a_hash(passwords: Passwords) -> None:
    assert not await passwords.verify(None, RIGHT)
    assert not await passwords.verify(None, "nobody has this password")
    assert not await passwords.verify("not a hash", RIGHT)


async def test_the_same_keys_on_another_keyboard_are_the_same_password(passwords: Passwords) -> None:
    stored = await passwords.hash("caf\u00e9 au lait")
    assert await passwords.verify(stored, "cafe\u0301 au lait")


async def test_an_unknown_account_costs_what_a_wrong_password_costs() -> None:
    passwords = Passwords(AuthSettings(argon2_memory_kib=8192, argon2_time_cost=2))
    stored = await passwords.hash(RIGHT)

    async def cost(hashed: str | None) -> float:
        started = time.perf_counter()
        await passwords.verify(hashed, "not the password")
        return time.perf_counter() - started

    await cost(None)
    known, unknown = [], []
    for _ in range(15):
        known.append(await cost(stored))
        unknown.append(await cost(None))
    passwords.close()
    assert 0.5 < statistics.median(unknown) / statistics.median(known) < 2


async def test_the_loop_runs_on_while_passwords_are_hashed() -> None:
    passwords = Passwords(AuthSettings(argon2_memory_kib=65_536, argon2_time_cost=2, hashing_threads=2))
    hashing = asyncio.gather(*(passwords.hash(RIGHT) for _ in range(4)))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    await hashing
    passwords.close()
    assert turns > 50


async def test_a_crowd_is_told_to_come_back(passwords: Passwords) -> None:
    results = await asyncio.gather(*(passwords.hash(RIGHT) for _ in range(10)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, HashingBusy)]
    assert len(refused) == 6
    assert rule_for(refused[0]).status == 429
    assert refused[0].facts == {"retry_after_seconds": 1}
    assert (await passwords.hash(RIGHT)).startswith("$argon2id$")


@pytest.mark.parametrize("memory_kib", [96, 128])
async def test_other_settings_ask_for_a_new_hash(passwords: Passwords, memory_kib: int) -> None:
    """Also when the text of a hash is as long as before."""
    stored = await passwords.hash(RIGHT)
    stronger = Passwords(AuthSettings(argon2_memory_kib=memory_kib, argon2_time_cost=1))
    assert not passwords.needs_rehash(stored)
    assert stronger.needs_rehash(stored)
    stronger.close()


@pytest.mark.parametrize(
    ("password", "kind"),
    [
        ("x" * 9, "too_short"),
        ("x" * 129, "too_long"),
        ("x" * 10_000_000, "too_long"),
        ("nul \x00 inside it", "characters"),
        ("half \ud800 a pair", "characters"),
        ("\t" * 12, "blank"),
        ("password123", "common"),
        ("1Q2W3E4R5T", "common"),
        ("Ann.Example@example.com", "own_name"),
        ("ANN.EXAMPLE", "own_name"),
    ],
)
def test_what_everybody_would_guess_is_refused(passwords: Passwords, password: str, kind: str) -> None:
    with pytest.raises(UnsuitablePassword) as caught:
        passwords.refuse_unsuitable(password, "ann.example@example.com", None)
    assert caught.value.facts["errors"][0]["type"] == f"password_{kind}"
    assert password not in caught.value.detail


@pytest.mark.parametrize("password", ["x" * 10, "x" * 128, "   spaces count   ", "пароль из десяти", "🐢" * 10])
def test_the_rest_is_accepted(passwords: Passwords, password: str) -> None:
    passwords.refuse_unsuitable(password, "ann@example.com", "ann")
