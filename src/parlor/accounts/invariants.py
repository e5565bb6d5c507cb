"""What must hold of accounts at every commit."""

from collections.abc import Iterable

from parlor.accounts import queries, sign_in_queries
from parlor.core.db import Transaction
from parlor.core.invariants import Invariant


def _one_first_administrator(tx: Transaction) -> Iterable[str]:
    if (count := queries.count_first_admins(tx)) > 1:
        yield f"{count} accounts are the first administrator"


def _one_live_refresh_token(tx: Transaction) -> Iterable[str]:
    for sign_in_id in sign_in_queries.sign_ins_with_two_live_tokens(tx):
        yield f"the sign-in {sign_in_id} has more than one unused refresh token"


INVARIANTS = (
    Invariant("INV-A1", "At most one account is the first administrator.", _one_first_administrator),
    Invariant("INV-A2", "A sign-in has at most one unused refresh token.", _one_live_refresh_token),
)
