"""Any sequence of holds, settlements, grants, refunds and vouchers leaves the wallet as a plain model says, and its books in order, on both engines."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import bindparam, update

from parlor.core.clock import SystemClock
from parlor.core.crypto import SecretKey
from parlor.core.db import Database, DatabaseSettings, Id, Transaction, statement
from parlor.core.db.opening import open_database
from parlor.core.idempotency import Idempotency
from parlor.core.ids import new_id
from parlor.core.limits import LimitSettings, RateLimits
from parlor.core.settings import RootSettings
from parlor.wallet import (
    HoldClosed,
    InsufficientFunds,
    InvalidVoucher,
    NoSuchCharge,
    ReferenceUsed,
    Refunds,
    RefundTooLarge,
    Settlement,
    VoucherOrder,
    Vouchers,
    VoucherUsed,
)
from parlor.wallet.tables import HoldRow
from parlor.wallet.verification import find_difference
from tests.wallet.conftest import BONUS, House

AMOUNTS = st.one_of(st.integers(0, 20), st.integers(0, BONUS + 10), st.sampled_from([BONUS // 3, BONUS - 1, BONUS, BONUS + 1]))

_expire = statement(update(HoldRow).where(HoldRow.id == bindparam("hold", type_=Id())).values(expires_at=HoldRow.created_at))


@dataclass
class ModelHold:
    amount: int
    is_of_turn: bool
    state: str = "open"
    settlement: Settlement = field(default_factory=lambda: Settlement(0, 0))
    refunded: int = 0

    @property
    def left(self) -> int:
        return self.settlement.charge_micros - self.refunded


@dataclass
class ModelVoucher:
    amount: int
    uses_left: int
    is_used: bool = False


class Model:
    """What the wallet should be: the sum of what came and went, and who holds what of it."""

    def __init__(self) -> None:
        self.posted = BONUS
        self.holds: dict[UUID, ModelHold] = {}
        self.grants: dict[str, int] = {}
        self.refunds: dict[str, tuple[UUID, int]] = {}
        self.vouchers: dict[UUID, ModelVoucher] = {}

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds.values() if hold.state == "open")

    @property
    def available(self) -> int:
        return self.posted - self.held


class WalletMachine(RuleBasedStateMachine):
    """Each run has an account of its own on the one database."""

    holds: Bundle[UUID] = Bundle("holds")
    vouchers: Bundle[UUID] = Bundle("vouchers")

    def __init__(self, runner: asyncio.Runner, db: Database) -> None:
        super().__init__()
        self._runner = runner
        self._house = House(db)
        self._wallet = self._house.wallet
        self._refunds = Refunds(self._house.events)
        limits = RateLimits(LimitSettings(enabled=False))
        self._vouchers = Vouchers(db, self._wallet, self._house.events, Idempotency(db), limits, SecretKey(b"secret"))

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

    @rule(hold_id=holds, amount=st.one_of(st.none(), st.integers(1, 20), st.integers(1, BONUS)), name=st.sampled_from("abcd"))
    def refund(self, hold_id: UUID, amount: int | None, name: str) -> None:
        """In part, in whole, again, beyond what was charged, and of what never was a charge."""
        reference, known, before = f"{name} of {self.account_id}", self.model.holds.get(hold_id), self.model.refunds.get(name)
        try:
            entry = self._write(lambda tx: self._refunds.refund(tx, self.account_id, hold_id, reference=reference, amount_micros=amount))
        except NoSuchCharge:
            assert known is None or known.settlement.charge_micros == 0
            return
        except ReferenceUsed:
            assert before is not None
            assert before[0] != hold_id or amount not in (None, before[1])
            return
        except RefundTooLarge:
            assert known is not None
            assert before is None
            assert known.left == 0 or (amount or 0) > known.left
            return
        assert known is not None
        assert entry.is_new == (before is None)
        if before is None:
            given_back = known.left if amount is None else amount
            assert 0 < given_back <= known.left
            known.refunded += given_back
            self.model.posted += given_back
            self.model.refunds[name] = before = (hold_id, given_back)
        assert (hold_id, entry.amount_micros) == before

    @rule(target=vouchers, amount=st.integers(1, BONUS), uses=st.integers(1, 2))
    def make_voucher(self, amount: int, uses: int) -> UUID:
        created = self._runner.run(self._vouchers.create(VoucherOrder(amount, uses)))
        self.model.vouchers[created.voucher.id] = ModelVoucher(amount, uses)
        return created.voucher.id

    @rule(voucher_id=vouchers, is_revoked=st.booleans())
    def somebody_else_takes_a_use(self, voucher_id: UUID, is_revoked: bool) -> None:
        """Or an administrator all of them."""
        voucher = self.model.vouchers[voucher_id]
        if is_revoked:
            self._runner.run(self._vouchers.revoke(voucher_id))
            voucher.uses_left = 0
        elif voucher.uses_left:
            somebody = self._runner.run(self._house.bare_account())
            self._write(lambda tx: self._vouchers.redeem(tx, somebody, voucher_id))
            voucher.uses_left -= 1

    @rule(voucher_id=vouchers)
    def use_voucher(self, voucher_id: UUID) -> None:
        voucher = self.model.vouchers[voucher_id]
        try:
            entry = self._write(lambda tx: self._vouchers.redeem(tx, self.account_id, voucher_id))
        except VoucherUsed:
            assert voucher.is_used
            return
        except InvalidVoucher:
            assert voucher.uses_left == 0
            assert not voucher.is_used
            return
        assert voucher.uses_left > 0
        assert not voucher.is_used
        voucher.uses_left, voucher.is_used = voucher.uses_left - 1, True
        self.model.posted += voucher.amount
        assert (entry.amount_micros, entry.balance_micros) == (voucher.amount, self.model.posted)

    @invariant()
    def the_balance_is_the_models_and_the_books_agree(self) -> None:
        if not hasattr(self, "account_id"):
            return
        balance = self._runner.run(self._wallet.read(self.account_id))
        assert (balance.available_micros, balance.held_micros) == (self.model.available, self.model.held)
        assert balance.available_micros >= 0
        assert self._runner.run(find_difference(self._house.db, lambda _: None)) is None


def run_machine(database_settings: DatabaseSettings, root_settings: RootSettings, *, examples: int, steps: int) -> None:
    with asyncio.Runner() as runner:
        opened = open_database(database_settings, root_settings, SystemClock())
        db = runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(
                lambda: WalletMachine(runner, db),
                settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)),
            )
        finally:
            runner.run(opened.__aexit__(None, None, None))


def test_the_wallet_does_what_its_model_does(database_settings: DatabaseSettings, root_settings: RootSettings) -> None:
    run_machine(database_settings, root_settings, examples=25, steps=20)


@pytest.mark.long
def test_the_wallet_does_what_its_model_does_for_longer(database_settings: DatabaseSettings, root_settings: RootSettings) -> None:
    run_machine(database_settings, root_settings, examples=150, steps=50)
