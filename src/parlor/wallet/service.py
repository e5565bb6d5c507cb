"""The rules of money: what may be held, what is charged, and that nothing is paid or given twice."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.wallet import budgets, ledger, queries
from parlor.wallet.budgets import Spending
from parlor.wallet.credits import Note, Posted, add_credit, check_amount, check_reference
from parlor.wallet.errors import HoldClosed, InsufficientFunds, NoSuchHold
from parlor.wallet.events import WalletCharged, WalletGranted, WalletLowBalance
from parlor.wallet.ledger import Entry, Kind, PlatformLeg, Reason, UserLeg
from parlor.wallet.price import MOST_MICROS
from parlor.wallet.purpose import NOTHING_NAMED, HoldFor
from parlor.wallet.settings import WalletSettings

PAGE = 100
AFTER_THE_LAST = 2**62


class Balance(msgspec.Struct, frozen=True):
    account_id: UUID
    available_micros: int
    held_micros: int

    @property
    def posted_micros(self) -> int:
        """What the ledger says: held credit is still the user's."""
        return self.available_micros + self.held_micros


class Hold(msgspec.Struct, frozen=True):
    """`state` is open, settled, voided or expired."""

    id: UUID
    account_id: UUID
    amount_micros: int
    state: str = "open"


class Settlement(msgspec.Struct, frozen=True):
    """What the user paid, and what it cost beyond the hold, which the platform bears."""

    charge_micros: int
    overrun_micros: int


class WalletService:
    """Everything that takes `tx` is part of the caller's transaction, and locks a hold before the wallet."""

    def __init__(self, db: Database, settings: WalletSettings, events: Events) -> None:
        self._db = db
        self._settings = settings
        self._events = events

    def ensure(self, tx: Transaction, account_id: UUID, *, with_bonus: bool = True) -> bool:
        """Make the wallet with its bonus, if there is none. True if it was made; however many ask, the bonus is given once."""
        bonus_micros = self._settings.initial_bonus_micros if with_bonus else 0
        if not queries.open_wallet(tx, account_id, bonus_micros):
            return False
        if bonus_micros:
            bonus = Reason("bonus", str(account_id), "Welcome bonus")
            ledger.post(tx, bonus, UserLeg(account_id, bonus_micros, bonus_micros, 1), PlatformLeg("bonus", -bonus_micros))
        return True

    def hold(
        self,
        tx: Transaction,
        account_id: UUID,
        amount_micros: int,
        *,
        turn_id: UUID | None = None,
        purpose: str = "turn",
        for_: HoldFor = NOTHING_NAMED,
    ) -> Hold:
        """Set `amount_micros` aside: for a turn, once per turn (asking again returns the first hold), or for one call, which expires.

        A hold of 0 is the record of something free. Raises InsufficientFunds when less is available, and BudgetExceeded: the transaction must then be
        rolled back.
        """
        _check_amount(amount_micros)
        hold_id = turn_id or new_id()
        expires_at = None if turn_id is not None else tx.now() + timedelta(seconds=self._settings.hold_ttl_seconds)
        is_new = queries.claim_hold(
            tx, hold_id=hold_id, account_id=account_id, turn_id=turn_id, purpose=purpose, amount_micros=amount_micros, expires_at=expires_at, what=for_
        )
        if not is_new:
            return self.get_hold(tx, hold_id)
        self._move_to_hold(tx, Spending(hold_id, account_id, for_.api_key_id, tx.now()), amount_micros, is_new=True)
        return Hold(hold_id, account_id, amount_micros)

    def get_hold(self, tx: Transaction, hold_id: UUID) -> Hold:
        """Of a turn: `hold_id` is the turn's id. Raises NoSuchHold."""
        row = _there(queries.find_hold(tx, hold_id))
        return Hold(row.id, row.account_id, row.amount_micros, row.state)

    def extend(self, tx: Transaction, *, turn_id: UUID, amount_micros: int) -> None:
        """Hold `amount_micros` in all, if it is less now. Raises InsufficientFunds, BudgetExceeded (the hold stays), HoldClosed, NoSuchHold."""
        _check_amount(amount_micros)
        row = self._lock_open(tx, turn_id)
        if row.amount_micros < amount_micros:
            self._move_to_hold(tx, Spending.of(row), amount_micros - row.amount_micros)
            queries.set_amount(tx, turn_id, amount_micros)

    def shrink(self, tx: Transaction, *, turn_id: UUID, amount_micros: int) -> None:
        """Hold `amount_micros` in all, if it is more now. Raises HoldClosed, NoSuchHold."""
        _check_amount(amount_micros)
        row = self._lock_open(tx, turn_id)
        if row.amount_micros > amount_micros:
            queries.set_amount(tx, turn_id, amount_micros)
            self._release(tx, row, row.amount_micros - amount_micros)

    def settle(
        self,
        tx: Transaction,
        *,
        cost_micros: int,
        explanation: str,
        turn_id: UUID | None = None,
        hold_id: UUID | None = None,
        model: str | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
    ) -> Settlement:
        """End the hold of a turn (or the one of `hold_id`): charge its cost, at most what is held, and give the rest back.

        What it cost beyond the hold is booked to the platform's overrun. The tokens are kept for the account's usage. Settled once: asking again
        returns the first result; after `void` or expiry it charges nothing. Raises NoSuchHold.
        """
        _check_cost(cost_micros)
        wanted = _one_of(turn_id, hold_id)
        used = {"input_tokens": input_tokens, "output_tokens": output_tokens}
        row = queries.resolve(tx, wanted, "settled", min(cost_micros, MOST_MICROS), model=model, **used)
        if row is None:
            row = _there(queries.find_hold(tx, wanted))
        elif row.charge_micros or row.overrun_micros:
            self._book(tx, row, model, explanation)
        elif row.amount_micros:
            self._release(tx, row, row.amount_micros)
        return Settlement(row.charge_micros, row.overrun_micros)

    def void(self, tx: Transaction, *, turn_id: UUID | None = None, hold_id: UUID | None = None) -> bool:
        """Give back all that is held. False if it was settled, voided or expired before, or never there."""
        return self._give_back(tx, _one_of(turn_id, hold_id), "voided")

    def grant(self, tx: Transaction, account_id: UUID, amount_micros: int, *, reference: str, explanation: str = "Grant", note: Note | None = None) -> Posted:
        """Add credit, once per `reference`: asking again with the same account and amount returns the first entry. Raises ReferenceUsed, Invalid."""
        check_amount(amount_micros)
        check_reference(reference)
        self.ensure(tx, account_id)
        posted = add_credit(tx, account_id, amount_micros, "payments", Reason("grant", reference, explanation), note)
        if posted.is_new:
            granted = WalletGranted(account_id=account_id, amount_micros=amount_micros, balance_micros=posted.balance_micros, reference=reference)
            self._events.record(tx, granted)
        return posted

    def find_entry(self, tx: Transaction, account_id: UUID, kind: Kind, reference: str) -> Posted | None:
        """What an earlier call has posted under this reference."""
        entry = queries.entry_by_reference(tx, account_id, kind, reference)
        return None if entry is None else Posted(*entry, is_new=False)

    def expire_holds(self, tx: Transaction) -> int:
        """Give back what was held for single calls whose process died; a page at a time. Returns how many."""
        return sum(self._give_back(tx, hold_id, "expired") for hold_id in queries.expired(tx, PAGE))

    async def read(self, account_id: UUID) -> Balance:
        """Makes the wallet when it is missing."""
        row = await self._db.read(lambda tx: queries.find(tx, account_id))
        return (await self.open(account_id))[0] if row is None else Balance(*row)

    async def open(self, account_id: UUID) -> tuple[Balance, bool]:
        """The wallet, and whether it was made now."""

        def ensure_and_read(tx: Transaction) -> tuple[Balance, bool]:
            is_new = self.ensure(tx, account_id)
            return Balance(*queries.find(tx, account_id)), is_new

        return await self._db.write(ensure_and_read)

    async def list_entries(self, account_id: UUID, *, before: int | None = None, limit: int = PAGE) -> list[Entry]:
        """The newest first; `before` is the `number` of the last entry seen."""
        number = AFTER_THE_LAST if before is None else before
        return [Entry(*row) for row in await self._db.read(lambda tx: queries.entries(tx, account_id, number, limit))]

    def _move_to_hold(self, tx: Transaction, spending: Spending, amount_micros: int, *, is_new: bool = False) -> None:
        if amount_micros == 0:
            return
        account_id = spending.account_id
        has_budget = queries.move_to_hold(tx, account_id, amount_micros)
        # an account from before this module was on has no wallet yet
        if has_budget is None and self.ensure(tx, account_id):
            has_budget = queries.move_to_hold(tx, account_id, amount_micros)
        if has_budget is None:
            raise InsufficientFunds(needed_micros=amount_micros, available_micros=queries.find(tx, account_id).available_micros)
        if has_budget:
            budgets.count(tx, spending, amount_micros, is_new=is_new)

    def _book(self, tx: Transaction, row: Any, model: str | None, explanation: str) -> None:
        charge_micros, overrun_micros = row.charge_micros, row.overrun_micros
        if overrun_micros:
            explanation += f"; {overrun_micros} micro-credits above the hold are not charged"
        legs: list[ledger.Leg] = [PlatformLeg("revenue", charge_micros + overrun_micros), PlatformLeg("overrun", -overrun_micros)]
        if charge_micros:
            taken = queries.take(tx, row.account_id, held_micros=row.amount_micros, charge_micros=charge_micros)
            legs.insert(0, UserLeg(row.account_id, -charge_micros, taken.posted_micros, taken.entry_count))
            if taken.has_budget:
                budgets.give_back(tx, Spending.of(row), row.amount_micros - charge_micros)
            self._tell(tx, row, taken, model)
        ledger.post(tx, Reason("charge", str(row.id), explanation, row.turn_id, model, id=row.id), *legs)

    def _tell(self, tx: Transaction, row: Any, taken: Any, model: str | None) -> None:
        account_id, charge_micros, posted_micros = row.account_id, row.charge_micros, taken.posted_micros
        charged = WalletCharged(account_id=account_id, charge_micros=charge_micros, balance_micros=posted_micros, turn_id=row.turn_id, model=model)
        self._events.record(tx, charged)
        threshold_micros = self._settings.low_balance_micros
        if posted_micros < threshold_micros <= posted_micros + charge_micros:
            low = WalletLowBalance(
                account_id=account_id, available_micros=taken.available_micros, balance_micros=posted_micros, threshold_micros=threshold_micros
            )
            self._events.record(tx, low)

    def _give_back(self, tx: Transaction, hold_id: UUID, outcome: str) -> bool:
        row = queries.resolve(tx, hold_id, outcome)
        if row is not None and row.amount_micros:
            self._release(tx, row, row.amount_micros)
        return row is not None

    @staticmethod
    def _release(tx: Transaction, row: Any, amount_micros: int) -> None:
        if queries.release(tx, row.account_id, amount_micros):
            budgets.give_back(tx, Spending.of(row), amount_micros)

    def _lock_open(self, tx: Transaction, hold_id: UUID) -> Any:
        row = _there(queries.lock_hold(tx, hold_id))
        if row.state != "open":
            raise HoldClosed
        return row


def _there(row: Any) -> Any:
    if row is None:
        raise NoSuchHold
    return row


def _one_of(turn_id: UUID | None, hold_id: UUID | None) -> UUID:
    found = turn_id or hold_id
    assert found is not None, "name the turn or the hold"
    return found


def _check_amount(amount_micros: int) -> None:
    if amount_micros < 0:
        raise ValueError(f"a hold of {amount_micros} micro-credits")


def _check_cost(cost_micros: int) -> None:
    if cost_micros < 0:
        raise ValueError(f"a cost of {cost_micros} micro-credits would give credit away")
