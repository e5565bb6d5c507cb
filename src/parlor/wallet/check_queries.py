"""The SQL that derives every balance again. It reads whole tables, and says at most 20 things about each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, String, bindparam, column, text

from parlor.core.db import Id, Transaction, UtcTime, statement

_ID, _ACCOUNT = column("id", Id()), column("account_id", Id())


def _micros(*names: str) -> list[Any]:
    return [column(name, BigInteger()) for name in names]


_unbalanced = statement(
    text("""
    SELECT t.id AS id, CAST(COALESCE(SUM(e.amount_micros), 0) AS BIGINT) AS total, COUNT(e.id) AS legs
    FROM ledger_transactions t LEFT JOIN ledger_entries e ON e.transaction_id = t.id
    GROUP BY t.id HAVING COUNT(e.id) < 2 OR SUM(e.amount_micros) <> 0 LIMIT 20
    """).columns(_ID, *_micros("total", "legs"))
)

_wrong_wallets = statement(
    text("""
    SELECT * FROM (
        SELECT w.account_id AS account_id, w.available_micros AS available, w.held_micros AS held, w.entry_count AS entries,
            CAST(COALESCE(e.total, 0) AS BIGINT) AS posted, CAST(COALESCE(h.total, 0) AS BIGINT) AS open_holds, COALESCE(e.entries, 0) AS numbered
        FROM wallets w
        LEFT JOIN (
            SELECT account_id, SUM(amount_micros) AS total, COUNT(*) AS entries FROM ledger_entries WHERE account_id IS NOT NULL GROUP BY account_id
        ) e ON e.account_id = w.account_id
        LEFT JOIN (SELECT account_id, SUM(amount_micros) AS total FROM holds WHERE state = 'open' GROUP BY account_id) h ON h.account_id = w.account_id
    ) found
    WHERE available + held <> posted OR held <> open_holds OR entries <> numbered OR available < 0 OR held < 0
    ORDER BY account_id LIMIT 20
    """).columns(_ACCOUNT, *_micros("available", "held", "entries", "posted", "open_holds", "numbered"))
)

_held_without_wallet = statement(
    text("""
    SELECT h.id AS id FROM holds h LEFT JOIN wallets w ON w.account_id = h.account_id
    WHERE h.state = 'open' AND h.amount_micros > 0 AND w.account_id IS NULL LIMIT 20
    """).columns(_ID)
)

_broken_chain = statement(
    text("""
    SELECT * FROM (
        SELECT account_id, number, balance_micros AS balance,
            CAST(SUM(amount_micros) OVER (PARTITION BY account_id ORDER BY number) AS BIGINT) AS derived,
            ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY number) AS place
        FROM ledger_entries WHERE account_id IS NOT NULL
    ) found
    WHERE balance <> derived OR number <> place ORDER BY account_id, number LIMIT 20
    """).columns(_ACCOUNT, *_micros("number", "balance", "derived", "place"))
)

_half_resolved = statement(
    text("""
    SELECT id FROM holds
    WHERE (state = 'open') <> (resolved_at IS NULL) OR (state <> 'settled' AND (charge_micros <> 0 OR overrun_micros <> 0)) LIMIT 20
    """).columns(_ID)
)

_overdue = statement(
    text("SELECT id FROM holds WHERE state = 'open' AND expires_at < :before LIMIT 20").bindparams(bindparam("before", type_=UtcTime())).columns(_ID)
)

_over_hold = statement(text("SELECT id FROM holds WHERE charge_micros > amount_micros OR charge_micros < 0 OR overrun_micros < 0 LIMIT 20").columns(_ID))

_wrong_charges = statement(
    text("""
    SELECT h.id AS id FROM holds h
    LEFT JOIN ledger_transactions t ON t.id = h.id AND t.kind = 'charge'
    LEFT JOIN (
        SELECT transaction_id, SUM(CASE WHEN account_id IS NOT NULL THEN -amount_micros ELSE 0 END) AS charged,
            SUM(CASE WHEN platform = 'overrun' THEN -amount_micros ELSE 0 END) AS overrun
        FROM ledger_entries GROUP BY transaction_id
    ) e ON e.transaction_id = h.id
    WHERE (h.charge_micros <> 0 OR h.overrun_micros <> 0 OR t.id IS NOT NULL)
        AND (t.id IS NULL OR e.transaction_id IS NULL OR e.charged <> h.charge_micros OR e.overrun <> h.overrun_micros) LIMIT 20
    """).columns(_ID)
)

_charged_for_nothing = statement(
    text("""
    SELECT t.id AS id FROM ledger_transactions t LEFT JOIN holds h ON h.id = t.id AND h.state = 'settled'
    WHERE t.kind = 'charge' AND h.id IS NULL LIMIT 20
    """).columns(_ID)
)

_used_twice = statement(
    text("SELECT kind, reference FROM ledger_transactions GROUP BY kind, reference HAVING COUNT(*) > 1 LIMIT 20").columns(
        column("kind", String()), column("reference", String())
    )
)


def unbalanced(tx: Transaction) -> Sequence[Any]:
    return tx.run(_unbalanced).all()


def wrong_wallets(tx: Transaction) -> Sequence[Any]:
    return tx.run(_wrong_wallets).all()


def held_without_wallet(tx: Transaction) -> Sequence[Any]:
    return tx.run(_held_without_wallet).all()


def broken_chain(tx: Transaction) -> Sequence[Any]:
    """Entries whose number or balance is not what the entries before them make it."""
    return tx.run(_broken_chain).all()


def half_resolved(tx: Transaction) -> Sequence[Any]:
    return tx.run(_half_resolved).all()


def overdue(tx: Transaction, before: datetime) -> Sequence[UUID]:
    return tx.run(_overdue, before=before).scalars()


def over_hold(tx: Transaction) -> Sequence[Any]:
    return tx.run(_over_hold).all()


def wrong_charges(tx: Transaction) -> Sequence[Any]:
    """Holds whose charge or overrun is not what the ledger has under the same id."""
    return tx.run(_wrong_charges).all()


def charged_for_nothing(tx: Transaction) -> Sequence[Any]:
    return tx.run(_charged_for_nothing).all()


def used_twice(tx: Transaction) -> Sequence[Any]:
    return tx.run(_used_twice).all()
