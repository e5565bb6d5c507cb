"""What is wrong is found and named; what is in the ledger stays there."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from parlor.core.db import Database, Transaction, statement
from parlor.core.health import Status
from parlor.core.ids import new_id
from parlor.core.invariants import Violation, check_invariants
from parlor.wallet.checks import health, invariants
from tests.wallet.conftest import BONUS, House


@pytest.fixture
async def account_id(db: Database) -> UUID:
    """An account with a bonus, a grant, a charge with overrun and an open hold, in a house that nobody verifies at the end."""
    house = House(db)
    account_id, turn_id = await house.account(BONUS + 100), new_id()

    def spend(tx: Transaction) -> None:
        house.wallet.hold(tx, account_id, 1000, turn_id=turn_id)
        house.wallet.settle(tx, turn_id=turn_id, cost_micros=1200, explanation="")
        house.wallet.hold(tx, account_id, 50, purpose="title")

    await db.write(spend)
    await house.verify()
    return account_id


async def spoil(db: Database, sql: str) -> None:
    change = statement(text(sql))
    await db.write(lambda tx: tx.run(change))


async def found(db: Database) -> list[Violation]:
    return await check_invariants(db, invariants())


@pytest.mark.parametrize("table", ["ledger_entries", "ledger_transactions"])
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}"])
async def test_the_ledger_refuses_to_be_changed(db: Database, account_id: UUID, table: str, change: str) -> None:
    with pytest.raises(Exception, match="append-only"):
        await spoil(db, change.format(table))
    assert await found(db) == []


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("UPDATE wallets SET available_micros = available_micros + 1", "INV-M2", "derived"),
        ("UPDATE wallets SET available_micros = available_micros - 1, held_micros = held_micros + 1", "INV-M2", "50 held"),
        ("UPDATE wallets SET entry_count = 7", "INV-M2", "7 entries"),
        ("UPDATE holds SET amount_micros = amount_micros + 1 WHERE state = 'open'", "INV-M2", "51 held"),
        ("UPDATE holds SET charge_micros = 999 WHERE state = 'settled'", "INV-M4", "disagree"),
        ("UPDATE holds SET overrun_micros = 0 WHERE state = 'settled'", "INV-M4", "disagree"),
        ("DELETE FROM holds WHERE state = 'settled'", "INV-M4", "without a settled hold"),
    ],
)
async def test_a_difference_is_named(db: Database, account_id: UUID, sql: str, code: str, words: str) -> None:
    await spoil(db, sql)
    (violation,) = await found(db)
    assert violation.code == code
    assert words in violation.sentence


async def test_a_lost_wallet_is_named_with_its_hold(db: Database) -> None:
    house = House(db)
    account_id = await house.bare_account()
    await db.write(lambda tx: house.wallet.hold(tx, account_id, 0, turn_id=new_id()))
    await spoil(db, "UPDATE holds SET amount_micros = 5")
    assert ["no wallet behind it" in each.sentence for each in await found(db)] == [True]


async def test_an_entry_that_was_slipped_in_is_named(db: Database, account_id: UUID) -> None:
    """As somebody with access to the database would: inserting is not refused."""
    make = "randomblob(16)" if not db.is_postgres else "gen_random_uuid()"
    await spoil(
        db,
        f"INSERT INTO ledger_entries (id, transaction_id, account_id, number, platform, amount_micros, balance_micros) "
        f"SELECT {make}, transaction_id, account_id, 9, NULL, 10, balance_micros + 10 FROM ledger_entries WHERE number = 3",
    )
    assert {each.code for each in await found(db)} == {"INV-M1", "INV-M2", "INV-M4"}


async def test_a_transaction_without_legs_is_named(db: Database, account_id: UUID) -> None:
    make, now = ("randomblob(16)", "0") if not db.is_postgres else ("gen_random_uuid()", "now()")
    await spoil(db, f"INSERT INTO ledger_transactions (id, kind, reference, explanation, created_at) VALUES ({make}, 'grant', 'r', '', {now})")
    assert [each.code for each in await found(db)] == ["INV-M1"]


async def test_a_reference_is_unique_per_kind(db: Database, account_id: UUID) -> None:
    make = "randomblob(16)" if not db.is_postgres else "gen_random_uuid()"
    with pytest.raises(Exception, match=r"(?i)unique"):
        await spoil(
            db,
            f"INSERT INTO ledger_transactions (id, kind, reference, explanation, created_at) "
            f"SELECT {make}, kind, reference, '', created_at FROM ledger_transactions WHERE kind = 'grant'",
        )


async def test_a_hold_that_outlives_its_time_is_named_and_degrades_the_health(db: Database, account_id: UUID) -> None:
    (check,) = health(db)
    assert (await check.look()).status == Status.OK
    long_ago: Any = "1" if not db.is_postgres else "now() - interval '1 hour'"
    await spoil(db, f"UPDATE holds SET expires_at = {long_ago} WHERE expires_at IS NOT NULL")
    assert [(each.code, "should have expired" in each.sentence) for each in await found(db)] == [("INV-M3", True)]
    look = await check.look()
    assert (look.status, look.details) == (Status.DEGRADED, {"overdue_holds": 1})
    assert look.advice


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE wallets SET available_micros = -1",
        "UPDATE wallets SET held_micros = -1",
        "UPDATE holds SET amount_micros = -1 WHERE state = 'open'",
        "UPDATE holds SET charge_micros = amount_micros + 1 WHERE state = 'settled'",
        "UPDATE holds SET charge_micros = 1 WHERE state = 'open'",
        "UPDATE holds SET state = 'voided' WHERE state = 'open'",
        "UPDATE holds SET state = 'lost' WHERE state = 'open'",
    ],
)
async def test_the_tables_themselves_refuse_impossible_money(db: Database, account_id: UUID, sql: str) -> None:
    with pytest.raises(Exception, match=r"(?i)check"):
        await spoil(db, sql)
    assert await found(db) == []
