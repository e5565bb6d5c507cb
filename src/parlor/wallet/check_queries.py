"""The SQL that derives every balance again, in pages: each statement reads on behind a key, so that a ledger of any length fits in memory."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Integer, String, bindparam, column, text

from parlor.core.db import Id, Statement, Transaction, UtcTime, statement

PAGE = 1000
BEFORE_THE_FIRST = UUID(int=0)

Seen = Callable[[int], None]
"""Told after each page how many rows it had."""


def _ids(*names: str) -> list[Any]:
    return [column(name, Id()) for name in names]


def _numbers(*names: str) -> list[Any]:
    return [column(name, BigInteger()) for name in names]


def _texts(*names: str) -> list[Any]:
    return [column(name, String()) for name in names]


def _page(sql: str, *columns: Any) -> Statement:
    keys = (bindparam("after", type_=Id()), bindparam("most", type_=Integer()))
    return statement(text(sql).bindparams(*keys).columns(*columns))


_transactions = _page(
    """
    SELECT t.id AS id, t.kind AS kind, COUNT(e.id) AS legs, CAST(COALESCE(SUM(e.amount_micros), 0) AS BIGINT) AS total,
        CAST(COALESCE(SUM(CASE WHEN e.account_id IS NOT NULL THEN e.amount_micros ELSE 0 END), 0) AS BIGINT) AS users,
        CAST(COALESCE(SUM(CASE WHEN e.platform = 'overrun' THEN e.amount_micros ELSE 0 END), 0) AS BIGINT) AS overrun,
        h.state AS hold_state, h.charge_micros AS hold_charge, h.overrun_micros AS hold_overrun, r.amount_micros AS refunded, u.voucher_id AS voucher_id
    FROM (SELECT id, kind FROM ledger_transactions WHERE id > :after ORDER BY id LIMIT :most) t
    LEFT JOIN ledger_entries e ON e.transaction_id = t.id
    LEFT JOIN holds h ON h.id = t.id
    LEFT JOIN refunds r ON r.transaction_id = t.id
    LEFT JOIN voucher_uses u ON u.transaction_id = t.id
    GROUP BY t.id, t.kind, h.state, h.charge_micros, h.overrun_micros, r.amount_micros, u.voucher_id
    ORDER BY t.id
    """,
    *_ids("id"),
    *_texts("kind"),
    *_numbers("legs", "total", "users", "overrun"),
    *_texts("hold_state"),
    *_numbers("hold_charge", "hold_overrun", "refunded"),
    *_ids("voucher_id"),
)

_wallets = _page(
    """
    SELECT w.account_id AS account_id, w.available_micros AS available, w.held_micros AS held, w.entry_count AS entries,
        CAST(COALESCE((SELECT SUM(h.amount_micros) FROM holds h WHERE h.account_id = w.account_id AND h.state = 'open'), 0) AS BIGINT) AS open_holds
    FROM wallets w WHERE w.account_id > :after ORDER BY w.account_id LIMIT :most
    """,
    *_ids("account_id"),
    *_numbers("available", "held", "entries", "open_holds"),
)

_entries = statement(
    text("""
    SELECT e.account_id AS account_id, e.number AS number, e.amount_micros AS amount, e.balance_micros AS balance, e.transaction_id AS transaction_id,
        t.id IS NULL AS is_orphan
    FROM ledger_entries e LEFT JOIN ledger_transactions t ON t.id = e.transaction_id
    WHERE e.account_id IS NOT NULL AND (e.account_id, e.number) > (:account, :number) ORDER BY e.account_id, e.number LIMIT :most
    """)
    .bindparams(bindparam("account", type_=Id()), bindparam("number", type_=BigInteger()), bindparam("most", type_=Integer()))
    .columns(*_ids("account_id"), *_numbers("number", "amount", "balance"), *_ids("transaction_id"), column("is_orphan", Boolean()))
)

_holds = _page(
    """
    SELECT h.id AS id, h.account_id AS account_id, h.state AS state, h.amount_micros AS amount, h.charge_micros AS charge, h.overrun_micros AS overrun,
        h.expires_at AS expires_at, h.resolved_at IS NULL AS is_unresolved, w.account_id IS NULL AS lacks_wallet, t.id IS NULL AS lacks_charge
    FROM holds h
    LEFT JOIN wallets w ON w.account_id = h.account_id
    LEFT JOIN ledger_transactions t ON t.id = h.id AND t.kind = 'charge'
    WHERE h.id > :after ORDER BY h.id LIMIT :most
    """,
    *_ids("id", "account_id"),
    *_texts("state"),
    *_numbers("amount", "charge", "overrun"),
    column("expires_at", UtcTime()),
    *[column(name, Boolean()) for name in ("is_unresolved", "lacks_wallet", "lacks_charge")],
)

_refunds = _page(
    """
    SELECT r.charge_id AS id, h.account_id AS account_id, h.charge_micros AS charge, CAST(SUM(r.amount_micros) AS BIGINT) AS refunded,
        SUM(CASE WHEN e.id IS NULL THEN 1 ELSE 0 END) AS elsewhere
    FROM refunds r
    LEFT JOIN holds h ON h.id = r.charge_id
    LEFT JOIN ledger_entries e ON e.transaction_id = r.transaction_id AND e.account_id = h.account_id
    WHERE r.charge_id > :after GROUP BY r.charge_id, h.account_id, h.charge_micros ORDER BY r.charge_id LIMIT :most
    """,
    *_ids("id", "account_id"),
    *_numbers("charge", "refunded", "elsewhere"),
)

_vouchers = _page(
    """
    SELECT v.id AS id, v.max_uses AS max_uses, v.use_count AS counted, COUNT(u.account_id) AS uses,
        SUM(CASE WHEN u.account_id IS NOT NULL AND (e.id IS NULL OR e.amount_micros <> v.amount_micros) THEN 1 ELSE 0 END) AS unpaid
    FROM (SELECT id, amount_micros, max_uses, use_count FROM vouchers WHERE id > :after ORDER BY id LIMIT :most) v
    LEFT JOIN voucher_uses u ON u.voucher_id = v.id
    LEFT JOIN ledger_transactions t ON t.id = u.transaction_id AND t.kind = 'voucher'
    LEFT JOIN ledger_entries e ON e.transaction_id = t.id AND e.account_id = u.account_id
    GROUP BY v.id, v.max_uses, v.use_count ORDER BY v.id
    """,
    *_ids("id"),
    *_numbers("max_uses", "counted", "uses", "unpaid"),
)

_used_twice = statement(
    text("SELECT kind, reference FROM ledger_transactions GROUP BY kind, reference HAVING COUNT(*) > 1 LIMIT 20").columns(*_texts("kind", "reference"))
)

_overdue = statement(
    text("SELECT id FROM holds WHERE state = 'open' AND expires_at < :before LIMIT 20").bindparams(bindparam("before", type_=UtcTime())).columns(*_ids("id"))
)


def _all(tx: Transaction, page: Statement, seen: Seen) -> Iterator[Any]:
    """All rows of a statement that reads on behind the id in its first column."""
    after = BEFORE_THE_FIRST
    while rows := tx.run(page, after=after, most=PAGE).all():
        seen(len(rows))
        yield from rows
        after = rows[-1][0]


def transactions(tx: Transaction, seen: Seen) -> Iterator[Any]:
    """Every ledger transaction with the sums of its legs, and what it should agree with: its hold, refund or use of a voucher."""
    return _all(tx, _transactions, seen)


def wallets(tx: Transaction, seen: Seen) -> Iterator[Any]:
    """Every wallet by account, with the sum of its open holds."""
    return _all(tx, _wallets, seen)


def entries(tx: Transaction, seen: Seen) -> Iterator[Any]:
    """Every entry of every user by account and number."""
    account_id, number = BEFORE_THE_FIRST, 0
    while rows := tx.run(_entries, account=account_id, number=number, most=PAGE).all():
        seen(len(rows))
        yield from rows
        account_id, number = rows[-1].account_id, rows[-1].number


def holds(tx: Transaction, seen: Seen) -> Iterator[Any]:
    return _all(tx, _holds, seen)


def refunds(tx: Transaction, seen: Seen) -> Iterator[Any]:
    """Every charge that was given back, with the sum of its refunds, and how many of them went to another wallet."""
    return _all(tx, _refunds, seen)


def vouchers(tx: Transaction, seen: Seen) -> Iterator[Any]:
    """Every voucher, with how often it was used, and how many of these uses the ledger does not have."""
    return _all(tx, _vouchers, seen)


def used_twice(tx: Transaction) -> Sequence[Any]:
    return tx.run(_used_twice).all()


def overdue(tx: Transaction, before: datetime) -> Sequence[UUID]:
    """Twenty at most."""
    return tx.run(_overdue, before=before).scalars()
