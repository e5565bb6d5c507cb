"""The SQL that sums up what the platform has, and what it has paid for itself."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, String, column, text

from parlor.core.db import Transaction, statement

_sums = statement(
    text(
        "SELECT platform, CAST(SUM(amount_micros) AS BIGINT) AS amount FROM ledger_entries WHERE platform IS NOT NULL GROUP BY platform ORDER BY platform"
    ).columns(column("platform", String()), column("amount", BigInteger()))
)
_own = statement(
    text(
        "SELECT purpose, COUNT(*) AS calls, CAST(SUM(overrun_micros) AS BIGINT) AS cost_micros, CAST(SUM(input_tokens) AS BIGINT) AS input_tokens, "
        "CAST(SUM(output_tokens) AS BIGINT) AS output_tokens FROM holds "
        "WHERE turn_id IS NULL AND amount_micros = 0 AND state = 'settled' AND overrun_micros > 0 GROUP BY purpose ORDER BY purpose"
    ).columns(column("purpose", String()), *(column(name, BigInteger()) for name in ("calls", "cost_micros", "input_tokens", "output_tokens")))
)


def platform_sums(tx: Transaction) -> Sequence[Any]:
    """Of every platform account the sum of its entries."""
    return tx.run(_sums).all()


def own_costs(tx: Transaction) -> Sequence[Any]:
    """What single calls have cost for which nobody was to pay, by purpose."""
    return tx.run(_own).all()
