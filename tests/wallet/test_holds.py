"""Holds: credit set aside once, and never more than there is."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select, update

from parlor.core.db import Transaction, statement
from parlor.core.errors import rule_for
from parlor.core.ids import new_id
from parlor.wallet import (
    HoldClosed,
    InsufficientFunds,
    NoSuchHold,
    Settlement,
)
from parlor.wallet.jobs import jobs
from parlor.wallet.tables import HoldRow, LedgerTransaction
from tests.wallet.conftest import BONUS, House, amounts, hold, outcomes, settle, together

_ledger_size = statement(select(func.count(LedgerTransaction.id)))
_holds = statement(select(HoldRow.id, HoldRow.state, HoldRow.charge_micros, HoldRow.overrun_micros))


async def test_what_is_held_is_not_available_and_still_posted(house: House) -> None:
    account_id = await house.account(BONUS)
    await hold(house, account_id, 2_000_000)
    balance = await house.wallet.read(account_id)
    assert (balance.available_micros, balance.held_micros, balance.posted_micros) == (3_000_000, 2_000_000, BONUS)


async def test_a_hold_of_everything_is_possible_and_one_more_is_not(house: House) -> None:
    account_id = await house.account(BONUS)
    with pytest.raises(InsufficientFunds) as caught:
        await hold(house, account_id, BONUS + 1)
    assert caught.value.facts == {"needed_micros": BONUS + 1, "available_micros": BONUS}
    assert (caught.value.code, rule_for(caught.value).status) == ("wallet.insufficient_funds", 402)
    await hold(house, account_id, BONUS)
    assert amounts(await house.wallet.read(account_id)) == (0, BONUS)


async def test_a_refused_hold_leaves_nothing(house: House) -> None:
    account_id = await house.account(BONUS)
    with pytest.raises(InsufficientFunds):
        await hold(house, account_id, BONUS + 1)
    assert await house.db.read(lambda tx: tx.run(_holds).all()) == []
    assert amounts(await house.wallet.read(account_id)) == (BONUS, 0)


async def test_a_turn_is_held_for_once(house: House) -> None:
    account_id, turn_id = await house.account(BONUS), new_id()
    first = await house.db.write(lambda tx: house.wallet.hold(tx, account_id, 1000, turn_id=turn_id))
    assert await house.db.write(lambda tx: house.wallet.hold(tx, account_id, 9999, turn_id=turn_id)) == first
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 1000, 1000)


async def test_fifty_holds_at_once_with_credit_for_three_make_three(house: House, replicas: Sequence[House]) -> None:
    account_id = await house.account(BONUS)
    held, refused = await outcomes(*(hold(replicas[n % 2], account_id, BONUS // 3) for n in range(50)))
    assert len(held) == 3
    assert [type(error) for error in refused] == [InsufficientFunds] * 47
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 3 * (BONUS // 3), 3 * (BONUS // 3))


async def test_eight_holds_inside_their_transactions_at_the_same_time_cannot_overdraw(house: House) -> None:
    account_id = await house.account(BONUS)
    with together(8) as wait:

        def hold_together(tx: Transaction) -> None:
            wait(tx)
            house.wallet.hold(tx, account_id, BONUS // 3, turn_id=new_id())

        held, refused = await outcomes(*(house.db.write(hold_together) for _ in range(8)))
    assert len(held) == 3
    assert [type(error) for error in refused] == [InsufficientFunds] * 5


async def test_the_first_use_of_an_old_account_by_fifty_turns_at_once_gives_one_bonus_to_spend(house: House, replicas: Sequence[House]) -> None:
    account_id = await house.bare_account()
    held, refused = await outcomes(*(hold(replicas[n % 2], account_id, BONUS // 3) for n in range(50)))
    assert (len(held), len(refused)) == (3, 47)


async def test_a_free_turn_has_its_hold_and_settlement_and_no_ledger_row(house: House) -> None:
    account_id = await house.account(BONUS)
    before = await house.db.read(lambda tx: tx.run(_ledger_size).scalar())
    turn_id = await hold(house, account_id, 0)
    assert await settle(house, turn_id, 0) == Settlement(0, 0)
    assert [(row.id, row.state) for row in await house.db.read(lambda tx: tx.run(_holds).all())] == [(turn_id, "settled")]
    assert await house.db.read(lambda tx: tx.run(_ledger_size).scalar()) == before


async def test_a_hold_can_be_extended_and_shrunk_to_a_new_amount(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    await house.db.write(lambda tx: house.wallet.extend(tx, turn_id=turn_id, amount_micros=5000))
    await house.db.write(lambda tx: house.wallet.extend(tx, turn_id=turn_id, amount_micros=200))
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 5000, 5000)
    await house.db.write(lambda tx: house.wallet.shrink(tx, turn_id=turn_id, amount_micros=300))
    await house.db.write(lambda tx: house.wallet.shrink(tx, turn_id=turn_id, amount_micros=4000))
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 300, 300)


async def test_an_extension_beyond_the_credit_is_refused_and_the_hold_stays(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    with pytest.raises(InsufficientFunds) as caught:
        await house.db.write(lambda tx: house.wallet.extend(tx, turn_id=turn_id, amount_micros=BONUS + 1))
    assert caught.value.facts == {"needed_micros": BONUS - 999, "available_micros": BONUS - 1000}
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 1000, 1000)


async def test_extensions_of_one_hold_at_the_same_time_count_once(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    with together(5) as wait:

        def extend(tx: Transaction) -> None:
            wait(tx)
            house.wallet.extend(tx, turn_id=turn_id, amount_micros=5000)

        await asyncio.gather(*(house.db.write(extend) for _ in range(5)))
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 5000, 5000)


async def test_a_closed_hold_cannot_be_changed_and_a_missing_one_not_be_found(house: House) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    await settle(house, turn_id, 1)
    for change in (house.wallet.extend, house.wallet.shrink):
        with pytest.raises(HoldClosed):
            await house.db.write(lambda tx, change=change: change(tx, turn_id=turn_id, amount_micros=1))
        with pytest.raises(NoSuchHold):
            await house.db.write(lambda tx, change=change: change(tx, turn_id=new_id(), amount_micros=1))
    with pytest.raises(NoSuchHold):
        await settle(house, new_id(), 1)


@pytest.mark.parametrize("amount", [-1, -(10**18)])
async def test_nothing_negative_is_held_or_charged(house: House, amount: int) -> None:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, 1000)
    for wrong in (
        lambda tx: house.wallet.hold(tx, account_id, amount, turn_id=new_id()),
        lambda tx: house.wallet.extend(tx, turn_id=turn_id, amount_micros=amount),
        lambda tx: house.wallet.shrink(tx, turn_id=turn_id, amount_micros=amount),
        lambda tx: house.wallet.settle(tx, turn_id=turn_id, cost_micros=amount, explanation=""),
    ):
        with pytest.raises(ValueError, match="micro-credits"):
            await house.db.write(wrong)


# holds of single calls


async def test_a_hold_for_one_call_expires_and_a_late_settlement_charges_nothing(house: House) -> None:
    account_id = await house.account(BONUS)
    await hold(house, account_id, 4000)
    call = await house.db.write(lambda tx: house.wallet.hold(tx, account_id, 1000, purpose="title"))
    (job,) = jobs(house.db, house.wallet)
    await job.run({})
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 5000, 5000)
    long_ago = await house.db.read(lambda tx: tx.now())
    age = statement(update(HoldRow).where(HoldRow.expires_at.is_not(None)).values(expires_at=long_ago))
    await house.db.write(lambda tx: tx.run(age))
    await job.run({})
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 4000, 4000), "the turn's hold stays: its lease governs it"
    late = await house.db.write(lambda tx: house.wallet.settle(tx, hold_id=call.id, cost_micros=5, explanation=""))
    assert late == Settlement(0, 0)


async def test_a_hold_for_one_call_is_settled_by_its_own_id(house: House) -> None:
    account_id = await house.account(BONUS)
    call = await house.db.write(lambda tx: house.wallet.hold(tx, account_id, 1000, purpose="title"))
    await house.db.write(lambda tx: house.wallet.settle(tx, hold_id=call.id, cost_micros=5, explanation="a title"))
    entry = (await house.wallet.list_entries(account_id))[0]
    assert (entry.amount_micros, entry.turn_id, entry.reference) == (-5, None, str(call.id))
