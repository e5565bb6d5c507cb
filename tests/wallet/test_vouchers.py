"""Vouchers: once per account, and as often as they say."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import bindparam, update

from parlor.core.crypto import SecretKey
from parlor.core.db import Transaction, UtcTime, statement
from parlor.core.errors import Invalid, RateLimited, rule_for
from parlor.core.idempotency import Idempotency
from parlor.core.ids import new_id
from parlor.core.limits import LimitSettings, RateLimits
from parlor.wallet import InvalidVoucher, VoucherOrder, Vouchers, VoucherUsed
from parlor.wallet.errors import NoSuchVoucher, VoucherCodeTaken
from parlor.wallet.events import VoucherCreated, VoucherRevoked
from parlor.wallet.events import VoucherUsed as Used
from parlor.wallet.request_keys import RequestKey
from parlor.wallet.tables import Voucher
from parlor.wallet.voucher_codes import hash_of_code
from parlor.wallet.voucher_queries import find_by_code
from tests.wallet.conftest import BONUS, House, amounts, outcomes, platform, together


def office(house: House, **limits: Any) -> Vouchers:
    settings = LimitSettings(**({"enabled": False} | limits))
    return Vouchers(house.db, house.wallet, house.events, Idempotency(house.db), RateLimits(settings), SecretKey(b"secret"))


async def make(house: House, amount: int = 500, uses: int = 1, **more: Any) -> str:
    return (await office(house).create(VoucherOrder(amount, uses, **more))).code


async def test_a_voucher_is_an_entry_in_the_ledger(house: House) -> None:
    account_id = await house.account(BONUS)
    vouchers = office(house)
    created = await vouchers.create(VoucherOrder(500, note="Spring"))
    house.told.clear()
    used = await vouchers.use(account_id, created.code.lower().replace("-", " "))
    assert (used.posted.kind, used.posted.amount_micros, used.posted.balance_micros, used.is_repeat) == ("voucher", 500, BONUS + 500, False)
    assert await platform(house.db) == {"bonus": -BONUS - 500}
    assert house.told == [Used(account_id=account_id, voucher_id=created.voucher.id, amount_micros=500, balance_micros=BONUS + 500)]
    (listed,) = await vouchers.list(most=10)
    assert (listed.id, listed.use_count, listed.note, listed.code_end) == (created.voucher.id, 1, "Spring", created.code[-4:])


async def test_a_first_use_makes_the_wallet(house: House) -> None:
    account_id = await house.bare_account()
    assert (await office(house).use(account_id, await make(house))).posted.balance_micros == BONUS + 500


async def test_once_per_account(house: House) -> None:
    account_id = await house.account(BONUS)
    code = await make(house, uses=2)
    await office(house).use(account_id, code)
    with pytest.raises(VoucherUsed):
        await office(house).use(account_id, code)
    await office(house).use(await house.account(BONUS), code)
    with pytest.raises(VoucherUsed):
        await office(house).use(account_id, code)
    assert amounts(await house.wallet.read(account_id)) == (BONUS + 500, 0)


async def test_wrong_used_up_and_revoked_are_one_answer(house: House) -> None:
    account_id, other = await house.account(BONUS), await house.account(BONUS)
    used_up, revoked = await make(house), await make(house)
    vouchers = office(house)
    await vouchers.use(other, used_up)
    await vouchers.revoke((await vouchers.list(most=1))[0].id)
    refusals: list[tuple[Any, ...]] = []
    for code in ("0000-0000-0000-0000", "", "\ud800", "x" * 200, used_up, revoked):
        with pytest.raises(InvalidVoucher) as caught:
            await vouchers.use(account_id, code)
        refusals.append((caught.value.code, caught.value.detail, caught.value.facts, rule_for(caught.value).status))
    assert set(map(str, refusals)) == {str(refusals[0])}
    assert refusals[0][3] == 404


async def test_whoever_has_used_it_keeps_the_credit_when_it_is_revoked(house: House) -> None:
    account_id = await house.account(BONUS)
    vouchers = office(house)
    created = await vouchers.create(VoucherOrder(500, 2))
    await vouchers.use(account_id, created.code)
    house.told.clear()
    first = await vouchers.revoke(created.voucher.id)
    assert await vouchers.revoke(created.voucher.id) == first
    assert house.told == [VoucherRevoked(account_id=None, voucher_id=created.voucher.id)]
    assert amounts(await house.wallet.read(account_id)) == (BONUS + 500, 0)
    with pytest.raises(NoSuchVoucher):
        await vouchers.revoke(new_id())


async def test_a_code_belongs_to_one_voucher_however_it_is_spelled(house: House) -> None:
    admin = new_id()
    house.told.clear()
    created = await office(house).create(VoucherOrder(500, code="Spring-2027", made_by=admin))
    assert (created.code, created.voucher.code_end) == ("Spring-2027", "27")
    told = VoucherCreated(account_id=admin, voucher_id=created.voucher.id, amount_micros=500, max_uses=1, expires_at=None)
    assert house.told == [told]
    with pytest.raises(VoucherCodeTaken):
        await make(house, code="SPR1NG 2O27")
    await office(house).revoke(created.voucher.id)
    with pytest.raises(VoucherCodeTaken):
        await make(house, code="spring2027")


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_micros": 0}, {"amount_micros": -1}, {"amount_micros": 10**15 + 1}, {"max_uses": 0}, {"max_uses": 10**9 + 1}, {"code": "abc"},
        {"code": "grün-2027"}, {"note": ""}, {"note": "x" * 201}, {"note": "a\nb"},
    ],
)  # fmt: skip
async def test_a_voucher_that_makes_no_sense_is_not_made(house: House, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await office(house).create(VoucherOrder(**{"amount_micros": 5, **wrong}))
    assert await office(house).list(most=10) == []


async def test_vouchers_are_listed_newest_first_in_pages(house: House) -> None:
    ids = [(await office(house).create(VoucherOrder(5))).voucher.id for _ in range(3)]
    first = await office(house).list(most=2)
    assert [each.id for each in [*first, *await office(house).list(before=first[-1].id, most=2)]] == ids[::-1]


# keys and limits


def _key(account_id: UUID, body: str = "x") -> RequestKey:
    key = RequestKey.of(account_id, "k-1", body)
    assert key
    return key


async def test_the_request_that_is_repeated_gets_the_same_code(house: House) -> None:
    admin, vouchers = new_id(), office(house)
    first = await vouchers.create(VoucherOrder(500), _key(admin))
    again = await vouchers.create(VoucherOrder(500), _key(admin))
    assert (again.voucher, again.code, again.is_repeat) == (first.voucher, first.code, True)
    assert (await vouchers.create(VoucherOrder(500))).code != first.code


async def test_a_repeated_use_is_answered_again_and_not_limited(house: House) -> None:
    account_id, code = await house.account(BONUS), await make(house)
    vouchers = office(house, enabled=True, voucher_tries_per_account_per_minute=2)
    first = await vouchers.use(account_id, code, _key(account_id))
    for _ in range(3):
        again = await vouchers.use(account_id, code, _key(account_id))
        assert (again.posted, again.is_repeat) == (replace(first.posted, is_new=False), True)
    with pytest.raises(InvalidVoucher):
        await vouchers.use(account_id, "wrong")
    with pytest.raises(RateLimited):
        await vouchers.use(account_id, "wrong")
    await vouchers.use(await house.account(BONUS), await make(house))


# races


async def test_fifty_users_at_once_on_a_voucher_of_three_uses_are_three(house: House, replicas: Sequence[House]) -> None:
    code = await make(house, uses=3)
    people = [await house.account(BONUS) for _ in range(50)]
    desks = [office(replica) for replica in replicas]
    used, refused = await outcomes(*(desks[n % 2].use(account_id, code) for n, account_id in enumerate(people)))
    assert (len(used), {type(error) for error in refused}, len(refused)) == (3, {InvalidVoucher}, 47)
    assert (await office(house).list(most=1))[0].use_count == 3


async def test_eight_users_inside_their_transactions_at_the_same_time_are_three(house: House) -> None:
    code = await make(house, uses=3)
    people = [await house.account(BONUS) for _ in range(8)]
    vouchers = office(house)
    with together(8) as wait:

        def redeem(tx: Transaction, account_id: UUID) -> Any:
            voucher_id = find_by_code(tx, hash_of_code(code))
            assert voucher_id
            wait(tx)
            return vouchers.redeem(tx, account_id, voucher_id)

        used, refused = await outcomes(*(house.db.write(lambda tx, who=who: redeem(tx, who)) for who in people))
    assert (len(used), [type(error) for error in refused]) == (3, [InvalidVoucher] * 5)


@pytest.mark.parametrize("has_wallet", [True, False])
async def test_one_user_twenty_times_at_once_gets_one_entry(house: House, replicas: Sequence[House], has_wallet: bool) -> None:
    code = await make(house, uses=20)
    account_id = await (house.account(BONUS) if has_wallet else house.bare_account())
    desks = [office(replica) for replica in replicas]
    used, refused = await outcomes(*(desks[n % 2].use(account_id, code) for n in range(20)))
    assert (len(used), [type(error) for error in refused]) == (1, [VoucherUsed] * 19)
    assert amounts(await house.wallet.read(account_id)) == (BONUS + 500, 0)
    assert (await office(house).list(most=1))[0].use_count == 1


async def test_one_user_inside_five_transactions_at_the_same_time_gets_one_entry(house: House) -> None:
    created = await office(house).create(VoucherOrder(500, 5))
    account_id, vouchers = await house.account(BONUS), office(house)
    with together(5) as wait:

        def redeem(tx: Transaction) -> Any:
            wait(tx)
            return vouchers.redeem(tx, account_id, created.voucher.id)

        used, refused = await outcomes(*(house.db.write(redeem) for _ in range(5)))
    assert (len(used), [type(error) for error in refused]) == (1, [VoucherUsed] * 4)


async def test_the_same_request_twenty_times_at_once_is_answered_twenty_times(house: House) -> None:
    code, account_id = await make(house, uses=3), await house.account(BONUS)
    used, refused = await outcomes(*(office(house).use(account_id, code, _key(account_id)) for _ in range(20)))
    assert (len({each.posted.id for each in used}), sum(not each.is_repeat for each in used), refused) == (1, 1, [])


# time


_expire_now = statement(update(Voucher).values(expires_at=bindparam("now", type_=UtcTime())))


async def test_it_is_worth_nothing_from_the_moment_on_that_it_expires(house: House) -> None:
    now = await house.db.read(lambda tx: tx.now())
    code = await make(house, uses=3, expires_at=now + timedelta(hours=1))
    await office(house).use(await house.account(BONUS), code)
    await house.db.write(lambda tx: tx.run(_expire_now, now=tx.now()))
    with pytest.raises(InvalidVoucher):
        await office(house).use(await house.account(BONUS), code)


@pytest.mark.parametrize("wrong", ["2020-01-01T00:00:00+00:00", "9999-12-31T23:59:59-10:00"])
async def test_a_voucher_expires_in_a_future_that_can_be_told(house: House, wrong: str) -> None:
    """BAD-29"""
    with pytest.raises(Invalid):
        await make(house, expires_at=datetime.fromisoformat(wrong))
