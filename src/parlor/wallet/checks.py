"""What must be true of stored money, derived from the ledger and the holds alone; and how the wallet is."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from parlor.core.db import Database, Transaction
from parlor.core.health import Check, Health, Status
from parlor.core.invariants import Invariant
from parlor.wallet import check_queries as queries
from parlor.wallet import verification
from parlor.wallet.verification import GRACE, Walk

MOST_SENTENCES = 20


def _say_nothing(_rows: int) -> None: ...


def _broken(code: str, *walks: Walk) -> Callable[[Transaction], Iterable[str]]:
    """One sentence for each of the first differences that these walks find under this code."""

    def violations(tx: Transaction) -> Iterable[str]:
        found = (each.sentence for walk in walks for each in walk(tx, _say_nothing) if each.code == code)
        return list(islice(found, MOST_SENTENCES))

    return violations


_RULES: Sequence[tuple[str, str, Sequence[Walk]]] = (
    ("INV-M1", "The legs of every ledger transaction add up to zero.", (verification.of_transactions, verification.of_wallets)),
    ("INV-M2", "Every wallet is what its entries and open holds say, and never below zero.", (verification.of_wallets, verification.of_holds)),
    ("INV-M3", "A hold is open, or resolved once, and none outlives its time.", (verification.of_holds,)),
    ("INV-M4", "A charge is within its hold, and the ledger has exactly it and its overrun.", (verification.of_holds, verification.of_transactions)),
    ("INV-M7", "A reference gives credit once.", (verification.of_references,)),
    ("INV-M8", "Of a charge at most all is given back, to the wallet that was charged.", (verification.of_transactions, verification.of_refunds)),
    ("INV-M9", "A voucher was used as often as it counts, and each use is in the ledger.", (verification.of_transactions, verification.of_vouchers)),
    ("INV-M10", "What is used of a budget is what its holds were charged or hold.", (verification.of_budgets,)),
)


def invariants() -> Sequence[Invariant]:
    return [Invariant(code, statement, _broken(code, *walks)) for code, statement, walks in _RULES]


def health(db: Database) -> Sequence[Check]:
    async def look() -> Health:
        overdue = await db.read(lambda tx: queries.overdue(tx, tx.now() - GRACE))
        if overdue:
            advice = "Jobs do not run: look at the health of jobs, or start `parlor worker`."
            return Health(Status.DEGRADED, last_error="Holds are not given back in time.", advice=advice, details={"overdue_holds": len(overdue)})
        return Health(Status.OK)

    return (Check("wallet", look),)
