"""The family of refresh tokens: any order of using, losing, stealing and waiting, against a model."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from hypothesis.strategies import sampled_from

from parlor.accounts import AuthSettings
from parlor.accounts.account import Account
from parlor.accounts.invariants import INVARIANTS
from parlor.accounts.refresh_tokens import Device, Issued, RefreshTokens, Replay
from parlor.accounts.registry import NewAccount, Registry
from parlor.accounts.sign_in_queries import end_all_sign_ins
from parlor.core.clock import SystemClock
from parlor.core.crypto import SecretKey
from parlor.core.db import Database, DatabaseSettings
from parlor.core.db.opening import open_database
from parlor.core.events import Events
from parlor.core.invariants import check_invariants
from parlor.core.jobs import Jobs
from parlor.core.settings import RootSettings
from tests.accounts.conftest import age
from tests.support.accounts import registry_of

GRACE, LIFETIME = 1000, 100_000
"""Seconds, far above what the test itself takes, since the database's clock runs on."""


@dataclass
class Ground:
    """A database and a loop that outlive the examples; each example has an account of its own."""

    runner: asyncio.Runner
    db: Database
    tokens: RefreshTokens
    registry: Registry

    def write(self, fn: Any) -> Any:
        async def write() -> Any:
            return await self.db.write(fn)

        return self.runner.run(write())


@pytest.fixture
def ground(database_settings: DatabaseSettings, root_settings: RootSettings) -> Iterator[Ground]:
    tokens = RefreshTokens(
        AuthSettings(refresh_grace_seconds=60, refresh_token_seconds=LIFETIME).model_copy(update={"refresh_grace_seconds": GRACE}), SecretKey(b"k")
    )
    with asyncio.Runner() as runner:
        opening = open_database(database_settings, root_settings, SystemClock())
        db = runner.run(opening.__aenter__())
        try:
            yield Ground(runner, db, tokens, registry_of(Events(db, Jobs())))
        finally:
            runner.run(opening.__aexit__(None, None, None))


@dataclass
class Family:
    """What must be true of one sign-in: its chain of tokens, when each was used, and whether it has ended."""

    chain: list[str]
    used: list[float | None] = field(default_factory=lambda: [None])
    expires: float = 0
    has_ended: bool = False


class Refreshing(RuleBasedStateMachine):
    """One token may be presented by its owner, a second tab or a thief: they look the same, so the rules do not tell them apart."""

    ground: Ground
    families: Bundle[Any] = Bundle("families")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.known: list[Family] = []
        self.account: Account | None = None

    @initialize()
    def sign_up(self) -> None:
        self.account = self.ground.write(lambda tx: self.ground.registry.add(tx, NewAccount()))

    @rule(target=families)
    def sign_in(self) -> Family:
        assert self.account is not None
        account = self.account
        issued = self.ground.write(lambda tx: self.ground.tokens.open(tx, account.id, account.token_version, Device("password")))
        family = Family([issued.text], expires=self.now + LIFETIME)
        self.known.append(family)
        return family

    @rule(seconds=sampled_from([GRACE / 4, GRACE / 2, GRACE * 2, LIFETIME / 2, LIFETIME * 2]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.ground.write(lambda tx: age(tx, seconds))

    @rule(family=families, back=sampled_from([0, 0, 0, 1, 1, 2, 5]))
    def present(self, family: Family, back: int) -> None:
        """The newest token, or one of those before it."""
        index = max(0, len(family.chain) - 1 - back)
        result = self.ground.write(lambda tx: self.ground.tokens.rotate(tx, family.chain[index]))
        if family.has_ended or self.now >= family.expires:
            assert result is None
        elif (used := family.used[index]) is None:
            assert isinstance(result, Issued)
            assert result.text not in family.chain
            family.used[index] = self.now
            family.chain.append(result.text)
            family.used.append(None)
            family.expires = self.now + LIFETIME
        elif self.now - used < GRACE:
            assert isinstance(result, Issued)
            assert result.text == family.chain[-1]
        else:
            assert isinstance(result, Replay)
            family.has_ended = True

    @rule(family=families, back=sampled_from([0, 1, 3]))
    def sign_out(self, family: Family, back: int) -> None:
        text = family.chain[max(0, len(family.chain) - 1 - back)]
        assert self.account is not None
        assert self.ground.write(lambda tx: self.ground.tokens.end(tx, text, "logout")) == self.account.id
        family.has_ended = True

    @rule()
    def change_password(self) -> None:
        """Ends every sign-in of the account."""
        assert self.account is not None
        account_id = self.account.id
        self.ground.write(lambda tx: end_all_sign_ins(tx, account_id, "password_changed"))
        for family in self.known:
            family.has_ended = True

    @rule(family=families, racers=sampled_from([2, 5]))
    def race(self, family: Family, racers: int) -> None:
        """Several requests with the newest token at the same moment: one successor."""

        async def race() -> list[Any]:
            tries = [self.ground.db.write(lambda tx: self.ground.tokens.rotate(tx, family.chain[-1])) for _ in range(racers)]
            return await asyncio.gather(*tries)

        results = self.ground.runner.run(race())
        if family.has_ended or self.now >= family.expires:
            assert results == [None] * racers
            return
        texts = {result.text for result in results}
        assert len(texts) == 1
        family.used[-1] = self.now
        family.chain.append(texts.pop())
        family.used.append(None)
        family.expires = self.now + LIFETIME

    @invariant()
    def one_live_token(self) -> None:
        assert self.ground.runner.run(check_invariants(self.ground.db, INVARIANTS)) == []


def test_a_family_has_one_live_token_and_ends_at_the_first_replay(ground: Ground) -> None:
    class Here(Refreshing):
        pass

    Here.ground = ground
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    run_state_machine_as_test(Here, settings=settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=checks))


def test_a_token_of_another_secret_leads_nowhere(ground: Ground) -> None:
    """After the secret was replaced, a lost answer cannot be repeated; the token is refused and nothing is ended."""
    account = ground.write(lambda tx: ground.registry.add(tx, NewAccount()))
    issued = ground.write(lambda tx: ground.tokens.open(tx, account.id, 1, Device("password")))
    ground.write(lambda tx: ground.tokens.rotate(tx, issued.text))
    other = RefreshTokens(AuthSettings(), SecretKey(b"other"))
    assert ground.write(lambda tx: other.rotate(tx, issued.text)) is None


def test_a_grace_of_zero_takes_every_second_use_for_theft(ground: Ground) -> None:
    strict = RefreshTokens(AuthSettings(refresh_grace_seconds=0), SecretKey(b"k"))
    account = ground.write(lambda tx: ground.registry.add(tx, NewAccount()))
    issued = ground.write(lambda tx: strict.open(tx, account.id, 1, Device("password")))
    assert isinstance(ground.write(lambda tx: strict.rotate(tx, issued.text)), Issued)
    assert isinstance(ground.write(lambda tx: strict.rotate(tx, issued.text)), Replay)
