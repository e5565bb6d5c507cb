"""Any sequence of holds, settlements and grants leaves the wallet as a model of a few lines says, on both engines."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import bindparam, update

from parlor.core.clock import SystemClock
from parlor.core.db import Database, DatabaseSettings, Id, Transaction, statement
from parlor.core.db.opening import open_database
from parlor.core.ids import new_id
from parlor.core.settings import RootSettings
from parlor.wallet import HoldClosed, InsufficientFunds, ReferenceUsed, Settlement
from parlor.wallet.tables import HoldRow
from tests.wallet.conftest import BONUS, House

AMOUNTS = st.one_of(st.integers(0, 20), st.integers(0, BONUS + 10), st.sampled_from([BONUS // 3, BONUS - 1, BONUS, BONUS + 1]))

_expire = statement(update(HoldRow).where(HoldRow.id == bindparam("hold", type_=Id())).values(expires_at=HoldRow.created_at))


@dataclass
class ModelHold:
    amount: int
    is_of_turn: bool
    state: str = "open"
    settlement: Settlement = field(default_factory=lambda: Settlement(0, 0))


class Model:
    """What the wallet should be: the sum of what came and went, and who holds what of it."""

    def __init__(self) -> None:
        self.posted = BONUS
        self.holds: dict[UUID, ModelHold] = {}
        self.grants: dict[str, int] = {}

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds.values() if hold.state == "open")

    @property
    def available(self) -> int:
        return self.posted - self.held


class WalletMachine(RuleBasedStateMachine):
    """Each run has an account of its own on the one database."""

    holds: Bundle[UUID] = Bundle("holds")

    def __init__(self, runner: asyncio.Runner, db: Database) -> None:
        super().__init__()
        self._runner = runner
        self._house = House(db)
        self._wallet = self._house.wallet

    def _write(self, fn: Callable[[Transaction], Any]) -> Any:
        return self._runner.run(self._house.db.write(fn))

    @initialize()
    def open_account(self) -> None:
        self.model = Model()
        self.account_id = self._runner.run(self._house.bare_account())
        self._write(lambda tx: self._wallet.ensure(tx, self.account_id))

    @rule()
    def ensure_again(self) -> None:
        assert not self._write(lambda tx: self._wallet.ensure(tx, self.account_id))

    @rule(target=holds, amount=AMOUNTS, is_of_turn=st.booleans())
    def hold(self, amount: int, is_of_turn: bool) -> UUID:
        turn_id = new_id() if is_of_turn else None
        try:
            hold = self._write(lambda tx: self._wallet.hold(tx, self.account_id, amount, turn_id=turn_id))
        except InsufficientFunds as refusal:
            facts = refusal.facts
        else:
            assert amount <= self.model.available
            self.model.holds[hold.id] = ModelHold(amount, is_of_turn)
            return hold.id
        assert facts == {"needed_micros": amount, "available_micros": self.model.available}
        assert amount > self.model.available
        return new_id()  # a hold that never was

    @rule(hold_id=holds, amount=AMOUNTS)
    def hold_again(self, hold_id: UUID, amount: int) -> None:
        known = self.model.holds.get(hold_id)
        if known is not None and known.is_of_turn:
            hold = self._write(lambda tx: self._wallet.hold(tx, self.account_id, amount, turn_id=hold_id))
            assert (hold.amount_micros, hold.state) == (known.amount, known.state)

    @rule(hold_id=holds, amount=AMOUNTS, is_extension=st.booleans())
    def resize(self, hold_id: UUID, amount: int, is_extension: bool) -> None:
        known = self.model.holds.get(hold_id)
        if known is None:
            return
        change = self._wallet.extend if is_extension else self._wallet.shrink
        try:
            self._write(lambda tx: change(tx, turn_id=hold_id, amount_micros=amount))
        except HoldClosed:
            assert known.state != "open"
        except InsufficientFunds:
            assert is_extension
            assert amount - known.amount > self.model.available
        else:
            assert known.state == "open"
            known.amount = max(known.amount, amount) if is_extension else min(known.amount, amount)

    @rule(hold_id=holds, cost=AMOUNTS)
    def settle(self, hold_id: UUID, cost: int) -> None:
        known = self.model.holds.get(hold_id)
        if known is None:
            return
        if known.state == "open":
            known.settlement = Settlement(min(cost, known.amount), max(cost - known.amount, 0))
            known.state = "settled"
            self.model.posted -= known.settlement.charge_micros
        assert self._write(lambda tx: self._wallet.settle(tx, hold_id=hold_id, cost_micros=cost, explanation="")) == known.settlement

    @rule(hold_id=holds)
    def void(self, hold_id: UUID) -> None:
        known = self.model.holds.get(hold_id)
        was_open = known is not None and known.state == "open"
        assert self._write(lambda tx: self._wallet.void(tx, hold_id=hold_id)) == was_open
        if known is not None and was_open:
            known.state = "voided"

    @rule(hold_id=holds)
    def let_expire(self, hold_id: UUID) -> None:
        known = self.model.holds.get(hold_id)
        if known is None or known.is_of_turn:
            return
        self._write(lambda tx: tx.run(_expire, hold=hold_id))
        expired = self._write(self._wallet.expire_holds)
        assert expired == (1 if known.state == "open" else 0)
        known.state = "expired" if known.state == "open" else known.state

    @rule(amount=st.integers(1, BONUS), name=st.sampled_from("abc"))
    def grant(self, amount: int, name: str) -> None:
        reference = f"{name} of {self.account_id}"
        try:
            entry = self._write(lambda tx: self._wallet.grant(tx, self.account_id, amount, reference=reference))
        except ReferenceUsed:
            assert self.model.grants[name] != amount
            return
        if name not in self.model.grants:
            self.model.grants[name] = amount
            self.model.posted += amount
            assert entry.balance_micros == self.model.posted
        assert entry.amount_micros == self.model.grants[name] == amount

    @invariant()
    def the_balance_is_the_models(self) -> None:
        if not hasattr(self, "account_id"):
            return
        balance = self._runner.run(self._wallet.read(self.account_id))
        assert (balance.available_micros, balance.held_micros) == (self.model.available, self.model.held)
        assert balance.available_micros >= 0

    def teardown(self) -> None:
        self._runner.run(self._house.verify())


def test_the_wallet_does_what_its_model_does(database_settings: DatabaseSettings, root_settings: RootSettings) -> None:
    with asyncio.Runner() as runner:
        opened = open_database(database_settings, root_settings, SystemClock())
        db = runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(
                lambda: WalletMachine(runner, db),
                settings=settings(max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)),
            )
        finally:
            runner.run(opened.__aexit__(None, None, None))
