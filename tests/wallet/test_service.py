"""Money: held, charged and given back exactly once."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from parlor.accounts.registry import NewAccount, Registry
from parlor.core.db import Database, Transaction, statement
from parlor.core.errors import Invalid, rule_for
from parlor.core.ids import new_id
from parlor.wallet import (
    Balance,
    HoldClosed,
    InsufficientFunds,
    NoSuchHold,
    ReferenceUsed,
    Settlement,
    WalletCharged,
    WalletGranted,
    WalletSettings,
)
from parlor.wallet.jobs import jobs
from parlor.wallet.price import MOST_MICROS
from parlor.wallet.subscribers import subscribers
from parlor.wallet.tables import HoldRow, LedgerEntry, LedgerTransaction
from parlor.wallet.user_data import WalletUserData
from tests.wallet.conftest import BONUS, House, amounts, outcomes, together

_platform = statement(
    select(LedgerEntry.platform, func.sum(LedgerEntry.amount_micros).label("total")).where(LedgerEntry.platform.is_not(None)).group_by(LedgerEntry.platform)
)
_ledger_size = statement(select(func.count(LedgerTransaction.id)))
_holds = statement(select(HoldRow.id, HoldRow.state, HoldRow.charge_micros, HoldRow.overrun_micros))


async def hold(house: House, account_id: UUID, amount_micros: int, turn_id: UUID | None = None) -> UUID:
    found = turn_id or new_id()
    await house.db.write(lambda tx: house.wallet.hold(tx, account_id, amount_micros, turn_id=found))
    return found


async def settle(house: House, turn_id: UUID, cost_micros: int) -> Settlement:
    return await house.db.write(lambda tx: house.wallet.settle(tx, turn_id=turn_id, cost_micros=cost_micros, model="main/gpt-x", explanation="words"))


async def platform(db: Database) -> dict[str, int]:
    return {row.platform: int(row.total) for row in await db.read(lambda tx: tx.run(_platform).all())}


# the bonus


async def test_a_new_account_has_its_wallet_and_bonus_when_its_transaction_is_done(house: House) -> None:
    house.listen(*subscribers(house.wallet))
    account = await house.db.write(lambda tx: Registry(house.events).add(tx, NewAccount(username="ann")))
    (entry,) = await house.wallet.list_entries(account.id)
    assert await house.wallet.read(account.id) == Balance(account.id, BONUS, 0)
    assert (entry.kind, entry.amount_micros, entry.balance_micros, entry.number) == ("bonus", BONUS, BONUS, 1)
    assert await platform(house.db) == {"bonus": -BONUS}


async def test_an_account_that_is_rolled_back_leaves_no_wallet(house: House) -> None:
    house.listen(*subscribers(house.wallet))

    def register_and_fail(tx: Transaction) -> None:
        Registry(house.events).add(tx, NewAccount(username="ann"))
        raise Invalid("no")

    with pytest.raises(Invalid):
        await house.db.write(register_and_fail)
    assert await platform(house.db) == {}


async def test_twenty_first_uses_at_once_on_two_processes_give_one_bonus(house: House, replicas: Sequence[House]) -> None:
    account_id = await house.bare_account()
    opened = await asyncio.gather(*(replicas[n % 2].wallet.open(account_id) for n in range(20)))
    assert sum(is_new for _, is_new in opened) == 1
    assert await house.wallet.read(account_id) == Balance(account_id, BONUS, 0)


async def test_two_first_uses_inside_their_transactions_at_the_same_time_give_one_bonus(house: House) -> None:
    account_id = await house.bare_account()
    with together(5) as wait:

        def open_wallet(tx: Transaction) -> bool:
            wait(tx)
            return house.wallet.ensure(tx, account_id)

        assert sorted(await asyncio.gather(*(house.db.write(open_wallet) for _ in range(5)))) == [False] * 4 + [True]
    assert len(await house.wallet.list_entries(account_id)) == 1


async def test_reading_makes_a_wallet_that_is_missing(house: House) -> None:
    account_id = await house.bare_account()
    assert amounts(await house.wallet.read(account_id)) == (BONUS, 0)
    assert amounts(await house.wallet.read(account_id)) == (BONUS, 0)


async def test_no_bonus_leaves_no_entry(db: Database) -> None:
    house = House(db, WalletSettings(initial_bonus_micros=0))
    account_id = await house.bare_account()
    assert amounts(await house.wallet.read(account_id)) == (0, 0)
    assert await house.wallet.list_entries(account_id) == []
    await house.verify()


# holds


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


# settlements


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


# grants


async def test_a_grant_adds_credit_once_per_reference(house: House) -> None:
    account_id = await house.account(BONUS)
    first = await house.db.write(lambda tx: house.wallet.grant(tx, account_id, 700, reference="invoice 7"))
    assert await house.db.write(lambda tx: house.wallet.grant(tx, account_id, 700, reference="invoice 7")) == first
    assert (first.kind, first.amount_micros, first.balance_micros, first.reference) == ("grant", 700, BONUS + 700, "invoice 7")
    assert amounts(await house.wallet.read(account_id)) == (BONUS + 700, 0)
    assert (await platform(house.db))["payments"] == -700


async def test_a_reference_used_for_another_account_or_amount_is_a_conflict(house: House) -> None:
    account_id, other = await house.account(BONUS), await house.bare_account()
    await house.db.write(lambda tx: house.wallet.grant(tx, account_id, 700, reference="invoice 7"))
    for account, amount in ((account_id, 701), (other, 700)):
        with pytest.raises(ReferenceUsed) as caught:
            await house.db.write(lambda tx, account=account, amount=amount: house.wallet.grant(tx, account, amount, reference="invoice 7"))
        assert rule_for(caught.value).status == 409
    assert amounts(await house.wallet.read(other)) == (BONUS, 0)


async def test_twenty_grants_of_one_reference_at_once_give_credit_once(house: House, replicas: Sequence[House]) -> None:
    account_id = await house.account(BONUS)
    granted = await asyncio.gather(
        *(replicas[n % 2].db.write(lambda tx, house=replicas[n % 2]: house.wallet.grant(tx, account_id, 700, reference="invoice 7")) for n in range(20))
    )
    assert len({entry.id for entry in granted}) == 1
    assert amounts(await house.wallet.read(account_id)) == (BONUS + 700, 0)


@pytest.mark.parametrize(("amount", "reference"), [(0, "r"), (-5, "r"), (MOST_MICROS + 1, "r"), (1, ""), (1, "  "), (1, "x" * 256), (1, "a\nb")])
async def test_a_grant_that_makes_no_sense_is_refused(house: House, amount: int, reference: str) -> None:
    account_id = await house.account(BONUS)
    with pytest.raises(Invalid):
        await house.db.write(lambda tx: house.wallet.grant(tx, account_id, amount, reference=reference))


# the ledger to read


async def test_entries_come_newest_first_in_pages(house: House) -> None:
    account_id = await house.account(BONUS)
    for n in range(5):
        await house.db.write(lambda tx, n=n: house.wallet.grant(tx, account_id, n + 1, reference=f"r{n}-{account_id}"))
    await house.account(BONUS + 1)
    first = await house.wallet.list_entries(account_id, limit=4)
    rest = await house.wallet.list_entries(account_id, before=first[-1].number, limit=4)
    assert [entry.amount_micros for entry in first + rest] == [5, 4, 3, 2, 1, BONUS]


async def test_export_holds_the_whole_ledger_and_erasure_keeps_it(house: House) -> None:
    account_id = await house.account(BONUS + 5)
    data = WalletUserData(house.db)
    exported = await data.export(account_id)
    assert exported["wallet"] == {"available_micros": BONUS + 5, "held_micros": 0, "posted_micros": BONUS + 5}
    assert [entry["amount_micros"] for entry in exported["wallet_entries"]] == [5, BONUS]
    assert await data.erase(account_id) == 0
    assert await data.export(await house.bare_account()) == {}
