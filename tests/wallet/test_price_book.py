"""Versions of prices: the newest counts, none is ever changed, and whoever asks does not read."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from parlor.core.db import Database
from parlor.core.ids import new_id
from parlor.wallet import CurrentPrices, Price, PriceBook, PriceChanged, SetPrice
from tests.chat.test_statements import CountingDatabase
from tests.wallet.conftest import House

MODEL = "main/gpt-x"


def book_of(house: House) -> PriceBook:
    return PriceBook(house.db, house.events, CurrentPrices())


def pair(price: Price | None) -> tuple[int, int] | None:
    return None if price is None else (price.input_micros_per_mtok, price.output_micros_per_mtok)


async def test_the_newest_price_counts_and_the_older_ones_stay(house: House) -> None:
    book = book_of(house)
    assert book.price_of(MODEL) is None
    first = await book.set(MODEL, Price(1, 2), set_by=None)
    second = await book.set(MODEL, Price(3, 4), set_by=(account_id := await house.bare_account()))
    assert book.price_of(MODEL) == second
    assert book.price_of("main/gpt-y") is None
    assert [(each.price, each.set_by) for each in await book.history(MODEL)] == [(second, account_id), (first, None)]
    assert await house.db.read(lambda tx: book.find_version(tx, first.version)) == first
    changes = [event for event in house.told if isinstance(event, PriceChanged)]
    assert [(event.model, event.input_micros_per_mtok, event.account_id) for event in changes] == [(MODEL, 1, None), (MODEL, 3, account_id)]


async def test_the_same_price_again_is_no_new_version_and_an_old_one_again_is(house: House) -> None:
    book = book_of(house)
    first = await book.set(MODEL, Price(1, 2), set_by=None)
    assert await book.set(MODEL, Price(1, 2), set_by=None) == first
    await book.set(MODEL, Price(3, 4), set_by=None)
    again = await book.set(MODEL, Price(1, 2), set_by=None)
    assert again.version != first.version
    assert pair(book.price_of(MODEL)) == (1, 2)
    assert len(await book.history(MODEL)) == 3


async def test_many_who_set_one_price_at_once_make_one_version(house: House, replicas: Sequence[House]) -> None:
    books = [book_of(each) for each in replicas]
    await asyncio.gather(*(books[n % 2].set(MODEL, Price(1, 2), set_by=None) for n in range(12)))
    assert len(await books[0].history(MODEL)) == 1


async def test_all_agree_on_the_last_of_many_prices_set_at_once(house: House, replicas: Sequence[House]) -> None:
    books = [book_of(each) for each in replicas]
    await asyncio.gather(*(books[n % 2].set(MODEL, Price(n, n), set_by=None) for n in range(12)))
    history = await books[0].history(MODEL)
    assert len({each.price.valid_from for each in history}) == 12, "each began after the one before"
    await asyncio.gather(*(book.set("main/other", Price(1, 1), set_by=None) for book in books))
    assert {pair(book.price_of(MODEL)) for book in books} == {pair(history[0].price)}


async def test_a_price_that_another_process_set_counts_once_memory_is_too_old(replicas: Sequence[House]) -> None:
    here, there = (book_of(each) for each in replicas)
    await here.fresh()
    await there.set(MODEL, Price(1, 2), set_by=None)
    await here.fresh()
    assert here.price_of(MODEL) is None, "read a moment ago"
    here.fresh_seconds = 0
    await here.fresh()
    assert pair(here.price_of(MODEL)) == (1, 2)


async def test_many_who_wait_for_prices_share_one_read_and_the_next_need_none(db: Database, house: House) -> None:
    counting = CountingDatabase(db)
    book = PriceBook(counting, house.events, CurrentPrices())
    await asyncio.gather(*(book.fresh() for _ in range(50)))
    await book.fresh()
    assert sum(counting.all_statements.values()) == 1


def test_a_set_price_explains_since_when_it_holds() -> None:
    price = SetPrice(1_000_000, 3_000_000, new_id(), datetime(2026, 11, 21, 10, 30, tzinfo=UTC))
    assert price.explain(12, 7) == (
        "12 input tokens at 1000000 micro-credits per million, 7 output tokens at 3000000 micro-credits per million (prices since 2026-11-21 10:30:00 UTC)"
    )
    assert price.cost_micros(12, 7) == Price(1_000_000, 3_000_000).cost_micros(12, 7) == 33
    assert (price.version_id, Price(1, 1).version_id) == (price.version, None)
