"""Budgets: what may be spent in a day, a month or altogether, by an account and by each of its keys. Never more, and never counted wrongly."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import bindparam, text, update

from parlor.accounts import AccountDirectory, AccountNotFound, ApiKeyCreated
from parlor.core.db import Id, Transaction, UtcTime, statement
from parlor.core.errors import rule_for
from parlor.core.events import Events
from parlor.core.ids import new_id
from parlor.core.invariants import check_invariants
from parlor.core.jobs import Jobs
from parlor.wallet import BudgetExceeded, HoldFor
from parlor.wallet.budget_book import BudgetBook
from parlor.wallet.budgets import bounds, starts_at
from parlor.wallet.checks import invariants
from parlor.wallet.subscribers import budget_subscribers
from parlor.wallet.tables import HoldRow
from parlor.wallet.user_data import WalletUserData
from tests.support.accounts import registry_of
from tests.wallet.conftest import BONUS, House, amounts, outcomes, settle, together

_began = statement(update(HoldRow).where(HoldRow.id == bindparam("hold", type_=Id())).values(created_at=bindparam("then", type_=UtcTime())))


def book_of(house: House) -> BudgetBook:
    return BudgetBook(house.db, house.wallet, AccountDirectory(registry_of(Events(house.db, Jobs()))), house.events)


@pytest.fixture
def budgets(house: House) -> BudgetBook:
    return book_of(house)


async def used(budgets: BudgetBook, account_id: UUID, owner_id: UUID | None = None) -> Mapping[str, int]:
    return {period: state.used_micros for period, state in (await budgets.read(account_id, owner_id)).items()}


async def hold(house: House, account_id: UUID, amount_micros: int, key_id: UUID | None = None) -> UUID:
    turn_id = new_id()
    await house.db.write(lambda tx: house.wallet.hold(tx, account_id, amount_micros, turn_id=turn_id, for_=HoldFor(api_key_id=key_id)))
    return turn_id


async def refusal(house: House, account_id: UUID, amount_micros: int, key_id: UUID | None = None) -> BudgetExceeded:
    with pytest.raises(BudgetExceeded) as caught:
        await hold(house, account_id, amount_micros, key_id)
    return caught.value


@pytest.mark.parametrize("period", ["day", "month", "total"])
async def test_what_is_held_counts_and_one_more_than_the_limit_is_refused(house: House, budgets: BudgetBook, period: str) -> None:
    account_id = await house.account(BONUS)
    await budgets.change(account_id, {period: 1000})  # type: ignore[dict-item]
    turn_id = await hold(house, account_id, 700)
    error = await refusal(house, account_id, 301)
    assert (error.code, rule_for(error).status) == ("wallet.budget_exceeded", 402)
    assert {name: error.facts[name] for name in ("owner", "period", "limit_micros", "used_micros", "needed_micros")} == {
        **{"owner": "account", "period": period, "limit_micros": 1000, "used_micros": 700, "needed_micros": 301}
    }
    assert (error.facts["starts_anew_at"] is None) == (period == "total")
    assert amounts(await house.wallet.read(account_id)) == (BONUS - 700, 700), "the refused hold has taken nothing"
    await settle(house, turn_id, 100)
    assert await used(budgets, account_id) == {period: 100}
    await hold(house, account_id, 900)
    assert (await refusal(house, account_id, 1)).facts["used_micros"] == 1000


async def test_every_way_to_end_or_change_a_hold_is_counted(house: House, budgets: BudgetBook) -> None:
    account_id, wallet = await house.account(BONUS), house.wallet
    await budgets.change(account_id, {"day": 1000, "month": 5000, "total": 9000})

    async def counted() -> int:
        (count,) = set((await used(budgets, account_id)).values())
        return count

    turn_id = await hold(house, account_id, 100)
    await house.db.write(lambda tx: wallet.extend(tx, turn_id=turn_id, amount_micros=600))
    assert await counted() == 600
    with pytest.raises(BudgetExceeded):
        await house.db.write(lambda tx: wallet.extend(tx, turn_id=turn_id, amount_micros=1001))
    await house.db.write(lambda tx: wallet.shrink(tx, turn_id=turn_id, amount_micros=400))
    assert await counted() == 400
    assert await house.db.write(lambda tx: wallet.void(tx, turn_id=turn_id))
    assert not await house.db.write(lambda tx: wallet.void(tx, turn_id=turn_id))
    assert await counted() == 0
    for cost, charged in ((0, 0), (70, 70), (100, 170), (500, 270)):  # nothing, a part, all, and more than was held
        turn_id = await hold(house, account_id, 100)
        for _ in range(2):
            await settle(house, turn_id, cost)
        assert await counted() == charged
    call = await house.db.write(lambda tx: wallet.hold(tx, account_id, 50, purpose="title"))
    await house.db.write(lambda tx: tx.run(statement(text("UPDATE holds SET expires_at = created_at WHERE expires_at IS NOT NULL"))))
    await house.db.write(wallet.expire_holds)
    assert await counted() == 270
    assert (await house.db.read(lambda tx: wallet.get_hold(tx, call.id))).state == "expired"


async def test_what_was_spent_before_there_was_a_budget_counts(house: House, budgets: BudgetBook) -> None:
    account_id = await house.account(BONUS)
    await settle(house, await hold(house, account_id, 500), 300)
    still_open = await hold(house, account_id, 400)
    await budgets.change(account_id, {"day": 1000, "total": 600})
    assert await used(budgets, account_id) == {"day": 700, "total": 700}
    assert (await refusal(house, account_id, 1)).facts["period"] == "total"
    await settle(house, still_open, 10)
    assert await used(budgets, account_id) == {"day": 310, "total": 310}


async def test_a_turn_across_midnight_belongs_to_the_day_it_began(house: House, budgets: BudgetBook) -> None:
    account_id = await house.account(BONUS)
    await budgets.change(account_id, {"day": 1000, "total": 5000})
    yesterday = await hold(house, account_id, 900)
    last_year = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)

    def move_back(tx: Transaction) -> None:
        tx.run(_began, hold=yesterday, then=last_year)
        tx.run(statement(text("UPDATE budget_uses SET starts_on = '2025-12-31' WHERE period = 'day'")))

    await house.db.write(move_back)
    today = await hold(house, account_id, 950)
    await settle(house, yesterday, 5)
    assert await used(budgets, account_id) == {"day": 950, "total": 955}
    await settle(house, today, 1)
    assert await used(budgets, account_id) == {"day": 1, "total": 6}


async def test_a_key_is_limited_by_its_own_budget_and_by_the_accounts(house: House, budgets: BudgetBook) -> None:
    account_id, key, other_key = await house.account(BONUS), new_id(), new_id()
    await budgets.change(account_id, {"total": 500}, key)
    await hold(house, account_id, 400, key)
    await hold(house, account_id, 2000, other_key)
    await hold(house, account_id, 2000)
    assert (await refusal(house, account_id, 101, key)).facts["owner"] == "api_key"
    await budgets.change(account_id, {"day": 4450})
    assert (await refusal(house, account_id, 51)).facts["owner"] == "account"
    assert (await refusal(house, account_id, 51, key)).facts["owner"] == "account"
    await hold(house, account_id, 50, key)
    assert await used(budgets, account_id, key) == {"total": 450}
    assert await used(budgets, account_id) == {"day": 4450}


async def test_a_budget_that_is_taken_away_and_set_again_counts_from_the_holds(house: House, budgets: BudgetBook) -> None:
    account_id = await house.account(BONUS)
    await budgets.change(account_id, {"day": 1000, "month": 1000})
    turn_id = await hold(house, account_id, 800)
    assert set(await budgets.change(account_id, {"day": None})) == {"month"}
    assert await budgets.change(account_id, {"month": None}) == {}
    await hold(house, account_id, 800)
    await settle(house, turn_id, 100)
    states = await budgets.change(account_id, {"day": 900})
    assert states["day"].used_micros == 900
    await refusal(house, account_id, 1)
    assert (await budgets.change(account_id, {"day": 0}))["day"].limit_micros == 0
    await hold(house, account_id, 0)  # what is free needs no budget


async def test_fifty_holds_at_once_with_budget_for_three_make_three(house: House, replicas: Sequence[House]) -> None:
    account_id = await house.account(BONUS)
    await book_of(house).change(account_id, {"day": 350})
    held, refused = await outcomes(*(hold(replicas[n % 2], account_id, 100) for n in range(50)))
    assert len(held) == 3
    assert {type(error) for error in refused} == {BudgetExceeded}
    assert await used(book_of(house), account_id) == {"day": 300}


async def test_holds_settlements_and_budgets_at_the_same_time_agree_in_the_end(house: House, replicas: Sequence[House]) -> None:
    account_id, key = await house.account(BONUS), new_id()
    running = [await hold(house, account_id, 100, key) for _ in range(8)]
    await asyncio.gather(
        *(settle(replicas[n % 2], turn_id, 10 * n) for n, turn_id in enumerate(running)),
        *(hold(replicas[n % 2], account_id, 50, key if n % 3 else None) for n in range(8)),
        *(book_of(replicas[n % 2]).change(account_id, {"day": 10_000, "total": None if n % 2 else 50_000}, key if n < 2 else None) for n in range(4)),
    )
    assert (await used(book_of(house), account_id))["day"] == sum(10 * n for n in range(8)) + 8 * 50


async def test_a_budget_set_while_a_hold_is_inside_its_transaction_counts_it(house: House, budgets: BudgetBook) -> None:
    account_id = await house.account(BONUS)
    with together(2) as wait:

        def hold_then_wait(tx: Transaction) -> None:
            house.wallet.hold(tx, account_id, 100, turn_id=new_id())
            wait(tx)

        def wait_then_set(tx: Transaction) -> None:
            wait(tx)
            budgets.set(tx, account_id, account_id, {"day": 1000})

        await asyncio.gather(house.db.write(hold_then_wait), house.db.write(wait_then_set))
    assert await used(budgets, account_id) == {"day": 100}


async def test_a_new_keys_budget_comes_with_it_and_is_told_to_accounts(house: House, budgets: BudgetBook) -> None:
    house.listen(*budget_subscribers(budgets))
    account_id, limited, free = await house.account(BONUS), new_id(), new_id()
    for key, budget_micros in ((limited, 500), (free, None)):
        created = ApiKeyCreated(account_id=account_id, api_key_id=key, scopes=["chat"], budget_micros=budget_micros)
        await house.db.write(lambda tx, created=created: house.events.record(tx, created))
    await hold(house, account_id, 200, limited)
    told = await house.db.read(lambda tx: budgets.of(tx, [limited, free, new_id()]))
    assert {key: (each.limit_micros, each.used_micros) for key, each in told.items()} == {limited: (500, 200)}


async def test_budgets_are_exported_and_go_with_the_account(house: House, budgets: BudgetBook) -> None:
    account_id, key, other = await house.account(BONUS), new_id(), await house.account(BONUS)
    await budgets.change(account_id, {"day": 1000, "total": 2000})
    await budgets.change(account_id, {"total": 500}, key)
    await budgets.change(other, {"day": 7})
    turn_id = await hold(house, account_id, 100, key)
    data = WalletUserData(house.db)
    exported = (await data.export(account_id))["wallet_budgets"]
    assert {(row["owner_id"], row["period"], row["limit_micros"]) for row in exported} == {
        *((str(account_id), "day", 1000), (str(account_id), "total", 2000)),
        (str(key), "total", 500),
    }
    assert [(item["turns"], item["amount_micros"]) for item in (await data.export(account_id))["wallet_usage"]] == []
    await settle(house, await hold(house, account_id, 5), 5)
    assert [(item["turns"], item["amount_micros"]) for item in (await data.export(account_id))["wallet_usage"]] == [(1, 5)]
    assert await data.erase(account_id) >= 3
    assert (await data.export(account_id))["wallet_budgets"] == []
    await settle(house, turn_id, 10)
    assert await used(budgets, other) == {"day": 0}
    counted = statement(text("SELECT COUNT(*) FROM budget_uses"))
    assert (await house.db.read(lambda tx: tx.run(counted).all()))[0][0] == 1


async def test_nobody_has_no_budget(budgets: BudgetBook) -> None:
    with pytest.raises(AccountNotFound):
        await budgets.change(new_id(), {"day": 1})


async def test_a_wrong_count_is_found(house: House, budgets: BudgetBook) -> None:
    account_id, key = await house.account(BONUS), new_id()
    await budgets.change(account_id, {"day": 1000, "month": 2000, "total": 3000})
    await budgets.change(account_id, {"total": 3000}, key)
    await settle(house, await hold(house, account_id, 100, key), 40)
    assert await check_invariants(house.db, invariants()) == []
    for spoil, mend, said in (
        ("UPDATE budget_uses SET used_micros = used_micros + 1", "UPDATE budget_uses SET used_micros = used_micros - 1", "counts 41 used; derived: 40"),
        ("UPDATE wallets SET has_budget = (1 = 0)", "UPDATE wallets SET has_budget = (1 = 1)", "does not look for it"),
    ):
        await house.db.write(lambda tx, spoil=spoil: tx.run(statement(text(spoil))))
        found = await check_invariants(house.db, invariants())
        assert found
        assert {each.code for each in found} == {"INV-M10"}
        assert all(said in each.sentence for each in found)
        await house.db.write(lambda tx, mend=mend: tx.run(statement(text(mend))))


def test_periods_begin_in_utc() -> None:
    moment = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert starts_at(moment) == {"day": "2026-12-31", "month": "2026-12-01", "total": "0001-01-01"}
    assert bounds("day", moment) == (datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert bounds("month", moment) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert bounds("month", datetime(2028, 2, 29, tzinfo=UTC)) == (datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC))
