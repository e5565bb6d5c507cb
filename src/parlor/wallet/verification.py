"""Every balance derived from the ledger again, and compared with what is stored.

Nothing that is stored beside the ledger is believed: not balances, not counts, not the charge of a hold.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec

from parlor.core.db import Database, Transaction
from parlor.wallet import budget_checks
from parlor.wallet import check_queries as queries
from parlor.wallet.check_queries import Seen

GRACE = timedelta(minutes=5)
"""The job that expires holds runs every minute."""


class Difference(msgspec.Struct, frozen=True):
    """What is stored (`found`) and what it should be (`expected`), with the ids that lead there. `code` is that of the invariant it breaks."""

    code: str
    sentence: str
    expected: int | None = None
    found: int | None = None
    account_id: UUID | None = None
    entry_number: int | None = None
    transaction_id: UUID | None = None
    hold_id: UUID | None = None
    voucher_id: UUID | None = None


Walk = Callable[[Transaction, Seen], Iterable[Difference]]


def of_transactions(tx: Transaction, seen: Seen) -> Iterator[Difference]:
    """Zero sums; and that a charge, a refund and a voucher are what is stored of them beside the ledger."""
    for row in queries.transactions(tx, seen):
        if row.legs < 2 or row.total != 0:
            sentence = f"ledger transaction {row.id} has {row.legs} legs that add up to {row.total}"
            yield Difference("INV-M1", sentence, 0, row.total, transaction_id=row.id)
        if row.kind == "charge":
            yield from _of_charge(row)
        is_refund = row.kind == "refund"
        if is_refund != (row.refunded is not None) or (is_refund and row.users != row.refunded):
            sentence = f"ledger transaction {row.id} ({row.kind}) and the refund that is noted for it disagree"
            yield Difference("INV-M8", sentence, row.refunded, row.users, transaction_id=row.id)
        if (row.kind == "voucher") != (row.voucher_id is not None):
            sentence = f"ledger transaction {row.id} ({row.kind}) and the uses of vouchers disagree"
            yield Difference("INV-M9", sentence, transaction_id=row.id, voucher_id=row.voucher_id)


def _of_charge(row: Any) -> Iterator[Difference]:
    if row.hold_state != "settled":
        yield Difference("INV-M4", f"ledger transaction {row.id} is a charge without a settled hold", transaction_id=row.id)
        return
    for what, expected, found in (("charge", -row.users, row.hold_charge), ("overrun", -row.overrun, row.hold_overrun)):
        if expected != found:
            sentence = f"hold {row.id} and the ledger disagree about its {what}: derived {expected}, stored {found}"
            yield Difference("INV-M4", sentence, expected, found, transaction_id=row.id, hold_id=row.id)


def of_wallets(tx: Transaction, seen: Seen) -> Iterator[Difference]:
    """Each wallet's entries in their order, and then the wallet. Both come by account, so that they are read side by side, once."""
    chains = groupby(queries.entries(tx, seen), key=lambda entry: entry.account_id)
    chain = next(chains, None)
    for wallet in queries.wallets(tx, seen):
        while chain is not None and chain[0] < wallet.account_id:
            yield _without_wallet(chain[0])
            chain = next(chains, None)
        posted = count = 0
        if chain is not None and chain[0] == wallet.account_id:
            for entry in chain[1]:
                yield from _of_entry(entry, posted, count)
                posted, count = entry.balance, entry.number
            chain = next(chains, None)
        yield from _of_wallet(wallet, posted, count)
    while chain is not None:
        yield _without_wallet(chain[0])
        chain = next(chains, None)


def _without_wallet(account_id: UUID) -> Difference:
    return Difference("INV-M2", f"account {account_id} has ledger entries and no wallet", account_id=account_id)


def _of_entry(entry: Any, posted: int, count: int) -> Iterator[Difference]:
    """An entry against those before it: what is wrong with one is not held against all that follow."""
    where = {"account_id": entry.account_id, "entry_number": entry.number, "transaction_id": entry.transaction_id}
    name = f"entry {entry.number} of wallet {entry.account_id}"
    if entry.is_orphan:
        yield Difference("INV-M1", f"{name} belongs to ledger transaction {entry.transaction_id}, which is missing", **where)
    if entry.number != count + 1:
        yield Difference("INV-M2", f"{name} follows entry {count}", count + 1, entry.number, **where)
    elif entry.balance != posted + entry.amount:
        expected = posted + entry.amount
        yield Difference("INV-M2", f"{name} says balance {entry.balance}; derived: {expected}", expected, entry.balance, **where)


def _of_wallet(wallet: Any, posted: int, count: int) -> Iterator[Difference]:
    stored = wallet.available + wallet.held
    facts = (("entries", count, wallet.entries), ("held", wallet.open_holds, wallet.held), ("posted", posted, stored))
    wrong = next(((what, expected, found) for what, expected, found in facts if expected != found), None)
    if wrong is None and min(wallet.available, wallet.held) < 0:
        wrong = ("at least available and held", 0, min(wallet.available, wallet.held))
    if wrong is not None:
        what, expected, found = wrong
        sentence = (
            f"wallet {wallet.account_id} has {wallet.available} available, {wallet.held} held, {wallet.entries} entries; "
            f"derived: {posted} posted, {wallet.open_holds} held, {count} entries ({what}: {expected} expected, {found} found)"
        )
        yield Difference("INV-M2", sentence, expected, found, account_id=wallet.account_id)


def of_holds(tx: Transaction, seen: Seen) -> Iterator[Difference]:
    overdue = tx.now() - GRACE
    for hold in queries.holds(tx, seen):
        where = {"account_id": hold.account_id, "hold_id": hold.id}
        is_open, cost = hold.state == "open", hold.charge + hold.overrun
        if is_open and hold.amount and hold.lacks_wallet:
            yield Difference("INV-M2", f"hold {hold.id} is open and there is no wallet behind it", 0, hold.amount, **where)
        if is_open != hold.is_unresolved or (hold.state != "settled" and cost):
            yield Difference("INV-M3", f"hold {hold.id} is half resolved", **where)
        if is_open and hold.expires_at is not None and hold.expires_at < overdue:
            yield Difference("INV-M3", f"hold {hold.id} should have expired and is open", **where)
        if not 0 <= hold.charge <= hold.amount or hold.overrun < 0:
            yield Difference("INV-M4", f"hold {hold.id} was charged more than its amount, or less than nothing", hold.amount, hold.charge, **where)
        if hold.state == "settled" and cost and hold.lacks_charge:
            yield Difference("INV-M4", f"hold {hold.id} and the ledger disagree about its charge: it is not in the ledger", 0, cost, **where)


def of_refunds(tx: Transaction, seen: Seen) -> Iterator[Difference]:
    for row in queries.refunds(tx, seen):
        where = {"account_id": row.account_id, "transaction_id": row.id, "hold_id": row.id}
        if row.charge is None or row.refunded > row.charge:
            yield Difference("INV-M8", f"of charge {row.id}, which is {row.charge or 0}, {row.refunded} were refunded", row.charge or 0, row.refunded, **where)
        elif row.elsewhere:
            yield Difference("INV-M8", f"{row.elsewhere} refunds of charge {row.id} are not in the wallet that was charged", 0, row.elsewhere, **where)


def of_vouchers(tx: Transaction, seen: Seen) -> Iterator[Difference]:
    for row in queries.vouchers(tx, seen):
        if row.counted != row.uses or row.uses > row.max_uses:
            sentence = f"voucher {row.id} has {row.counted} of {row.max_uses} uses counted; derived: {row.uses}"
            yield Difference("INV-M9", sentence, row.uses, row.counted, voucher_id=row.id)
        if row.unpaid:
            yield Difference("INV-M9", f"{row.unpaid} uses of voucher {row.id} are not in the ledger as they should be", 0, row.unpaid, voucher_id=row.id)


def of_references(tx: Transaction, seen: Seen) -> Iterator[Difference]:
    for row in queries.used_twice(tx):
        yield Difference("INV-M7", f"the {row.kind} with reference {row.reference} is in the ledger twice")


def of_budgets(tx: Transaction, seen: Seen) -> Iterator[Difference]:
    for row in budget_checks.wrong_uses(tx):
        sentence = f"budget of {row.owner_id} for the {row.period} from {row.starts_on} counts {row.used} used; derived: {row.derived}"
        yield Difference("INV-M10", sentence, account_id=row.account_id, expected=row.derived, found=row.used)
    for account_id in budget_checks.unmarked_wallets(tx):
        yield Difference("INV-M10", f"wallet {account_id} has a budget and does not look for it", account_id=account_id)


WALKS: tuple[Walk, ...] = (of_transactions, of_wallets, of_holds, of_refunds, of_vouchers, of_references, of_budgets)


async def find_difference(db: Database, seen: Seen) -> Difference | None:
    """The first, in the order of the ledger's own ids; None when everything agrees. All is seen in one snapshot, so a busy server may go on beside it."""
    return await db.read(lambda tx: next((difference for walk in WALKS for difference in walk(tx, seen)), None), snapshot=True)
