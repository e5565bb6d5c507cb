"""Every SQL statement about links to sessions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, select

from parlor.chat.sharing.tables import SessionShare
from parlor.core.db import Id, Transaction, columns_of, insert, statement

_new = insert(SessionShare).values(columns_of(SessionShare, "session_id", "account_id", "token_hash", "message_id", "title", "shared_at"))
_put = statement(
    _new.on_conflict_do_update(index_elements=["session_id"], set_={name: _new.excluded[name] for name in ("token_hash", "message_id", "title", "shared_at")})
)
_columns = (SessionShare.session_id, SessionShare.account_id, SessionShare.message_id, SessionShare.title, SessionShare.shared_at)
_by_token = statement(select(*_columns).where(SessionShare.token_hash == bindparam("token_hash")))
_of_account = statement(select(*_columns).where(SessionShare.account_id == bindparam("account_id")).order_by(SessionShare.session_id))
_remove = statement(delete(SessionShare).where(SessionShare.session_id == bindparam("session_id", type_=Id())).returning(SessionShare.session_id))


def put_share(tx: Transaction, **values: Any) -> None:
    """In the place of the link that the session had."""
    tx.run(_put, shared_at=tx.now(), **values)


def find_share(tx: Transaction, token_hash: bytes) -> Any:
    return tx.run(_by_token, token_hash=token_hash).one_or_none()


def shares_of(tx: Transaction, account_id: UUID) -> Sequence[Any]:
    return tx.run(_of_account, account_id=account_id).all()


def remove_share(tx: Transaction, session_id: UUID) -> bool:
    return tx.run(_remove, session_id=session_id).one_or_none() is not None
