"""Questions about the tokens in links that were mailed."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update

from parlor.accounts.tables import MailedTokenRow
from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement

_NOW = bindparam("now", type_=UtcTime)

_added = insert(MailedTokenRow).values(columns_of(MailedTokenRow, "token_hash", "account_id", "purpose", "email", "created_at", "expires_at", "used_at"))
_put = statement(
    _added.on_conflict_do_update(
        index_elements=["token_hash"], set_={"expires_at": _added.excluded.expires_at}, where=MailedTokenRow.used_at.is_(None)
    ).returning(MailedTokenRow.token_hash)
)


def put_token(tx: Transaction, token_hash: bytes, account_id: UUID, purpose: str, email: str, expires_at: datetime) -> bool:
    """Add it, or let it live until then when its mail is sent again. False when it was used: it stays so."""
    values: dict[str, Any] = {"account_id": account_id, "purpose": purpose, "email": email, "created_at": tx.now(), "expires_at": expires_at, "used_at": None}
    return tx.run(_put, token_hash=token_hash, **values).one_or_none() is not None


_find = statement(
    select(MailedTokenRow.account_id, MailedTokenRow.email).where(
        MailedTokenRow.token_hash == bindparam("token_hash"),
        MailedTokenRow.purpose == bindparam("purpose"),
        MailedTokenRow.used_at.is_(None),
        MailedTokenRow.expires_at > _NOW,
    )
)


class FoundToken(NamedTuple):
    account_id: UUID
    email: str


def find_token(tx: Transaction, token_hash: bytes, purpose: str) -> FoundToken | None:
    """None for one that is unknown, for another purpose, used or expired."""
    row = tx.run(_find, token_hash=token_hash, purpose=purpose, now=tx.now()).one_or_none()
    return None if row is None else FoundToken(*row)


_use = statement(
    update(MailedTokenRow)
    .where(MailedTokenRow.token_hash == bindparam("hash", type_=MailedTokenRow.__table__.c["token_hash"].type), MailedTokenRow.used_at.is_(None))
    .values(used_at=_NOW)
    .returning(MailedTokenRow.token_hash)
)


def use_token(tx: Transaction, token_hash: bytes) -> bool:
    """True for exactly one of all who try."""
    return tx.run(_use, hash=token_hash, now=tx.now()).one_or_none() is not None


_void = statement(
    update(MailedTokenRow).where(MailedTokenRow.account_id == bindparam("of_account", type_=Id), MailedTokenRow.used_at.is_(None)).values(used_at=_NOW)
)


def void_tokens(tx: Transaction, account_id: UUID) -> None:
    """Whatever is in a mailbox of this account opens nothing any more."""
    tx.run(_void, of_account=account_id, now=tx.now())


_list = statement(
    select(MailedTokenRow.purpose, MailedTokenRow.email, MailedTokenRow.created_at, MailedTokenRow.expires_at, MailedTokenRow.used_at)
    .where(MailedTokenRow.account_id == bindparam("account_id", type_=Id))
    .order_by(MailedTokenRow.created_at)
)


def list_tokens(tx: Transaction, account_id: UUID) -> list[Any]:
    return tx.run(_list, account_id=account_id).all()


_delete_all = statement(delete(MailedTokenRow).where(MailedTokenRow.account_id == bindparam("account_id", type_=Id)).returning(MailedTokenRow.token_hash))


def delete_tokens(tx: Transaction, account_id: UUID) -> int:
    """Returns how many there were."""
    return len(tx.run(_delete_all, account_id=account_id).all())


PRUNE_PAGE = 500
_over = select(MailedTokenRow.token_hash).where(MailedTokenRow.expires_at < bindparam("before", type_=UtcTime)).limit(PRUNE_PAGE)
_prune = statement(delete(MailedTokenRow).where(MailedTokenRow.token_hash.in_(_over)).returning(MailedTokenRow.token_hash))


def prune_page(tx: Transaction, before: datetime) -> int:
    """Delete a page of those that had expired by then, used or not. Returns how many."""
    return len(tx.run(_prune, before=before).all())
