"""One key, one effect."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from parlor.core.db import Database, Transaction, statement
from parlor.core.errors import Invalid, rule_for
from parlor.core.idempotency import (
    BadIdempotencyKey,
    Claim,
    Idempotency,
    IdempotencyMismatch,
    IdempotencyUserData,
    KeyInProgress,
    check_key,
    hash_of,
)
from parlor.core.idempotency.tables import IdempotencyKey
from parlor.core.ids import new_id

ACCOUNT = new_id()
REQUEST: dict[str, Any] = {"route": "POST /messages", "body_hash": hash_of({"content": "hello"})}

_count = statement(select(func.count(IdempotencyKey.key)))


async def age(db: Database, hours: float) -> None:
    expires_at = await db.read(lambda tx: tx.now() + timedelta(hours=24 - hours))
    make_old = statement(update(IdempotencyKey).values(expires_at=expires_at))
    await db.write(lambda tx: tx.run(make_old))


@pytest.fixture
def keys(db: Database) -> Idempotency:
    return Idempotency(db)


async def claim(db: Database, keys: Idempotency, result: Any, *, key: str = "k", account_id: UUID = ACCOUNT, **other: Any) -> Claim:
    return await db.write(lambda tx: keys.claim(tx, account_id, key, result=result, **{**REQUEST, **other}))


async def test_the_first_claim_is_new_and_the_second_gets_its_result(db: Database, keys: Idempotency) -> None:
    assert await claim(db, keys, {"turn_id": "1"}) == Claim(True, {"turn_id": "1"})
    assert await claim(db, keys, {"turn_id": "2"}) == Claim(False, {"turn_id": "1"})


async def test_of_twenty_claims_at_once_one_is_new_and_all_get_its_result(db: Database, keys: Idempotency) -> None:
    claims = await asyncio.gather(*(claim(db, keys, n) for n in range(20)))
    assert sum(each.is_new for each in claims) == 1
    assert len({each.result for each in claims}) == 1


async def test_a_claim_that_is_rolled_back_leaves_the_key_free(db: Database, keys: Idempotency) -> None:
    def claim_and_fail(tx: Transaction) -> None:
        keys.claim(tx, ACCOUNT, "k", result=1, **REQUEST)
        raise Invalid("no credit")

    with pytest.raises(Invalid):
        await db.write(claim_and_fail)
    assert (await claim(db, keys, 2)).is_new


@pytest.mark.parametrize("other", [{"body_hash": hash_of({"content": "other"})}, {"route": "POST /grants"}])
async def test_a_key_used_for_another_request_is_refused(db: Database, keys: Idempotency, other: dict[str, Any]) -> None:
    await claim(db, keys, 1)
    with pytest.raises(IdempotencyMismatch) as caught:
        await claim(db, keys, 2, **other)
    assert (caught.value.code, rule_for(caught.value).status) == ("idempotency.mismatch", 422)
    with pytest.raises(IdempotencyMismatch):
        await db.read(lambda tx: keys.find(tx, ACCOUNT, "k", **{**REQUEST, **other}))


async def test_the_same_key_of_another_account_is_another_key(db: Database, keys: Idempotency) -> None:
    await claim(db, keys, 1)
    assert (await claim(db, keys, 2, account_id=new_id())).is_new


async def test_a_key_is_free_again_after_a_day_even_for_another_request(db: Database, keys: Idempotency) -> None:
    await claim(db, keys, 1)
    await age(db, hours=23.9)
    assert not (await claim(db, keys, 2)).is_new
    await age(db, hours=24)
    assert await db.read(lambda tx: keys.find(tx, ACCOUNT, "k", **REQUEST)) is None
    assert await claim(db, keys, 3, route="POST /grants") == Claim(True, 3)


async def test_a_look_finds_the_result_and_claims_nothing(db: Database, keys: Idempotency) -> None:
    assert await db.read(lambda tx: keys.find(tx, ACCOUNT, "k", **REQUEST)) is None
    await claim(db, keys, [1])
    assert await db.read(lambda tx: keys.find(tx, ACCOUNT, "k", **REQUEST)) == Claim(False, [1])


async def test_expired_keys_are_removed_on_a_schedule(db: Database, keys: Idempotency) -> None:
    for n in range(3):
        await claim(db, keys, n, key=f"old-{n}")
    await age(db, hours=25)
    await claim(db, keys, 1, key="young")
    (cleaner,) = keys.jobs()
    await cleaner.run({})
    assert await db.read(lambda tx: tx.run(_count).scalar()) == 1
    assert cleaner.is_scheduled


async def test_work_in_two_steps_leaves_its_result_for_repetitions(db: Database, keys: Idempotency) -> None:
    first = await keys.begin(ACCOUNT, "k", **REQUEST)
    assert first.is_new
    await db.write(lambda tx: keys.finish(tx, ACCOUNT, "k", first, {"file_id": "f"}))
    assert await keys.begin(ACCOUNT, "k", **REQUEST) == Claim(False, {"file_id": "f"})
    assert await claim(db, keys, "another") == Claim(False, {"file_id": "f"})


async def test_a_repetition_waits_for_the_work_that_is_going_on(db: Database, keys: Idempotency) -> None:
    first = await keys.begin(ACCOUNT, "k", **REQUEST)
    waiting = [asyncio.create_task(keys.begin(ACCOUNT, "k", **REQUEST)) for _ in range(5)]
    await asyncio.sleep(0)
    await db.write(lambda tx: keys.finish(tx, ACCOUNT, "k", first, "done"))
    assert await asyncio.gather(*waiting) == [Claim(False, "done")] * 5


async def test_a_key_that_stays_in_progress_is_a_conflict(db: Database, keys: Idempotency) -> None:
    await keys.begin(ACCOUNT, "k", **REQUEST)
    with pytest.raises(KeyInProgress) as caught:
        await keys.begin(ACCOUNT, "k", wait_seconds=0.1, **REQUEST)
    assert rule_for(caught.value).status == 409
    with pytest.raises(KeyInProgress):
        await claim(db, keys, 1)
    assert await db.read(lambda tx: keys.find(tx, ACCOUNT, "k", **REQUEST)) is None


async def test_after_a_failure_the_next_request_starts_afresh(db: Database, keys: Idempotency) -> None:
    first = await keys.begin(ACCOUNT, "k", **REQUEST)
    waiting = asyncio.create_task(keys.begin(ACCOUNT, "k", **REQUEST))
    await keys.abandon(ACCOUNT, "k", first)
    assert (await waiting).is_new


async def test_work_whose_process_died_is_taken_over_and_cannot_finish_any_more(db: Database, keys: Idempotency) -> None:
    dead = await keys.begin(ACCOUNT, "k", lease_seconds=0.05, **REQUEST)
    second = await keys.begin(ACCOUNT, "k", **REQUEST)
    assert second.is_new
    with pytest.raises(KeyInProgress):
        await db.write(lambda tx: keys.finish(tx, ACCOUNT, "k", dead, "late"))
    await keys.abandon(ACCOUNT, "k", dead)
    await db.write(lambda tx: keys.finish(tx, ACCOUNT, "k", second, "second"))
    assert (await keys.begin(ACCOUNT, "k", **REQUEST)).result == "second"


async def test_keys_are_exported_and_erased_with_their_account(db: Database, keys: Idempotency) -> None:
    await claim(db, keys, 1)
    await claim(db, keys, 1, account_id=new_id())
    data = IdempotencyUserData(db)
    assert [(row["key"], row["route"]) for row in (await data.export(ACCOUNT))["idempotency_keys"]] == [("k", "POST /messages")]
    assert await data.erase(ACCOUNT) == 1
    assert await db.read(lambda tx: tx.run(_count).scalar()) == 1


@pytest.mark.parametrize("key", ["a", "x" * 255, "0199-ab~!", '"quoted"'])
def test_a_key_of_visible_ascii_is_taken_as_it_is(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "tab\t", "nul\0", "über", "\x7f"])
def test_any_other_key_is_a_bad_request(key: str) -> None:
    with pytest.raises(BadIdempotencyKey) as caught:
        check_key(key)
    assert rule_for(caught.value).status == 400


def test_a_fingerprint_depends_on_the_values_alone() -> None:
    assert hash_of({"a": 1, "b": [2]}) == hash_of({"b": [2], "a": 1})
    assert hash_of({"a": 1}) != hash_of({"a": 2})
    assert hash_of(b"raw") != hash_of("raw")
