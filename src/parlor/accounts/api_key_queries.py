"""Questions about API keys."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, and_, bindparam, delete, func, or_, select, update

from parlor.accounts.tables import ApiKeyRow
from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement


class ApiKey(NamedTuple):
    """What is stored of a key, without the hash of its text. `prefix` is how the text begins."""

    id: UUID
    account_id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


_COLUMNS = tuple(ApiKeyRow.__table__.c[name] for name in ApiKey._fields)
_NOW = bindparam("now", type_=UtcTime)
_IS_LIVING = and_(ApiKeyRow.revoked_at.is_(None), or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > _NOW))
_IS_OWN = (ApiKeyRow.id == bindparam("key_id", type_=Id), ApiKeyRow.account_id == bindparam("of_account", type_=Id))


def _api_key(row: Any) -> ApiKey | None:
    return None if row is None else ApiKey(*row)


_add = statement(
    insert(ApiKeyRow).values(
        columns_of(ApiKeyRow, "id", "account_id", "name", "prefix", "key_hash", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    )
)


def add(tx: Transaction, **values: Any) -> None:
    tx.run(_add, **values, created_at=tx.now(), last_used_at=None, revoked_at=None)


_by_hash = statement(select(*_COLUMNS).where(ApiKeyRow.key_hash == bindparam("key_hash")))
_of_account = statement(select(*_COLUMNS).where(*_IS_OWN))


def find_by_hash(tx: Transaction, key_hash: bytes) -> ApiKey | None:
    """Also when it is revoked or expired."""
    return _api_key(tx.run(_by_hash, key_hash=key_hash).one_or_none())


def find(tx: Transaction, account_id: UUID, key_id: UUID) -> ApiKey | None:
    return _api_key(tx.run(_of_account, key_id=key_id, of_account=account_id).one_or_none())


_page = statement(
    select(*_COLUMNS)
    .where(ApiKeyRow.account_id == bindparam("of_account", type_=Id), ApiKeyRow.id < bindparam("before", type_=Id))
    .order_by(ApiKeyRow.id.desc())
    .limit(bindparam("most", type_=BigInteger))
)


def list_page(tx: Transaction, account_id: UUID, *, before: UUID, most: int) -> list[ApiKey]:
    """The newest keys older than `before`, revoked ones too."""
    return [ApiKey(*row) for row in tx.run(_page, of_account=account_id, before=before, most=most).all()]


_count_living = statement(select(func.count().label("keys")).where(ApiKeyRow.account_id == bindparam("of_account", type_=Id), _IS_LIVING))


def count_living(tx: Transaction, account_id: UUID) -> int:
    return tx.run(_count_living, of_account=account_id, now=tx.now()).scalar()


_rename = statement(update(ApiKeyRow).where(*_IS_OWN).values(name=bindparam("new_name", type_=ApiKeyRow.__table__.c["name"].type)).returning(*_COLUMNS))


def rename(tx: Transaction, account_id: UUID, key_id: UUID, name: str) -> ApiKey | None:
    return _api_key(tx.run(_rename, of_account=account_id, key_id=key_id, new_name=name).one_or_none())


_revoke = statement(update(ApiKeyRow).where(*_IS_OWN, ApiKeyRow.revoked_at.is_(None)).values(revoked_at=_NOW).returning(ApiKeyRow.id))
_revoke_all = statement(
    update(ApiKeyRow)
    .where(ApiKeyRow.account_id == bindparam("of_account", type_=Id), ApiKeyRow.revoked_at.is_(None))
    .values(revoked_at=_NOW)
    .returning(ApiKeyRow.id)
)


def revoke(tx: Transaction, account_id: UUID, key_id: UUID) -> bool:
    """False when it was revoked before, or is not there."""
    return tx.run(_revoke, of_account=account_id, key_id=key_id, now=tx.now()).one_or_none() is not None


def revoke_all(tx: Transaction, account_id: UUID) -> list[UUID]:
    """Those that this has revoked."""
    return tx.run(_revoke_all, of_account=account_id, now=tx.now()).scalars()


_note_use = statement(
    update(ApiKeyRow)
    .where(
        ApiKeyRow.id == bindparam("key_id", type_=Id),
        or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at <= bindparam("stored_before", type_=UtcTime)),
    )
    .values(last_used_at=bindparam("used_at", type_=UtcTime))
)


def note_uses(tx: Transaction, uses: Iterable[tuple[UUID, datetime]], stored_before: datetime) -> None:
    """When these keys were used. A key whose stored time is younger than `stored_before` is left alone: another process was faster."""
    # in one order everywhere, so that two processes do not wait for each other's rows
    tx.run_many(_note_use, [{"key_id": key_id, "used_at": used_at, "stored_before": stored_before} for key_id, used_at in sorted(uses)])


_delete_all = statement(delete(ApiKeyRow).where(ApiKeyRow.account_id == bindparam("of_account", type_=Id)).returning(ApiKeyRow.id))


def delete_all(tx: Transaction, account_id: UUID) -> int:
    """How many there were."""
    return len(tx.run(_delete_all, of_account=account_id).all())
