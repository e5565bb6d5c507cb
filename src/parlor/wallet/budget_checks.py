"""The SQL that derives the count of every budget again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, String, column, text

from parlor.core.db import Id, Transaction, statement

_COLUMNS = (
    *(column("account_id", Id()), column("owner_id", Id()), column("period", String()), column("starts_on", String())),
    *(column("used", BigInteger()), column("derived", BigInteger())),
)


def _derive(day_of_hold: str) -> Any:
    return text(f"""
    SELECT b.account_id AS account_id, u.owner_id AS owner_id, u.period AS period, u.starts_on AS starts_on, u.used_micros AS used,
        CAST(COALESCE(SUM(CASE WHEN h.state = 'open' THEN h.amount_micros ELSE h.charge_micros END), 0) AS BIGINT) AS derived
    FROM budget_uses u
    LEFT JOIN budgets b ON b.owner_id = u.owner_id AND b.period = u.period
    LEFT JOIN holds h ON h.account_id = b.account_id AND (b.owner_id = b.account_id OR h.api_key_id = b.owner_id)
        AND (u.period = 'total' OR u.starts_on = CASE u.period WHEN 'day' THEN {day_of_hold} ELSE substr({day_of_hold}, 1, 7) || '-01' END)
    GROUP BY b.account_id, u.owner_id, u.period, u.starts_on, u.used_micros
    HAVING u.used_micros <> COALESCE(SUM(CASE WHEN h.state = 'open' THEN h.amount_micros ELSE h.charge_micros END), 0)
    ORDER BY u.owner_id, u.period, u.starts_on LIMIT 20
    """).columns(*_COLUMNS)


_wrong_uses = statement(
    sqlite=_derive("strftime('%Y-%m-%d', h.created_at / 1000000, 'unixepoch')"),
    postgres=_derive("to_char(h.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"),
)
_unmarked = statement(
    text(
        "SELECT DISTINCT b.account_id AS account_id FROM budgets b LEFT JOIN wallets w ON w.account_id = b.account_id "
        "WHERE w.account_id IS NULL OR NOT w.has_budget LIMIT 20"
    ).columns(_COLUMNS[0])
)


def wrong_uses(tx: Transaction) -> Sequence[Any]:
    """The first counts of a period that its holds do not add up to."""
    return tx.run(_wrong_uses).all()


def unmarked_wallets(tx: Transaction) -> Sequence[UUID]:
    """Accounts with a budget that no hold would look for."""
    return tx.run(_unmarked).scalars()
