"""What must be true of stored money, derived from the ledger and the holds alone; and how the wallet is."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from parlor.core.db import Database, Transaction
from parlor.core.health import Check, Health, Status
from parlor.core.invariants import Invariant
from parlor.wallet import check_queries as queries

GRACE = timedelta(minutes=5)
"""The job that expires holds runs every minute."""

_Find = Callable[[Transaction], Sequence[Any]]
_Violations = Callable[[Transaction], Iterable[str]]


def _each(find: _Find, sentence: str) -> _Violations:
    """One sentence per row found, with its columns by name."""
    return lambda tx: [sentence.format(**row._asdict()) for row in find(tx)]


def _all(*checks: _Violations) -> _Violations:
    return lambda tx: [sentence for check in checks for sentence in check(tx)]


def _overdue_holds(tx: Transaction) -> Iterable[str]:
    return [f"hold {hold_id} should have expired and is open" for hold_id in queries.overdue(tx, tx.now() - GRACE)]


def invariants() -> Sequence[Invariant]:
    return (
        Invariant(
            "INV-M1",
            "The legs of every ledger transaction add up to zero.",
            _each(queries.unbalanced, "ledger transaction {id} has {legs} legs that add up to {total}"),
        ),
        Invariant(
            "INV-M2",
            "Every wallet is what its entries and open holds say, and never below zero.",
            _all(
                _each(
                    queries.wrong_wallets,
                    "wallet {account_id} has {available} available, {held} held, {entries} entries; "
                    "derived: {posted} posted, {open_holds} held, {numbered} entries",
                ),
                _each(queries.held_without_wallet, "hold {id} is open and there is no wallet behind it"),
                _each(queries.broken_chain, "entry {number} of wallet {account_id} says balance {balance}; derived: entry {place}, balance {derived}"),
            ),
        ),
        Invariant(
            "INV-M3",
            "A hold is open, or resolved once, and none outlives its time.",
            _all(_each(queries.half_resolved, "hold {id} is half resolved"), _overdue_holds),
        ),
        Invariant(
            "INV-M4",
            "A charge is within its hold, and the ledger has exactly it and its overrun.",
            _all(
                _each(queries.over_hold, "hold {id} was charged more than its amount, or less than nothing"),
                _each(queries.wrong_charges, "hold {id} and the ledger disagree about its charge"),
                _each(queries.charged_for_nothing, "ledger transaction {id} is a charge without a settled hold"),
            ),
        ),
        Invariant("INV-M7", "A reference gives credit once.", _each(queries.used_twice, "the {kind} with reference {reference} is in the ledger twice")),
    )


def health(db: Database) -> Sequence[Check]:
    async def look() -> Health:
        overdue = await db.read(lambda tx: queries.overdue(tx, tx.now() - GRACE))
        if overdue:
            advice = "Jobs do not run: look at the health of jobs, or start `parlor worker`."
            return Health(Status.DEGRADED, last_error="Holds are not given back in time.", advice=advice, details={"overdue_holds": len(overdue)})
        return Health(Status.OK)

    return (Check("wallet", look),)
