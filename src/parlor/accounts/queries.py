"""Questions about accounts."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, String, bindparam, func, literal_column, or_, select, text, true, update

from parlor.accounts.account import Account
from parlor.accounts.errors import InvalidEmail
from parlor.accounts.tables import AccountRow
from parlor.accounts.text import id_in, normalise_email
from parlor.core.db import Id, Json, Transaction, columns_of, insert, statement

NEWEST = UUID(int=(1 << 128) - 1)
"""Before the first page: larger than every id."""

_COLUMNS = (
    AccountRow.id, AccountRow.email, AccountRow.username, AccountRow.display_name, AccountRow.role, AccountRow.status, AccountRow.email_verified,
    AccountRow.preferences, AccountRow.locale, AccountRow.avatar_url, AccountRow.token_version, AccountRow.created_at, AccountRow.updated_at,
    AccountRow.groups,
)  # fmt: skip


def _living(*columns: Any) -> Any:
    return select(*columns).where(AccountRow.erased_at.is_(None))


def _account(row: Any) -> Account | None:
    return None if row is None else _made(row)


def _made(row: Any) -> Account:
    *others, groups = row
    return Account(*others, groups=tuple(groups))


_insert = statement(
    insert(AccountRow)
    .values(
        columns_of(
            AccountRow, "id", "email", "username", "display_name", "role", "status", "email_verified", "password_hash", "preferences", "locale", "avatar_url",
            "token_version", "is_first_admin", "created_at", "updated_at", "erased_at", "groups",
        )
    )
    .on_conflict_do_nothing()
    .returning(*_COLUMNS)
)  # fmt: skip


def insert_account(tx: Transaction, **values: Any) -> Account | None:
    """None when the address, the username or the place of the first administrator is taken, also by somebody who was faster a moment ago."""
    for name in (values["email"], values["username"]):
        if name is not None:
            reserve_name(tx, name)
    unsaid: dict[str, Any] = {"status": "active", "preferences": {}, "locale": None, "avatar_url": None, "token_version": 1, "erased_at": None}
    return _account(tx.run(_insert, **unsaid, **values, created_at=tx.now(), updated_at=tx.now()).one_or_none())


_reserve_name = statement(
    sqlite=select(literal_column("1", BigInteger)),  # one writer: nobody can come between
    postgres=select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name", type_=String), literal_column("0", BigInteger)))),
)


def reserve_name(tx: Transaction, name: str) -> None:
    """Until the end of the transaction nobody else can take this address or username: an UPDATE has no ON CONFLICT, so it looks first and must be alone."""
    if tx.is_postgres:
        tx.run(_reserve_name, name=name)


_by_id = statement(_living(*_COLUMNS).where(AccountRow.id == bindparam("account_id")))
_by_id_locked = statement(
    sqlite=_living(*_COLUMNS).where(AccountRow.id == bindparam("account_id")),
    postgres=_living(*_COLUMNS).where(AccountRow.id == bindparam("account_id")).with_for_update(),
)
_by_email = statement(_living(*_COLUMNS).where(AccountRow.email == bindparam("email")))
_by_username = statement(_living(*_COLUMNS).where(AccountRow.username == bindparam("username")))


def find_account(tx: Transaction, account_id: UUID) -> Account | None:
    return _account(tx.run(_by_id, account_id=account_id).one_or_none())


def lock_account(tx: Transaction, account_id: UUID) -> Account | None:
    """The account, which nobody else changes until the end of the transaction."""
    return _account(tx.run(_by_id_locked, account_id=account_id).one_or_none())


def find_by_email(tx: Transaction, email: str) -> Account | None:
    return _account(tx.run(_by_email, email=email).one_or_none())


def find_by_username(tx: Transaction, username: str) -> Account | None:
    return _account(tx.run(_by_username, username=username).one_or_none())


def find_by_any_name(tx: Transaction, who: str) -> Account | None:
    """By email, username or id, whichever `who` looks like."""
    if (account_id := id_in(who)) is not None:
        return find_account(tx, account_id)
    if "@" not in who:
        return find_by_username(tx, who.strip().lower())
    try:
        return find_by_email(tx, normalise_email(who))
    except InvalidEmail:
        return None


_password_by_email = statement(_living(AccountRow.id, AccountRow.password_hash).where(AccountRow.email == bindparam("email")))
_password_by_username = statement(_living(AccountRow.id, AccountRow.password_hash).where(AccountRow.username == bindparam("username")))
_password = statement(_living(AccountRow.password_hash).where(AccountRow.id == bindparam("account_id")))


def find_password(tx: Transaction, *, email: str | None = None, username: str | None = None) -> tuple[UUID, str | None] | None:
    """The account with this email or username, and its password hash (None when it has no password)."""
    found = tx.run(_password_by_email, email=email) if email is not None else tx.run(_password_by_username, username=username)
    row = found.one_or_none()
    return None if row is None else (row.id, row.password_hash)


def password_hash(tx: Transaction, account_id: UUID) -> str | None:
    return tx.run(_password, account_id=account_id).scalar_or_none()


_set_password = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id"), AccountRow.erased_at.is_(None))
    .values(
        password_hash=bindparam("new_hash", type_=String),
        token_version=AccountRow.token_version + bindparam("versions", type_=BigInteger),
        updated_at=bindparam("now", type_=AccountRow.__table__.c["updated_at"].type),
    )
    .returning(*_COLUMNS)
)


def set_password(tx: Transaction, account_id: UUID, new_hash: str, *, ends_tokens: bool) -> Account | None:
    return _account(tx.run(_set_password, account_id=account_id, new_hash=new_hash, versions=int(ends_tokens), now=tx.now()).one_or_none())


_set_email_verified = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id"), AccountRow.erased_at.is_(None), AccountRow.email.is_not(None))
    .values(email_verified=true(), **columns_of(AccountRow, "updated_at"))
    .returning(*_COLUMNS)
)


def set_email_verified(tx: Transaction, account_id: UUID) -> Account | None:
    return _account(tx.run(_set_email_verified, account_id=account_id, updated_at=tx.now()).one_or_none())


_set_profile = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id"), AccountRow.erased_at.is_(None))
    .values(columns_of(AccountRow, "display_name", "username", "avatar_url", "locale", "preferences", "updated_at"))
    .returning(*_COLUMNS)
)


def set_profile(tx: Transaction, account_id: UUID, **values: Any) -> Account | None:
    return _account(tx.run(_set_profile, account_id=account_id, updated_at=tx.now(), **values).one_or_none())


_set_email = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id"), AccountRow.erased_at.is_(None))
    .values(email_verified=False, **columns_of(AccountRow, "email", "updated_at"))
    .returning(*_COLUMNS)
)


def set_email(tx: Transaction, account_id: UUID, email: str) -> Account | None:
    """A new address: nobody has shown yet that it is theirs."""
    return _account(tx.run(_set_email, account_id=account_id, email=email, updated_at=tx.now()).one_or_none())


_set_groups = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id"), AccountRow.erased_at.is_(None))
    .values(columns_of(AccountRow, "groups", "updated_at"))
    .returning(*_COLUMNS)
)


def set_groups(tx: Transaction, account_id: UUID, groups: Iterable[str]) -> Account | None:
    return _account(tx.run(_set_groups, account_id=account_id, groups=list(groups), updated_at=tx.now()).one_or_none())


_set_standing = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id"), AccountRow.erased_at.is_(None))
    .values(**columns_of(AccountRow, "role", "status", "updated_at"), token_version=AccountRow.token_version + 1)
    .returning(*_COLUMNS)
)


def set_standing(tx: Transaction, account_id: UUID, *, role: str, status: str) -> Account | None:
    """New role and status; every access token of the account ends with it."""
    return _account(tx.run(_set_standing, account_id=account_id, role=role, status=status, updated_at=tx.now()).one_or_none())


_is_admin = (AccountRow.role == "admin", AccountRow.erased_at.is_(None))
_admins = statement(select(AccountRow.id, AccountRow.status).where(*_is_admin).order_by(AccountRow.id))
_admins_locked = statement(
    sqlite=select(AccountRow.id, AccountRow.status).where(*_is_admin).order_by(AccountRow.id),
    postgres=select(AccountRow.id, AccountRow.status).where(*_is_admin).order_by(AccountRow.id).with_for_update(),
)


def has_admin(tx: Transaction) -> bool:
    return bool(tx.run(_admins).all())


def admin_ids(tx: Transaction) -> list[UUID]:
    """All administrators, the oldest account first, suspended ones too."""
    return tx.run(_admins).scalars()


def lock_active_admins(tx: Transaction) -> list[UUID]:
    """The active administrators, of whom nobody else takes one away until the end of the transaction."""
    return [row.id for row in tx.run(_admins_locked).all() if row.status == "active"]


_pattern = bindparam("pattern", type_=String)
_page = (
    _living(*_COLUMNS)
    .where(
        AccountRow.id < bindparam("before", type_=Id),
        or_(bindparam("any_role", type_=Boolean), AccountRow.role == bindparam("role")),
        or_(bindparam("any_status", type_=Boolean), AccountRow.status == bindparam("status")),
        or_(
            bindparam("any_text", type_=Boolean),
            AccountRow.email.like(_pattern, escape="\\"),
            AccountRow.username.like(_pattern, escape="\\"),
            func.lower(AccountRow.display_name).like(_pattern, escape="\\"),
        ),
    )
    .order_by(AccountRow.id.desc())
    .limit(bindparam("most", type_=BigInteger))
)
_page_of_all = statement(_page)
_page_of_group = statement(
    sqlite=_page.where(text("EXISTS (SELECT 1 FROM json_each(accounts.groups) WHERE value = :group_name)").bindparams(bindparam("group_name", type_=String))),
    postgres=_page.where(text("accounts.groups @> CAST(:group_names AS jsonb)").bindparams(bindparam("group_names", type_=Json))),
)


def list_accounts(
    tx: Transaction, *, before: UUID, most: int, search: str = "", role: str | None = None, status: str | None = None, group: str | None = None
) -> list[Account]:
    """The newest accounts older than `before`. `search` is looked for in email, username and display name, whatever its case."""
    escaped = search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    values: dict[str, Any] = {"any_text": not search, "pattern": f"%{escaped}%", "any_role": role is None, "role": role or ""}
    values |= {"any_status": status is None, "status": status or "", "before": before, "most": most}
    if group is None:
        return [_made(row) for row in tx.run(_page_of_all, **values).all()]
    values |= {"group_names": [group]} if tx.is_postgres else {"group_name": group}
    return [_made(row) for row in tx.run(_page_of_group, **values).all()]


_count = statement(select(func.count().label("accounts")).select_from(AccountRow).where(AccountRow.erased_at.is_(None)))


def count_accounts(tx: Transaction) -> int:
    return tx.run(_count).scalar()


_erase = statement(
    update(AccountRow)
    .where(AccountRow.id == bindparam("account_id"), AccountRow.erased_at.is_(None))
    .values(
        email=None, username=None, display_name=None, password_hash=None, locale=None, avatar_url=None, email_verified=False, role="user", status="suspended",
        token_version=AccountRow.token_version + 1, **columns_of(AccountRow, "preferences", "groups", "updated_at", "erased_at"),
    )
    .returning(AccountRow.id)
)  # fmt: skip


def erase_account(tx: Transaction, account_id: UUID) -> bool:
    """Take the person out of the row and leave the row. False when that was done before."""
    return tx.run(_erase, account_id=account_id, preferences={}, groups=[], updated_at=tx.now(), erased_at=tx.now()).one_or_none() is not None


_first_admins = statement(select(func.count().label("accounts")).select_from(AccountRow).where(AccountRow.is_first_admin))


def count_first_admins(tx: Transaction) -> int:
    return tx.run(_first_admins).scalar()


def is_set_up(tx: Transaction) -> bool:
    """Whether the set-up link is spent. It stays so when the first administrator is erased: somebody may still have the old link."""
    return has_admin(tx) or count_first_admins(tx) > 0
