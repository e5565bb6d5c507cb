"""Questions about many callers at once."""

from uuid import UUID

import msgspec
from sqlalchemy import bindparam, or_, select

from parlor.accounts.tables import AccountRow, ApiKeyRow, SignInRow
from parlor.core.db import Transaction, UtcTime, in_ids, statement

_now = bindparam("now", type_=UtcTime)
_accounts = statement(select(AccountRow.id).where(in_ids(AccountRow.id, "ids"), AccountRow.status == "active", AccountRow.erased_at.is_(None)))
_sign_ins = statement(select(SignInRow.id).where(in_ids(SignInRow.id, "ids"), SignInRow.ended_at.is_(None), SignInRow.expires_at > _now))
_api_keys = statement(
    select(ApiKeyRow.id).where(in_ids(ApiKeyRow.id, "ids"), ApiKeyRow.revoked_at.is_(None), or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > _now))
)


class Readers(msgspec.Struct, frozen=True):
    """Ids of accounts, and of the sign-ins and API keys through which they read."""

    accounts: set[UUID]
    sign_ins: set[UUID]
    api_keys: set[UUID]


def living(tx: Transaction, readers: Readers) -> Readers:
    """Those of them that may still read."""
    now = tx.now()
    return Readers(
        set(tx.run(_accounts, ids=list(readers.accounts)).scalars()),
        set(tx.run(_sign_ins, ids=list(readers.sign_ins), now=now).scalars()) if readers.sign_ins else set(),
        set(tx.run(_api_keys, ids=list(readers.api_keys), now=now).scalars()) if readers.api_keys else set(),
    )
