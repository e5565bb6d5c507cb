"""Settlements: a turn is charged once, its cost, and never more than its hold."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from parlor.core.db import Transaction, statement
from parlor.wallet import (
    Settlement,
    WalletCharged,
    WalletGranted,
)
from parlor.wallet.price import MOST_MICROS
from parlor.wallet.tables import HoldRow, LedgerTransaction
from tests.wallet.conftest import BONUS, House, amounts, hold, platform, settle, together

_ledger_size = statement(select(func.count(LedgerTransaction.id)))
_holds = statement(select(HoldRow.id, HoldRow.state, HoldRow.charge_micros, HoldRow.overrun_micros))


@pytest.mark.parametrize(
    ("held", "cost", "charge", "overrun"),
    [(1000, 0, 0, 0), (1000, 1, 1, 0), (1000, 999, 999, 0), (1000, 1000, 1000, 0), (1000, 1001, 1000, 1), (1000, 50_000, 1000, 49_000), (0, 7, 0, 7)],
)
async def test_a_turn_is_charged_its_cost_but_never_more_than_its_hold(house: House, held: int, cost: int, charge: int, overrun: int) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, held)
    assert await settle(house, turn_id, cost) == Settlement(charge, overrun)
    assert amounts(await house.wallet.read(account_id)) == (BONUS - charge, 0)
    totals = await platform(house.db)
    assert (totals.get("revenue", 0), totals.get("overrun", 0)) == (charge + overrun, -overrun)


async def test_a_charge_is_explained_in_the_ledger(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    await settle(house, turn_id, 1200)
    entry = (await house.wallet.list_entries(account_id))[0]
    assert (entry.kind, entry.amount_micros, entry.balance_micros, entry.number) == ("charge", -1000, BONUS - 1000, 2)
    assert (entry.turn_id, entry.reference, entry.model) == (turn_id, str(turn_id), "main/gpt-x")
    assert entry.explanation == "words; 200 micro-credits above the hold are not charged"


async def test_a_balance_after_a_charge_counts_what_other_turns_hold(house: House) -> None:
    account_id = await house.account(BONUS)
    await hold(house, account_id, 4000)
    await settle(house, await hold(house, account_id, 1000), 600)
    assert (await house.wallet.list_entries(account_id))[0].balance_micros == BONUS - 600


async def test_a_turn_is_settled_once_and_the_first_result_stays(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    assert await settle(house, turn_id, 600) == Settlement(600, 0)
    assert await settle(house, turn_id, 900) == Settlement(600, 0)
    assert not await house.db.write(lambda tx: house.wallet.void(tx, turn_id=turn_id))
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 600, 0)


async def test_settlements_and_voids_of_one_turn_at_the_same_time_have_one_winner(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    with together(6) as wait:

        def settle_together(tx: Transaction) -> Any:
            wait(tx)
            return house.wallet.settle(tx, turn_id=turn_id, cost_micros=600, explanation="")

        def void_together(tx: Transaction) -> Any:
            wait(tx)
            return house.wallet.void(tx, turn_id=turn_id)

        done = await asyncio.gather(*(house.db.write(work) for _ in range(3) for work in (settle_together, void_together)))
    voids = [each for each in done if isinstance(each, bool)]
    settlements = {each for each in done if isinstance(each, Settlement)}
    charged = next(iter(settlements)).charge_micros
    assert len(settlements) == 1
    assert (sum(voids), charged) in ((1, 0), (0, 600))
    assert amounts(await house.wallet.read(account_id)) == (BONUS - charged, 0)


async def test_a_voided_hold_gives_all_back_and_a_late_settlement_charges_nothing(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    assert await house.db.write(lambda tx: house.wallet.void(tx, turn_id=turn_id))
    assert await settle(house, turn_id, 600) == Settlement(0, 0)
    assert amounts(await house.wallet.read(account_id)) == (BONUS, 0)


async def test_an_absurd_cost_is_cut_to_what_the_books_can_hold(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    assert await settle(house, turn_id, 10**30) == Settlement(1000, MOST_MICROS - 1000)


async def test_charges_and_grants_are_told(house: House) -> None:
    account_id = await house.account(BONUS + 100)
    turn_id = await hold(house, account_id, 1000)
    await settle(house, turn_id, 600)
    await settle(house, await hold(house, account_id, 1000), 0)
    assert house.told == [
        WalletGranted(account_id=account_id, amount_micros=100, balance_micros=BONUS + 100, reference=f"for {account_id}"),
        WalletCharged(account_id=account_id, charge_micros=600, balance_micros=BONUS - 500, turn_id=turn_id, model="main/gpt-x"),
    ]
