"""Refunds: back to the user comes what was charged, once, and never more of it."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from msgspec.structs import replace

from parlor.core.db import Transaction
from parlor.core.errors import Invalid, rule_for
from parlor.core.ids import new_id
from parlor.wallet import NoSuchCharge, Note, Posted, ReferenceUsed, Refunds, RefundTooLarge, WalletRefunded
from tests.wallet.conftest import BONUS, House, amounts, hold, outcomes, platform, settle, together


async def refund(house: House, account_id: UUID, charge_id: UUID, amount: int | None = None, reference: str = "ticket 1", note: str = "") -> Posted:
    refunds = Refunds(house.events)
    return await house.db.write(
        lambda tx: refunds.refund(tx, account_id, charge_id, reference=reference, amount_micros=amount, note=Note(note) if note else None)
    )


async def charged(house: House, cost_micros: int = 600, held_micros: int = 1000) -> tuple[UUID, UUID]:
    account_id = await house.account(BONUS)
    turn_id = await hold(house, account_id, held_micros)
    await settle(house, turn_id, cost_micros)
    return account_id, turn_id


async def test_a_charge_is_given_back_in_whole_and_the_revenue_is_debited(house: House) -> None:
    account_id, turn_id = await charged(house)
    house.told.clear()
    entry = await refund(house, account_id, turn_id)
    assert (entry.kind, entry.amount_micros, entry.balance_micros, entry.number) == ("refund", 600, BONUS, 3)
    assert (entry.reference, entry.turn_id, entry.model, entry.is_new) == ("ticket 1", turn_id, "main/gpt-x", True)
    assert entry.explanation == "Refund of 600 of the 600 micro-credits charged"
    assert amounts(await house.wallet.read(account_id)) == (BONUS, 0)
    assert await platform(house.db) == {"bonus": -BONUS, "revenue": 0}
    told = WalletRefunded(account_id=account_id, amount_micros=600, balance_micros=BONUS, reference="ticket 1", charge_id=turn_id, turn_id=turn_id)
    assert house.told == [told]


async def test_a_charge_is_given_back_in_parts_up_to_what_it_was(house: House) -> None:
    account_id, turn_id = await charged(house)
    await refund(house, account_id, turn_id, 250, "part 1")
    with pytest.raises(RefundTooLarge) as caught:
        await refund(house, account_id, turn_id, 351, "part 2")
    assert caught.value.facts == {"charge_micros": 600, "left_micros": 350}
    assert (caught.value.code, rule_for(caught.value).status) == ("wallet.refund_too_large", 409)
    assert (await refund(house, account_id, turn_id, None, "the rest")).amount_micros == 350
    with pytest.raises(RefundTooLarge):
        await refund(house, account_id, turn_id, None, "nothing is left")
    assert amounts(await house.wallet.read(account_id)) == (BONUS, 0)


async def test_what_was_beyond_the_hold_was_never_the_users_and_is_not_given_back(house: House) -> None:
    account_id, turn_id = await charged(house, cost_micros=5000, held_micros=1000)
    with pytest.raises(RefundTooLarge):
        await refund(house, account_id, turn_id, 1001)
    assert (await refund(house, account_id, turn_id)).amount_micros == 1000
    assert (await platform(house.db))["revenue"] == 4000


async def test_the_same_reference_gives_back_once(house: House) -> None:
    account_id, turn_id = await charged(house)
    first = await refund(house, account_id, turn_id)
    for amount in (None, 600):
        again = await refund(house, account_id, turn_id, amount)
        assert again == replace(first, is_new=False)
    other_turn = await hold(house, account_id, 1000)
    await settle(house, other_turn, 600)
    for charge_id, amount in ((turn_id, 599), (other_turn, None), (other_turn, 600)):
        with pytest.raises(ReferenceUsed):
            await refund(house, account_id, charge_id, amount)
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 600, 0)


async def test_only_a_charge_of_this_wallet_can_be_given_back(house: House) -> None:
    account_id, turn_id = await charged(house)
    other = await house.account(BONUS)
    open_turn, free_turn = await hold(house, account_id, 10), await hold(house, account_id, 0)
    await settle(house, free_turn, 0)
    overrun = await hold(house, account_id, 0)
    await settle(house, overrun, 7)
    for account, charge in ((other, turn_id), (account_id, new_id()), (account_id, open_turn), (account_id, free_turn), (account_id, overrun)):
        with pytest.raises(NoSuchCharge):
            await refund(house, account, charge)


async def test_the_charge_is_found_by_its_turn_or_its_entry(house: House) -> None:
    account_id, turn_id = await charged(house)
    other = await house.account(BONUS)
    refunds = Refunds(house.events)
    (charge, bonus), (foreign,) = await house.wallet.list_entries(account_id), await house.wallet.list_entries(other)
    assert await house.db.read(lambda tx: refunds.charge_of(tx, account_id, entry_id=charge.id)) == turn_id
    for entry_id in (foreign.id, new_id()):
        with pytest.raises(NoSuchCharge):
            await house.db.read(lambda tx, entry_id=entry_id: refunds.charge_of(tx, account_id, entry_id=entry_id))
    not_a_charge = await house.db.read(lambda tx: refunds.charge_of(tx, account_id, entry_id=bonus.id))
    with pytest.raises(NoSuchCharge):
        await refund(house, account_id, not_a_charge)


@pytest.mark.parametrize(("amount", "reference"), [(0, "r"), (-5, "r"), (10**15 + 1, "r"), (1, ""), (1, "x" * 256), (1, "a\nb")])
async def test_a_refund_that_makes_no_sense_is_refused(house: House, amount: int, reference: str) -> None:
    account_id, turn_id = await charged(house)
    with pytest.raises(Invalid):
        await refund(house, account_id, turn_id, amount, reference)


async def test_refunds_of_one_charge_at_the_same_time_are_together_at_most_the_charge(house: House) -> None:
    account_id, turn_id = await charged(house)
    refunds = Refunds(house.events)
    with together(8) as wait:

        def refund_together(tx: Transaction, n: int) -> Posted:
            wait(tx)
            return refunds.refund(tx, account_id, turn_id, reference=f"ticket {n}", amount_micros=200)

        done, refused = await outcomes(*(house.db.write(lambda tx, n=n: refund_together(tx, n)) for n in range(8)))
    assert (len(done), [type(error) for error in refused]) == (3, [RefundTooLarge] * 5)
    assert amounts(await house.wallet.read(account_id)) == (BONUS, 0)


async def test_twenty_refunds_of_one_reference_at_once_give_back_once(house: House, replicas: Sequence[House]) -> None:
    account_id, turn_id = await charged(house)
    done, refused = await outcomes(*(refund(replicas[n % 2], account_id, turn_id, 200) for n in range(20)))
    assert (len({entry.id for entry in done}), sum(entry.is_new for entry in done), refused) == (1, 1, [])
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 400, 0)


async def test_a_note_is_what_the_user_reads(house: House) -> None:
    account_id, turn_id = await charged(house)
    assert (await refund(house, account_id, turn_id, note="Sorry for the wait!")).explanation == "Sorry for the wait!"
    assert (await house.wallet.list_entries(account_id))[0].explanation == "Sorry for the wait!"


@pytest.mark.parametrize("note", ["  ", "x" * 501, "a\nb"])
def test_a_note_that_cannot_be_shown_is_refused(note: str) -> None:
    with pytest.raises(Invalid):
        Note(note)
