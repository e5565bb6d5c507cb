"""The event that somebody runs out of credit: once each time a charge crosses the threshold."""

from uuid import UUID

import pytest

from parlor.core.db import Database
from parlor.wallet import WalletLowBalance, WalletSettings
from tests.wallet.conftest import BONUS, House, hold, settle

THRESHOLD = BONUS - 1000


@pytest.fixture
def house(db: Database) -> House:
    house = House(db, WalletSettings(low_balance_micros=THRESHOLD))
    house.listen()
    return house


async def charge(house: House, account_id: UUID, amount: int) -> list[WalletLowBalance]:
    """What was told of a low balance when this much was charged."""
    house.told.clear()
    await settle(house, await hold(house, account_id, amount), amount)
    return [event for event in house.told if isinstance(event, WalletLowBalance)]


async def test_it_is_told_when_the_balance_goes_below_and_not_again_while_it_is_there(house: House) -> None:
    account_id = await house.account(BONUS)
    await hold(house, account_id, 70)
    assert await charge(house, account_id, 1000) == [], "exactly the threshold is not below it"
    (low,) = await charge(house, account_id, 1)
    assert low == WalletLowBalance(account_id=account_id, available_micros=THRESHOLD - 71, balance_micros=THRESHOLD - 1, threshold_micros=THRESHOLD)
    assert await charge(house, account_id, 5) == []


async def test_who_got_new_credit_is_told_again_the_next_time(house: House) -> None:
    account_id = await house.account(BONUS)
    assert len(await charge(house, account_id, 1001)) == 1
    await house.db.write(lambda tx: house.wallet.grant(tx, account_id, 500, reference="invoice 7"))
    assert len(await charge(house, account_id, 500)) == 1


async def test_one_large_charge_crosses_it_once_and_a_free_turn_never(house: House) -> None:
    account_id = await house.account(BONUS)
    assert len(await charge(house, account_id, BONUS)) == 1
    assert await charge(house, account_id, 0) == []


async def test_zero_switches_it_off(db: Database) -> None:
    house = House(db, WalletSettings(low_balance_micros=0))
    house.listen()
    assert await charge(house, await house.account(BONUS), BONUS) == []
