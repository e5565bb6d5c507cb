"""Questions about who people are elsewhere, and about sign-ins there that have begun here."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, String, bindparam, delete, func, literal_column, select, update

from parlor.accounts.tables import AccountRow, ExternalIdentityRow, SignInFlowRow
from parlor.core.db import Id, Transaction, UtcTime, columns_of, insert, statement

_is_that = (ExternalIdentityRow.issuer == bindparam("issuer", type_=String), ExternalIdentityRow.subject == bindparam("subject", type_=String))
_of_account = ExternalIdentityRow.account_id == bindparam("account_id", type_=Id)

_reserve = statement(
    sqlite=select(literal_column("1", BigInteger)),  # one writer: nobody can come between
    postgres=select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("subject", type_=String), literal_column("0", BigInteger)))),
)


def reserve(tx: Transaction, issuer: str, subject: str) -> None:
    """Until the end of the transaction nobody else decides whose account this identity opens."""
    if tx.is_postgres:
        tx.run(_reserve, subject=f"identity:{issuer}:{subject}")


class FoundIdentity(NamedTuple):
    """`erased_at` is set when what is left is the trace of an erased account."""

    id: UUID
    account_id: UUID
    email: str | None
    erased_at: datetime | None


_find = statement(
    select(ExternalIdentityRow.id, ExternalIdentityRow.account_id, ExternalIdentityRow.email, AccountRow.erased_at)
    .join(AccountRow, AccountRow.id == ExternalIdentityRow.account_id)
    .where(*_is_that)
)


def find(tx: Transaction, issuer: str, subject: str) -> FoundIdentity | None:
    row = tx.run(_find, issuer=issuer, subject=subject).one_or_none()
    return None if row is None else FoundIdentity(*row)


_insert = statement(insert(ExternalIdentityRow).values(columns_of(ExternalIdentityRow, "id", "account_id", "issuer", "subject", "email", "created_at")))


def add(tx: Transaction, identity_id: UUID, account_id: UUID, issuer: str, subject: str, email: str | None) -> None:
    """After `reserve`, and a look that found none."""
    tx.run(_insert, id=identity_id, account_id=account_id, issuer=issuer, subject=subject, email=email, created_at=tx.now())


_set_email = statement(
    update(ExternalIdentityRow).where(ExternalIdentityRow.id == bindparam("identity_id", type_=Id)).values(columns_of(ExternalIdentityRow, "email"))
)


def set_email(tx: Transaction, identity_id: UUID, email: str | None) -> None:
    tx.run(_set_email, identity_id=identity_id, email=email)


_list = statement(
    select(
        ExternalIdentityRow.id, ExternalIdentityRow.issuer, ExternalIdentityRow.subject, ExternalIdentityRow.email, ExternalIdentityRow.created_at
    )
    .where(_of_account)
    .order_by(ExternalIdentityRow.id)
)  # fmt: skip


def list_identities(tx: Transaction, account_id: UUID) -> list[Any]:
    return tx.run(_list, account_id=account_id).all()


_delete_of_account = statement(delete(ExternalIdentityRow).where(_of_account).returning(ExternalIdentityRow.id))
_delete_one = statement(delete(ExternalIdentityRow).where(*_is_that).returning(ExternalIdentityRow.id))


def delete_identities(tx: Transaction, account_id: UUID) -> int:
    return len(tx.run(_delete_of_account, account_id=account_id).all())


_unname = statement(
    update(ExternalIdentityRow)
    .where(ExternalIdentityRow.id == bindparam("identity_id", type_=Id))
    .values(subject=bindparam("trace", type_=String), email=bindparam("no_email", type_=String))
)


def leave_trace(tx: Transaction, identity_id: UUID, issuer: str, trace: str) -> None:
    """Nobody is in the row any more. An older trace of the same person, from an earlier account, goes."""
    tx.run(_delete_one, issuer=issuer, subject=trace)
    tx.run(_unname, identity_id=identity_id, trace=trace, no_email=None)


_take_over = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id", type_=Id))
    .values(
        password_hash=bindparam("no_password", type_=String),
        email_verified=bindparam("verified", type_=Boolean),
        token_version=AccountRow.token_version + 1,
        updated_at=bindparam("now", type_=UtcTime),
    )
)


def change_owner(tx: Transaction, account_id: UUID) -> None:
    """Takes password and identities elsewhere away, and ends access tokens. Whoever proved to own the address is verified by it."""
    tx.run(_take_over, account_id=account_id, no_password=None, verified=True, now=tx.now())
    delete_identities(tx, account_id)


class Flow(NamedTuple):
    nonce: str
    code_verifier: str
    next_path: str
    expires_at: datetime


_begin = statement(insert(SignInFlowRow).values(columns_of(SignInFlowRow, "state_hash", "nonce", "code_verifier", "next_path", "expires_at")))
_take = statement(
    delete(SignInFlowRow)
    .where(SignInFlowRow.state_hash == bindparam("state_hash"))
    .returning(SignInFlowRow.nonce, SignInFlowRow.code_verifier, SignInFlowRow.next_path, SignInFlowRow.expires_at)
)


def begin_flow(tx: Transaction, state_hash: bytes, flow: Flow) -> None:
    tx.run(_begin, state_hash=state_hash, **flow._asdict())


def take_flow(tx: Transaction, state_hash: bytes) -> Flow | None:
    """For exactly one of all who ask."""
    row = tx.run(_take, state_hash=state_hash).one_or_none()
    return None if row is None else Flow(*row)


FLOW_PAGE = 500
_over = select(SignInFlowRow.state_hash).where(SignInFlowRow.expires_at < bindparam("before", type_=UtcTime)).limit(FLOW_PAGE)
_prune = statement(delete(SignInFlowRow).where(SignInFlowRow.state_hash.in_(_over)).returning(SignInFlowRow.expires_at))


def prune_flows(tx: Transaction) -> int:
    """Delete a page of those that nobody came back from in time. Returns how many."""
    return len(tx.run(_prune, before=tx.now()).all())
