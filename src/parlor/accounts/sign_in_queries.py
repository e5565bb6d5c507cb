"""Questions about sign-ins and their refresh tokens."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, String, and_, bindparam, delete, func, literal_column, or_, select, update

from parlor.accounts.account import Role, Status
from parlor.accounts.tables import AccountRow, ApiKeyRow, RefreshTokenRow, SignInRow
from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement

_NOW = bindparam("now", type_=UtcTime)
_NONE = UUID(int=0)

_open = statement(
    insert(SignInRow).values(
        columns_of(
            SignInRow, "id", "account_id", "created_at", "last_used_at", "expires_at", "ended_at", "end_reason", "method", "user_agent", "address"
        )
    )
)  # fmt: skip


def open_sign_in(
    tx: Transaction, sign_in_id: UUID, account_id: UUID, expires_at: datetime, *, method: str, user_agent: str | None, address: str | None
) -> None:
    device: dict[str, Any] = {"method": method, "user_agent": user_agent, "address": address}
    now = tx.now()
    tx.run(_open, id=sign_in_id, account_id=account_id, created_at=now, last_used_at=now, expires_at=expires_at, ended_at=None, end_reason=None, **device)


_prolong = statement(update(SignInRow).where(SignInRow.id == bindparam("sign_in_id", type_=Id)).values(columns_of(SignInRow, "last_used_at", "expires_at")))


def prolong_sign_in(tx: Transaction, sign_in_id: UUID, expires_at: datetime) -> None:
    tx.run(_prolong, sign_in_id=sign_in_id, last_used_at=tx.now(), expires_at=expires_at)


_end = statement(
    update(SignInRow)
    .where(SignInRow.id == bindparam("sign_in_id", type_=Id), SignInRow.ended_at.is_(None))
    .values(columns_of(SignInRow, "ended_at", "end_reason"))
    .returning(SignInRow.id)
)
_end_all = statement(
    update(SignInRow)
    .where(SignInRow.account_id == bindparam("of_account", type_=Id), SignInRow.id != bindparam("spared", type_=Id), SignInRow.ended_at.is_(None))
    .values(columns_of(SignInRow, "ended_at", "end_reason"))
)


def end_sign_in(tx: Transaction, sign_in_id: UUID, reason: str) -> bool:
    """False when it had ended before."""
    return tx.run(_end, sign_in_id=sign_in_id, ended_at=tx.now(), end_reason=reason).one_or_none() is not None


def end_all_sign_ins(tx: Transaction, account_id: UUID, reason: str, *, but: UUID | None = None) -> None:
    tx.run(_end_all, of_account=account_id, spared=but or _NONE, ended_at=tx.now(), end_reason=reason)


_end_own = statement(
    update(SignInRow)
    .where(
        SignInRow.id == bindparam("sign_in_id", type_=Id),
        SignInRow.account_id == bindparam("of_account", type_=Id),
        SignInRow.ended_at.is_(None),
        SignInRow.expires_at > _NOW,
    )
    .values(columns_of(SignInRow, "ended_at", "end_reason"))
    .returning(SignInRow.id)
)


def end_sign_in_of(tx: Transaction, account_id: UUID, sign_in_id: UUID, reason: str) -> bool:
    """False when the account has no such sign-in, or it is over."""
    values: dict[str, Any] = {"sign_in_id": sign_in_id, "of_account": account_id, "now": tx.now()}
    return tx.run(_end_own, **values, ended_at=tx.now(), end_reason=reason).one_or_none() is not None


_insert_token = statement(insert(RefreshTokenRow).values(columns_of(RefreshTokenRow, "id", "sign_in_id", "token_hash", "created_at", "used_at")))


def insert_refresh_token(tx: Transaction, token_id: UUID, sign_in_id: UUID, token_hash: bytes) -> None:
    tx.run(_insert_token, id=token_id, sign_in_id=sign_in_id, token_hash=token_hash, created_at=tx.now(), used_at=None)


_find_token = statement(
    select(
        RefreshTokenRow.id, RefreshTokenRow.sign_in_id, RefreshTokenRow.used_at, SignInRow.account_id, SignInRow.expires_at, SignInRow.ended_at,
        AccountRow.status, AccountRow.token_version,
    )
    .join(SignInRow, SignInRow.id == RefreshTokenRow.sign_in_id)
    .join(AccountRow, AccountRow.id == SignInRow.account_id)
    .where(RefreshTokenRow.token_hash == bindparam("token_hash"))
)  # fmt: skip


class FoundToken(NamedTuple):
    """A refresh token with its sign-in and its account."""

    id: UUID
    sign_in_id: UUID
    used_at: datetime | None
    account_id: UUID
    expires_at: datetime
    ended_at: datetime | None
    status: str
    token_version: int


def find_refresh_token(tx: Transaction, token_hash: bytes) -> FoundToken | None:
    row = tx.run(_find_token, token_hash=token_hash).one_or_none()
    return None if row is None else FoundToken(*row)


_use = statement(
    update(RefreshTokenRow)
    .where(RefreshTokenRow.id == bindparam("token_id", type_=Id), RefreshTokenRow.used_at.is_(None))
    .values(used_at=_NOW)
    .returning(RefreshTokenRow.id)
)


def use_refresh_token(tx: Transaction, token_id: UUID) -> bool:
    """True for exactly one of all who try."""
    return tx.run(_use, token_id=token_id, now=tx.now()).one_or_none() is not None


_of_account = (AccountRow.id == bindparam("account_id", type_=Id), AccountRow.erased_at.is_(None))
_STANDING = (AccountRow.role, AccountRow.status, AccountRow.token_version, AccountRow.groups)
_standing = statement(select(*_STANDING).where(*_of_account))
_standing_signed_in = statement(
    select(*_STANDING)
    .join(SignInRow, and_(SignInRow.account_id == AccountRow.id, SignInRow.id == bindparam("sign_in_id", type_=Id), SignInRow.ended_at.is_(None)))
    .where(*_of_account)
)


_standing_with_key = statement(
    select(*_STANDING)
    .join(ApiKeyRow, and_(ApiKeyRow.account_id == AccountRow.id, ApiKeyRow.id == bindparam("api_key_id", type_=Id), ApiKeyRow.revoked_at.is_(None)))
    .where(*_of_account)
)


class Standing(NamedTuple):
    role: Role
    status: Status
    token_version: int
    groups: list[str]


def find_standing(tx: Transaction, account_id: UUID, sign_in_id: UUID | None, api_key_id: UUID | None = None) -> Standing | None:
    """None when the account is gone, the sign-in has ended or the key was revoked."""
    if api_key_id is not None:
        row = tx.run(_standing_with_key, account_id=account_id, api_key_id=api_key_id).one_or_none()
    elif sign_in_id is not None:
        row = tx.run(_standing_signed_in, account_id=account_id, sign_in_id=sign_in_id).one_or_none()
    else:
        row = tx.run(_standing, account_id=account_id).one_or_none()
    return None if row is None else Standing(*row)


_list = statement(
    select(
        SignInRow.id, SignInRow.method, SignInRow.user_agent, SignInRow.address, SignInRow.created_at, SignInRow.last_used_at, SignInRow.expires_at,
        SignInRow.ended_at, SignInRow.end_reason,
    )
    .where(SignInRow.account_id == bindparam("account_id", type_=Id))
    .order_by(SignInRow.id)
)  # fmt: skip


def list_sign_ins(tx: Transaction, account_id: UUID) -> list[Any]:
    return tx.run(_list, account_id=account_id).all()


_from_address = statement(
    select(SignInRow.id)
    .where(SignInRow.account_id == bindparam("account_id", type_=Id), SignInRow.address == bindparam("address", type_=String))
    .limit(literal_column("1", BigInteger))
)


def has_signed_in_from(tx: Transaction, account_id: UUID, address: str) -> bool:
    """Whether the account knows this address from before."""
    return tx.run(_from_address, account_id=account_id, address=address).one_or_none() is not None


class SignIn(NamedTuple):
    id: UUID
    method: str
    user_agent: str | None
    address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


_living = statement(
    select(*(SignInRow.__table__.c[name] for name in SignIn._fields))
    .where(
        SignInRow.account_id == bindparam("account_id", type_=Id),
        SignInRow.id < bindparam("before", type_=Id),
        SignInRow.ended_at.is_(None),
        SignInRow.expires_at > _NOW,
    )
    .order_by(SignInRow.id.desc())
    .limit(bindparam("most", type_=BigInteger))
)


def list_living_sign_ins(tx: Transaction, account_id: UUID, *, before: UUID, most: int) -> list[SignIn]:
    return [SignIn(*row) for row in tx.run(_living, account_id=account_id, before=before, most=most, now=tx.now()).all()]


_delete_all = statement(delete(SignInRow).where(SignInRow.account_id == bindparam("account_id", type_=Id)).returning(SignInRow.id))


def delete_sign_ins(tx: Transaction, account_id: UUID) -> int:
    """With their refresh tokens (cascade). Returns how many sign-ins there were."""
    return len(tx.run(_delete_all, account_id=account_id).all())


PRUNE_PAGE = 500
_before = bindparam("before", type_=UtcTime)
_over = select(SignInRow.id).where(or_(SignInRow.expires_at < _before, SignInRow.ended_at < _before)).limit(PRUNE_PAGE)
_prune_sign_ins = statement(delete(SignInRow).where(SignInRow.id.in_(_over)).returning(SignInRow.id))
_used = select(RefreshTokenRow.id).where(RefreshTokenRow.used_at < _before).limit(PRUNE_PAGE)
_prune_tokens = statement(delete(RefreshTokenRow).where(RefreshTokenRow.id.in_(_used)).returning(RefreshTokenRow.id))


def prune_page(tx: Transaction, before: datetime) -> int:
    """Delete a page of sign-ins that were over, and of tokens that were used, before that time. Returns how many rows."""
    return len(tx.run(_prune_sign_ins, before=before).all()) + len(tx.run(_prune_tokens, before=before).all())


_unused = statement(
    select(RefreshTokenRow.sign_in_id, func.count().label("tokens"))
    .where(RefreshTokenRow.used_at.is_(None))
    .group_by(RefreshTokenRow.sign_in_id)
    .having(func.count() > 1)
)


def sign_ins_with_two_live_tokens(tx: Transaction) -> list[UUID]:
    return tx.run(_unused).scalars()
