"""What of a person is in the wallet: all of it is exported, and what people wrote is erased while the ledger stays whole."""

from typing import Any

from sqlalchemy import text

from parlor.core.db import statement
from parlor.core.ids import new_id
from parlor.wallet import Note, Refunds, VoucherOrder
from parlor.wallet.user_data import WalletUserData
from tests.wallet.conftest import BONUS, House, hold, settle
from tests.wallet.test_vouchers import office

CANARY = "Quxlandia"

_notes = statement(text("SELECT note FROM ledger_notes UNION ALL SELECT note FROM vouchers WHERE note IS NOT NULL ORDER BY 1"))


async def notes(house: House) -> list[Any]:
    return await house.db.read(lambda tx: [row[0] for row in tx.run(_notes).all()])


async def test_vouchers_and_refunds_are_exported(house: House) -> None:
    account_id, data = await house.account(BONUS), WalletUserData(house.db)
    turn_id = await hold(house, account_id, 1000)
    await settle(house, turn_id, 600)
    await house.db.write(lambda tx: Refunds(house.events).refund(tx, account_id, turn_id, reference="ticket 1", amount_micros=5))
    created = await office(house).create(VoucherOrder(500))
    await office(house).use(account_id, created.code)
    exported = await data.export(account_id)
    (used,), (refund,) = exported["wallet_vouchers"], exported["wallet_refunds"]
    assert (used["voucher_id"], used["amount_micros"]) == (str(created.voucher.id), 500)
    assert (refund["charge_id"], refund["turn_id"], refund["amount_micros"], refund["reference"]) == (str(turn_id), str(turn_id), 5, "ticket 1")
    assert [entry.kind async for entry in exported["wallet_entries"]] == ["voucher", "refund", "charge", "bonus"]
    other = await data.export(await house.account(BONUS))
    assert (other["wallet_vouchers"], other["wallet_refunds"]) == ([], [])


async def test_notes_about_somebody_and_by_somebody_are_erased_and_the_ledger_is_not(house: House) -> None:
    ann, bob, admin = await house.account(BONUS), await house.account(BONUS), new_id()
    for account_id, by, words in ((ann, admin, f"about {CANARY}"), (bob, ann, f"by {CANARY}"), (bob, admin, "stays")):
        note = Note(words, by)
        await house.db.write(lambda tx, to=account_id, note=note: house.wallet.grant(tx, to, 7, reference=str(new_id()), note=note))
    await house.db.write(lambda tx: house.wallet.grant(tx, ann, 7, reference="without"))
    for uses, by, words in ((1, admin, f"for {CANARY}"), (5, admin, "for all"), (5, ann, f"from {CANARY}")):
        created = await office(house).create(VoucherOrder(500, uses, note=words, made_by=by))
        await office(house).use(ann, created.code)
    data, before = WalletUserData(house.db), await house.wallet.list_entries(ann)
    assert await data.erase(ann) == 4
    assert await notes(house) == ["for all", "stays"]
    assert await data.erase(ann) == 0
    after = await house.wallet.list_entries(ann)
    assert [(entry.id, entry.amount_micros) for entry in after] == [(entry.id, entry.amount_micros) for entry in before]
    assert {entry.explanation for entry in after} == {"Voucher", "Grant", "Welcome bonus"}
