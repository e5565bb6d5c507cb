"""Every SQL statement of the idempotency keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, null, select, tuple_, update

from parlor.core.db import Id, Json, Transaction, UtcTime, columns_of, insert, statement
from parlor.core.idempotency.tables import IdempotencyKey as Key

_new = insert(Key).values(columns_of(Key, "account_id", "key", "route", "body_hash", "result", "token", "created_at", "expires_at"))
_fresh = {name: _new.excluded[name] for name in ("route", "body_hash", "result", "token", "created_at", "expires_at")}

_claim = statement(
    _new.on_conflict_do_update(index_elements=["account_id", "key"], set_=_fresh, where=Key.expires_at <= _new.excluded.created_at).returning(Key.account_id)
)

_find = statement(
    select(Key.route, Key.body_hash, Key.result, Key.token, Key.expires_at).where(Key.account_id == bindparam("account_id"), Key.key == bindparam("key"))
)

_same = (Key.account_id == bindparam("account", type_=Id()), Key.key == bindparam("which", type_=Key.key.type), Key.token == bindparam("held_by", type_=Id()))

_finish = statement(
    update(Key)
    .where(*_same)
    .values(result=bindparam("outcome", type_=Json()), token=null(), expires_at=bindparam("ends_at", type_=UtcTime()))
    .returning(Key.account_id)
)

_abandon = statement(delete(Key).where(*_same))

_remove_expired = statement(
    delete(Key)
    .where(
        tuple_(Key.account_id, Key.key).in_(
            select(Key.account_id, Key.key).where(Key.expires_at <= bindparam("now", type_=UtcTime())).limit(bindparam("most", type_=Integer()))
        )
    )
    .returning(Key.account_id)
)

_of_account = statement(
    select(Key.key, Key.route, Key.result, Key.created_at, Key.expires_at).where(Key.account_id == bindparam("account_id")).order_by(Key.created_at, Key.key)
)

_remove_of_account = statement(delete(Key).where(Key.account_id == bindparam("account_id")).returning(Key.account_id))


def claim(tx: Transaction, **values: Any) -> bool:
    """True when the key was free (never used, or expired): one statement, so that of two requests one is first."""
    return tx.run(_claim, **values).one_or_none() is not None


def find(tx: Transaction, account_id: UUID, key: str) -> Any:
    return tx.run(_find, account_id=account_id, key=key).one_or_none()


def finish(tx: Transaction, account_id: UUID, key: str, token: UUID, result: Any, expires_at: datetime) -> bool:
    return tx.run(_finish, account=account_id, which=key, held_by=token, outcome=result, ends_at=expires_at).one_or_none() is not None


def abandon(tx: Transaction, account_id: UUID, key: str, token: UUID) -> None:
    tx.run(_abandon, account=account_id, which=key, held_by=token)


def remove_expired(tx: Transaction, most: int) -> int:
    return len(tx.run(_remove_expired, now=tx.now(), most=most).all())


def of_account(tx: Transaction, account_id: UUID) -> Sequence[Any]:
    return tx.run(_of_account, account_id=account_id).all()


def remove_of_account(tx: Transaction, account_id: UUID) -> int:
    return len(tx.run(_remove_of_account, account_id=account_id).all())
