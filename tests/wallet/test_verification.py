"""Whatever somebody does to the stored money behind the server's back, `verify` names it, with the ids that lead there."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from parlor.core.crypto import SecretKey
from parlor.core.db import Database, DatabaseSettings, Transaction, statement
from parlor.core.idempotency import Idempotency
from parlor.core.ids import new_id
from parlor.core.limits import LimitSettings, RateLimits
from parlor.wallet import Refunds, VoucherOrder, Vouchers
from parlor.wallet.check_queries import PAGE
from parlor.wallet.verification import Difference, find_difference, of_refunds
from tests.wallet.conftest import BONUS, House, settle

Tamper = Callable[..., Any]

TRIGGERS = [f"{table}_no_{change}" for table in ("ledger_entries", "ledger_transactions") for change in ("update", "delete")]
CONSTRAINTS = ["charge_within_amount", "state", "resolved_when_not_open", "only_settled_charges"]


@pytest.fixture
def tamper(db: Database, database_settings: DatabaseSettings) -> Tamper:
    """As somebody with the file, or as the owner of the Postgres database: no trigger, foreign key or check is in the way."""

    async def tamper(*sql: str) -> None:
        assert database_settings.url is not None
        if db.is_postgres:
            free = ["SET LOCAL session_replication_role = replica", *(f"ALTER TABLE holds DROP CONSTRAINT ck_holds_{name}" for name in CONSTRAINTS)]
            changes = [statement(text(each)) for each in (*free, *sql)]
            await db.write(lambda tx: [tx.run(each) for each in changes])
            return
        with closing(sqlite3.connect(database_settings.url.get_secret_value().removeprefix("sqlite:///"))) as file, file:
            file.executescript("; ".join(["PRAGMA ignore_check_constraints = ON", *(f"DROP TRIGGER {name}" for name in TRIGGERS), *sql]))

    return tamper


@pytest.fixture
async def account_id(db: Database) -> UUID:
    """Entries: 1 bonus, 2 grant of 100, 3 charge of 1000 (of 1200), 4 refund of 400, 5 voucher of 500. A hold of 50 is open. Others have wallets, too."""
    house = House(db)
    account_id, turn_id, other = await house.account(BONUS + 100), new_id(), await house.account(BONUS)
    vouchers = Vouchers(db, house.wallet, house.events, Idempotency(db), RateLimits(LimitSettings()), SecretKey(b"secret"))

    def spend(tx: Transaction) -> None:
        house.wallet.hold(tx, account_id, 1000, turn_id=turn_id)
        house.wallet.settle(tx, turn_id=turn_id, cost_micros=1200, explanation="")
        house.wallet.hold(tx, account_id, 50, purpose="title")
        Refunds(house.events).refund(tx, account_id, turn_id, reference="ticket 1", amount_micros=400)
        house.wallet.hold(tx, other, 600, turn_id=other)

    await db.write(spend)
    await settle(house, other, 600)
    await vouchers.use(account_id, (await vouchers.create(VoucherOrder(500))).code)
    assert await look(db) is None
    await house.verify()
    return account_id


async def look(db: Database) -> Difference | None:
    return await find_difference(db, lambda _: None)


OF_GRANT = "(SELECT transaction_id FROM ledger_entries WHERE amount_micros = 100)"
DAMAGES: list[tuple[str, Sequence[str], str, dict[str, Any], str]] = [
    ("a leg alone", ["UPDATE ledger_entries SET amount_micros = 101 WHERE amount_micros = 100"], "INV-M1", {"expected": 0, "found": 1}, "2 legs that add up"),
    ("a transaction without legs", [f"DELETE FROM ledger_entries WHERE transaction_id IN {OF_GRANT}"], "INV-M1", {}, "has 0 legs"),
    (
        "both legs",
        [f"UPDATE ledger_entries SET amount_micros = CASE WHEN account_id IS NULL THEN -101 ELSE 101 END WHERE transaction_id = {OF_GRANT}"],
        "INV-M2", {"entry_number": 2, "expected": BONUS + 101, "found": BONUS + 100}, "says balance",
    ),
    (
        "a balance in the chain", ["UPDATE ledger_entries SET balance_micros = balance_micros + 7 WHERE amount_micros = 500"],
        "INV-M2", {"entry_number": 5, "expected": BONUS, "found": BONUS + 7}, "says balance",
    ),
    (
        "a transaction taken out with its legs",
        [f"DELETE FROM ledger_transactions WHERE id = {OF_GRANT}", "DELETE FROM ledger_entries WHERE amount_micros IN (100, -100)"],
        "INV-M2", {"entry_number": 3, "expected": 2, "found": 3}, "follows entry 1",
    ),
    ("a transaction taken out without them", [f"DELETE FROM ledger_transactions WHERE id = {OF_GRANT}"], "INV-M1", {"entry_number": 2}, "which is missing"),
    (
        "a number", ["UPDATE ledger_entries SET number = 9 WHERE amount_micros = 400"],
        "INV-M2", {"entry_number": 5, "expected": 4, "found": 5}, "follows entry 3",
    ),
    ("what is available", ["UPDATE wallets SET available_micros = available_micros + 1"], "INV-M2", {"expected": BONUS, "found": BONUS + 1}, "posted: "),
    ("what is held", ["UPDATE wallets SET available_micros = available_micros - 1, held_micros = held_micros + 1"], "INV-M2", {"found": 51}, "held: 50"),
    ("how many entries", ["UPDATE wallets SET entry_count = 4"], "INV-M2", {"expected": 5, "found": 4}, "entries: 5"),
    ("a wallet that is gone", ["DELETE FROM wallets"], "INV-M2", {}, "no wallet"),
    ("the charge of a hold", ["UPDATE holds SET charge_micros = 999 WHERE charge_micros = 1000"], "INV-M4", {"expected": 1000, "found": 999}, "its charge"),
    ("the overrun of a hold", ["UPDATE holds SET overrun_micros = 0 WHERE overrun_micros = 200"], "INV-M4", {"expected": 200, "found": 0}, "its overrun"),
    ("a settled hold that is gone", ["DELETE FROM holds WHERE charge_micros = 1000"], "INV-M4", {}, "without a settled hold"),
    ("the amount of an open hold", ["UPDATE holds SET amount_micros = 51 WHERE state = 'open'"], "INV-M2", {"expected": 51, "found": 50}, "51 held"),
    ("an open hold that is gone", ["DELETE FROM holds WHERE state = 'open'"], "INV-M2", {"expected": 0, "found": 50}, "0 held"),
    ("a hold resolved by halves", ["UPDATE holds SET charge_micros = 1 WHERE state = 'open'"], "INV-M3", {}, "half resolved"),
    ("the uses of a voucher", ["UPDATE vouchers SET use_count = 0"], "INV-M9", {"expected": 1, "found": 0}, "derived: 1"),
    ("a use of a voucher that is gone", ["DELETE FROM voucher_uses"], "INV-M9", {}, "the uses of vouchers disagree"),
    ("what a voucher was worth", ["UPDATE vouchers SET amount_micros = 499"], "INV-M9", {"found": 1}, "not in the ledger as they should be"),
    ("what was refunded", ["UPDATE refunds SET amount_micros = 399"], "INV-M8", {"expected": 399, "found": 400}, "disagree"),
    ("a refund that is gone", ["DELETE FROM refunds"], "INV-M8", {"expected": None, "found": 400}, "disagree"),
    (
        "a refund of somebody else's charge", ["UPDATE refunds SET charge_id = (SELECT id FROM holds WHERE charge_micros = 600)"],
        "INV-M8", {"expected": 0, "found": 1}, "not in the wallet that was charged",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "code", "facts", "words"), [each[1:] for each in DAMAGES], ids=[each[0] for each in DAMAGES])
async def test_each_kind_of_damage_is_named(
    db: Database, account_id: UUID, tamper: Tamper, sql: Sequence[str], code: str, facts: dict[str, Any], words: str
) -> None:
    await tamper(*(f"{each}{_only(each, account_id, db)}" for each in sql))
    found = await look(db)
    assert found is not None
    assert (found.code, {name: getattr(found, name) for name in facts}) == (code, facts), found
    assert words in found.sentence


def _only(sql: str, account_id: UUID, db: Database) -> str:
    """Damage to wallets is damage to the one wallet."""
    if " wallets" not in sql:
        return ""
    return f" WHERE account_id = '{account_id}'" if db.is_postgres else f" WHERE account_id = x'{account_id.hex}'"


async def test_more_refunded_than_charged_is_named(db: Database, account_id: UUID, tamper: Tamper) -> None:
    await tamper("UPDATE refunds SET amount_micros = 1001")
    (found,) = await db.read(lambda tx: list(of_refunds(tx, lambda _: None)))
    assert (found.code, found.expected, found.found, found.account_id) == ("INV-M8", 1000, 1001, account_id)


async def test_a_ledger_of_several_pages_is_read_to_its_end(db: Database, tamper: Tamper) -> None:
    house = House(db)
    account_id = await house.account(BONUS)
    rows: list[int] = []

    def grant_often(tx: Transaction) -> None:
        for n in range(PAGE + 50):
            house.wallet.grant(tx, account_id, 3, reference=f"r{n}")

    await db.write(grant_often)
    assert await find_difference(db, rows.append) is None
    assert sorted(rows) == [1, 51, 51, PAGE, PAGE], "the transactions, the entries, the wallet"
    await tamper(f"UPDATE ledger_entries SET balance_micros = 1 WHERE number = {PAGE + 40}")
    found = await look(db)
    assert found is not None
    assert (found.entry_number, found.expected, found.found) == (PAGE + 40, BONUS + 3 * (PAGE + 39), 1)


async def test_of_two_damaged_wallets_the_first_is_named(db: Database, tamper: Tamper) -> None:
    house = House(db)
    ids = [await house.account(BONUS) for _ in range(3)]
    await tamper("UPDATE wallets SET available_micros = 1")
    found = await look(db)
    assert found is not None
    assert found.account_id == min(ids)
