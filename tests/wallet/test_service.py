"""The bonus, grants, and the ledger to read."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from parlor.accounts.registry import NewAccount
from parlor.core.db import Database, Transaction, statement
from parlor.core.errors import Invalid, rule_for
from parlor.wallet import (
    Balance,
    ReferenceUsed,
    WalletSettings,
)
from parlor.wallet.price import MOST_MICROS
from parlor.wallet.subscribers import subscribers
from parlor.wallet.tables import HoldRow, LedgerTransaction
from parlor.wallet.user_data import WalletUserData
from tests.support.accounts import registry_of
from tests.wallet.conftest import BONUS, House, amounts, platform, together

_ledger_size = statement(select(func.count(LedgerTransaction.id)))
_holds = statement(select(HoldRow.id, HoldRow.state, HoldRow.charge_micros, HoldRow.overrun_micros))


# the bonus


async def test_a_new_account_has_its_wallet_and_bonus_when_its_transaction_is_done(house: House) -> None:
    house.listen(*subscribers(house.wallet))
    account = await house.db.write(lambda tx: registry_of(house.events).add(tx, NewAccount(username="ann")))
    (entry,) = await house.wallet.list_entries(account.id)
    assert await house.wallet.read(account.id) == Balance(account.id, BONUS, 0)
    assert (entry.kind, entry.amount_micros, entry.balance_micros, entry.number) == ("bonus", BONUS, BONUS, 1)
    assert await platform(house.db) == {"bonus": -BONUS}


async def test_an_account_that_is_rolled_back_leaves_no_wallet(house: House) -> None:
    house.listen(*subscribers(house.wallet))

    def register_and_fail(tx: Transaction) -> None:
        registry_of(house.events).add(tx, NewAccount(username="ann"))
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


# grants


async def test_a_grant_adds_credit_once_per_reference(house: House) -> None:
    account_id = await house.account(BONUS)
    first = await house.db.write(lambda tx: house.wallet.grant(tx, account_id, 700, reference="invoice 7"))
    assert await house.db.write(lambda tx: house.wallet.grant(tx, account_id, 700, reference="invoice 7")) == replace(first, is_new=False)
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
    assert [entry.amount_micros async for entry in exported["wallet_entries"]] == [5, BONUS]
    assert await data.erase(account_id) == 0
    assert await data.export(await house.bare_account()) == {}
