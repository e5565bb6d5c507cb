"""Questions about grants, sign-ins that have begun, and registered clients."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, String, bindparam, delete, null, or_, select, update

from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement
from parlor.tools.mcp.oauth.tables import ToolClientRow, ToolGrantRow, ToolSignInRow
from parlor.tools.mcp.oauth.terms import AuthMethod

PAGE = 500

_TERMS = (
    "server_key", "server_url", "is_trusted", "issuer", "client_id", "client_secret", "auth_method", "redirect_uri", "token_endpoint",
    "revocation_endpoint", "resource",
)  # fmt: skip


class StoredTerms(NamedTuple):
    """The beginning of the rows below: `Terms` with a sealed secret."""

    server_key: str
    server_url: str
    is_trusted: bool
    issuer: str
    client_id: str
    client_secret: bytes | None
    auth_method: AuthMethod
    redirect_uri: str
    token_endpoint: str
    revocation_endpoint: str | None
    resource: str | None


class StoredGrant(NamedTuple):
    terms: StoredTerms
    id: UUID
    account_id: UUID
    scope: str
    wanted_scope: str | None
    access_token: bytes
    refresh_token: bytes | None
    expires_at: datetime | None
    renewed_at: datetime
    created_at: datetime
    epoch: int


_GRANT = StoredGrant._fields[1:]
_grant_columns = [ToolGrantRow.__table__.c[name] for name in (*_TERMS, *_GRANT)]
_is_grant = ToolGrantRow.id == bindparam("grant_id", type_=Id())
_is_epoch = ToolGrantRow.epoch == bindparam("epoch", type_=Integer())
_is_own = ToolGrantRow.account_id == bindparam("account_id", type_=Id())

_find = statement(select(*_grant_columns).where(ToolGrantRow.server_key == bindparam("server_key", type_=String()), _is_own))
_find_by_id = statement(select(*_grant_columns).where(_is_grant))
_list = statement(
    select(*_grant_columns)
    .where(_is_own, ToolGrantRow.id < bindparam("before", type_=Id()))
    .order_by(ToolGrantRow.id.desc())
    .limit(bindparam("most", type_=Integer()))
)


def find(tx: Transaction, server_key: str, account_id: UUID) -> StoredGrant | None:
    return _grant_of(tx.run(_find, server_key=server_key, account_id=account_id).one_or_none())


def find_by_id(tx: Transaction, grant_id: UUID) -> StoredGrant | None:
    return _grant_of(tx.run(_find_by_id, grant_id=grant_id).one_or_none())


def list_grants(tx: Transaction, account_id: UUID, *, before: UUID, most: int) -> list[StoredGrant]:
    """Newest first."""
    return [found for row in tx.run(_list, account_id=account_id, before=before, most=most).all() if (found := _grant_of(row)) is not None]


def _grant_of(row: Any) -> StoredGrant | None:
    return None if row is None else StoredGrant(StoredTerms(*row[: len(_TERMS)]), *row[len(_TERMS) :])


_new = insert(ToolGrantRow).values(columns_of(ToolGrantRow, *_TERMS, *_GRANT))
_keep = statement(
    _new.on_conflict_do_update(
        index_elements=["server_key", "account_id"],
        set_={
            **{name: _new.excluded[name] for name in (*_TERMS, *_GRANT) if name not in ("server_key", "account_id", "id", "epoch")},
            "epoch": ToolGrantRow.epoch + 1,
            "leased_until": null(),
        },
    )
)


def keep(tx: Transaction, grant: StoredGrant) -> None:
    """In the place of what there was before. Whoever is renewing that will not write over this."""
    tx.run(_keep, **grant.terms._asdict(), **{name: getattr(grant, name) for name in _GRANT})


_claim = statement(
    update(ToolGrantRow)
    .where(_is_grant, _is_epoch, or_(ToolGrantRow.leased_until.is_(None), ToolGrantRow.leased_until < bindparam("now", type_=UtcTime())))
    .values(leased_until=bindparam("until", type_=UtcTime()))
    .returning(ToolGrantRow.id)
)
_release = statement(update(ToolGrantRow).where(_is_grant, _is_epoch).values(leased_until=null()))
_renew = statement(
    update(ToolGrantRow)
    .where(_is_grant, _is_epoch)
    .values(**columns_of(ToolGrantRow, "access_token", "refresh_token", "expires_at", "renewed_at", "scope"), epoch=ToolGrantRow.epoch + 1, leased_until=null())
    .returning(ToolGrantRow.id)
)
_lose = statement(delete(ToolGrantRow).where(_is_grant, _is_epoch).returning(ToolGrantRow.id))


def claim(tx: Transaction, grant_id: UUID, epoch: int, until: datetime) -> bool:
    """For one of all who have seen these tokens: nobody else renews them until then."""
    return tx.run(_claim, grant_id=grant_id, epoch=epoch, now=tx.now(), until=until).one_or_none() is not None


def release(tx: Transaction, grant_id: UUID, epoch: int) -> None:
    tx.run(_release, grant_id=grant_id, epoch=epoch)


def renew(tx: Transaction, grant: StoredGrant) -> bool:
    """Whether the tokens of `grant` are now those of the row, which had `grant.epoch` until then."""
    values = {name: getattr(grant, name) for name in ("access_token", "refresh_token", "expires_at", "renewed_at", "scope")}
    return tx.run(_renew, grant_id=grant.id, epoch=grant.epoch, **values).one_or_none() is not None


def lose(tx: Transaction, grant_id: UUID, epoch: int) -> bool:
    """Delete it, unless it has other tokens by now."""
    return tx.run(_lose, grant_id=grant_id, epoch=epoch).one_or_none() is not None


_drop = statement(delete(ToolGrantRow).where(_is_grant))


def drop(tx: Transaction, grant_id: UUID) -> None:
    """Whatever tokens it has."""
    tx.run(_drop, grant_id=grant_id)


_want = statement(update(ToolGrantRow).where(_is_grant).values(columns_of(ToolGrantRow, "wanted_scope")))


def want(tx: Transaction, grant_id: UUID, wanted_scope: str | None) -> None:
    tx.run(_want, grant_id=grant_id, wanted_scope=wanted_scope)


_SIGN_IN = ("account_id", "verifier", "promises_issuer", "scope", "expires_at")


class StoredSignIn(NamedTuple):
    terms: StoredTerms
    account_id: UUID
    verifier: bytes
    promises_issuer: bool
    scope: str
    expires_at: datetime


_begin = statement(insert(ToolSignInRow).values(columns_of(ToolSignInRow, "state_hash", *_TERMS, *_SIGN_IN)))
_take = statement(
    delete(ToolSignInRow)
    .where(ToolSignInRow.state_hash == bindparam("state_hash"))
    .returning(*(ToolSignInRow.__table__.c[name] for name in (*_TERMS, *_SIGN_IN)))
)
_newest = (
    select(ToolSignInRow.state_hash)
    .where(ToolSignInRow.account_id == bindparam("account_id", type_=Id()))
    .order_by(ToolSignInRow.expires_at.desc())
    .limit(bindparam("most", type_=Integer()))
)
_drop_older = statement(
    delete(ToolSignInRow).where(ToolSignInRow.account_id == bindparam("owner_id", type_=Id()), ToolSignInRow.state_hash.not_in(_newest))
)  # fmt: skip
_drop_of_account = statement(delete(ToolSignInRow).where(ToolSignInRow.account_id == bindparam("account_id", type_=Id())).returning(ToolSignInRow.state_hash))
_of_account = statement(
    select(ToolSignInRow.server_key, ToolSignInRow.issuer, ToolSignInRow.expires_at)
    .where(ToolSignInRow.account_id == bindparam("account_id", type_=Id()))
    .order_by(ToolSignInRow.expires_at)
)


def begin_sign_in(tx: Transaction, state_hash: bytes, sign_in: StoredSignIn, *, most: int) -> None:
    """An account has the newest `most` and no others."""
    tx.run(_begin, state_hash=state_hash, **sign_in.terms._asdict(), **{name: getattr(sign_in, name) for name in _SIGN_IN})
    tx.run(_drop_older, owner_id=sign_in.account_id, account_id=sign_in.account_id, most=most)


def take_sign_in(tx: Transaction, state_hash: bytes) -> StoredSignIn | None:
    """For exactly one of all who ask."""
    row = tx.run(_take, state_hash=state_hash).one_or_none()
    return None if row is None else StoredSignIn(StoredTerms(*row[: len(_TERMS)]), *row[len(_TERMS) :])


def list_sign_ins(tx: Transaction, account_id: UUID) -> list[Any]:
    """`server_key`, `issuer` and `expires_at` of each."""
    return tx.run(_of_account, account_id=account_id).all()


def drop_sign_ins(tx: Transaction, account_id: UUID) -> int:
    return len(tx.run(_drop_of_account, account_id=account_id).all())


class ClientRow(NamedTuple):
    client_id: str
    client_secret: bytes | None
    auth_method: AuthMethod
    expires_at: datetime | None


_is_client = ToolClientRow.issuer == bindparam("issuer", type_=String())
_find_client = statement(
    select(ToolClientRow.client_id, ToolClientRow.client_secret, ToolClientRow.auth_method, ToolClientRow.expires_at).where(
        _is_client,
        ToolClientRow.redirect_uri == bindparam("redirect_uri", type_=String()),
        or_(ToolClientRow.expires_at.is_(None), ToolClientRow.expires_at > bindparam("now", type_=UtcTime())),
    )
)
_new_client = insert(ToolClientRow).values(
    columns_of(ToolClientRow, "id", "issuer", "redirect_uri", "client_id", "client_secret", "auth_method", "expires_at", "created_at")
)
_expired = ToolClientRow.expires_at <= _new_client.excluded.created_at
_replaced = ("client_id", "client_secret", "auth_method", "expires_at", "created_at")
_add_client = statement(
    _new_client.on_conflict_do_update(
        index_elements=["issuer", "redirect_uri"], set_={name: _new_client.excluded[name] for name in _replaced}, where=_expired
    ).returning(ToolClientRow.id)
)
_forget_client = statement(delete(ToolClientRow).where(_is_client, ToolClientRow.client_id == bindparam("client_id", type_=String())))


def find_client(tx: Transaction, issuer: str, redirect_uri: str) -> ClientRow | None:
    row = tx.run(_find_client, issuer=issuer, redirect_uri=redirect_uri, now=tx.now()).one_or_none()
    return None if row is None else ClientRow(*row)


def add_client(tx: Transaction, row_id: UUID, issuer: str, redirect_uri: str, row: ClientRow) -> bool:
    """False when there is one already that still counts."""
    added = tx.run(_add_client, id=row_id, issuer=issuer, redirect_uri=redirect_uri, **row._asdict(), created_at=tx.now())
    return added.one_or_none() is not None


def forget_client(tx: Transaction, issuer: str, client_id: str) -> None:
    tx.run(_forget_client, issuer=issuer, client_id=client_id)


_over = select(ToolSignInRow.state_hash).where(ToolSignInRow.expires_at < bindparam("before", type_=UtcTime())).limit(PAGE)
_prune_sign_ins = statement(delete(ToolSignInRow).where(ToolSignInRow.state_hash.in_(_over)).returning(ToolSignInRow.expires_at))
_dead = (
    select(ToolGrantRow.id).where(ToolGrantRow.refresh_token.is_(None), ToolGrantRow.expires_at < bindparam("before", type_=UtcTime())).limit(PAGE)
)  # fmt: skip
_prune_grants = statement(delete(ToolGrantRow).where(ToolGrantRow.id.in_(_dead)).returning(ToolGrantRow.id))


def prune_sign_ins(tx: Transaction, before: datetime) -> int:
    """A page of those that nobody came back from in time."""
    return len(tx.run(_prune_sign_ins, before=before).all())


def prune_grants(tx: Transaction, before: datetime) -> int:
    """A page of those that open nothing any more and cannot be renewed."""
    return len(tx.run(_prune_grants, before=before).all())
