"""Wallets, holds, the ledger with its refunds and notes, prices, vouchers and budgets."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text

from parlor.core.db import WITHOUT_ROWID, Base, ColumnOf, Id, UtcTime


class Wallet(Base):
    """What an account can spend. Kept beside the ledger so that a hold is one conditional write; `verify` derives it again.

    Posted, what the ledger says, is available and held together. `entry_count` numbers the account's entries without gaps.
    """

    __tablename__ = "wallets"
    __table_args__ = (
        CheckConstraint("available_micros >= 0", name="available_not_below_zero"),
        CheckConstraint("held_micros >= 0", name="held_not_below_zero"),
        WITHOUT_ROWID,
    )

    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"), primary_key=True)
    available_micros: ColumnOf[int] = Column(BigInteger)
    held_micros: ColumnOf[int] = Column(BigInteger)
    entry_count: ColumnOf[int] = Column(BigInteger)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    has_budget: ColumnOf[bool] = Column(Boolean)
    """Whether the account, or one of its API keys, has a budget: then, and only then, a hold looks for it."""


class HoldRow(Base):
    """Credit set aside, and what became of it: the one settlement record of a turn, also of a free one.

    The hold of a turn has the turn's id as its own, so the primary key alone makes it one per turn. It does not expire: the turn's lease governs it.
    """

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("turn_id IS NULL OR turn_id = id", name="turn_is_id"),
        CheckConstraint("amount_micros >= 0", name="amount_not_below_zero"),
        CheckConstraint("charge_micros BETWEEN 0 AND amount_micros AND overrun_micros >= 0", name="charge_within_amount"),
        CheckConstraint("state IN ('open', 'settled', 'voided', 'expired')", name="state"),
        CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name="resolved_when_not_open"),
        CheckConstraint("state = 'settled' OR (charge_micros = 0 AND overrun_micros = 0)", name="only_settled_charges"),
        Index("ix_holds_account_id", "account_id", "created_at"),
        Index("ix_holds_expires_at", "expires_at", sqlite_where=text("expires_at IS NOT NULL"), postgresql_where=text("expires_at IS NOT NULL")),
        WITHOUT_ROWID,
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    turn_id: ColumnOf[UUID | None] = Column(Id)
    purpose: ColumnOf[str] = Column(String(40))
    amount_micros: ColumnOf[int] = Column(BigInteger)
    charge_micros: ColumnOf[int] = Column(BigInteger)
    overrun_micros: ColumnOf[int] = Column(BigInteger)
    state: ColumnOf[str] = Column(String(10))
    expires_at: ColumnOf[datetime | None] = Column(UtcTime)
    created_at: ColumnOf[datetime] = Column(UtcTime)
    resolved_at: ColumnOf[datetime | None] = Column(UtcTime)
    model: ColumnOf[str | None] = Column(String(300))
    agent: ColumnOf[str | None] = Column(String(200))
    session_id: ColumnOf[UUID | None] = Column(Id)
    api_key_id: ColumnOf[UUID | None] = Column(Id)
    input_tokens: ColumnOf[int] = Column(BigInteger)
    output_tokens: ColumnOf[int] = Column(BigInteger)
    """What was used, for `GET /wallet/usage`: 0 until it is settled."""


class LedgerTransaction(Base):
    """Why credit moved. A trigger refuses changes: what was wrong is corrected by another transaction.

    `reference` is unique per kind: the account of a bonus, the hold of a charge, what the payment system says of a grant.
    """

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        UniqueConstraint("kind", "reference"),
        CheckConstraint("kind IN ('bonus', 'grant', 'charge', 'refund', 'voucher', 'payment')", name="kind"),
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    kind: ColumnOf[str] = Column(String(10))
    reference: ColumnOf[str] = Column(String(255))
    turn_id: ColumnOf[UUID | None] = Column(Id)
    model: ColumnOf[str | None] = Column(String(255))
    explanation: ColumnOf[str] = Column(Text)
    created_at: ColumnOf[datetime] = Column(UtcTime)


class LedgerEntry(Base):
    """One leg: of a user's wallet (with its number there and the balance after it), or of a platform account, which is the sum of its entries."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("(account_id IS NULL) <> (platform IS NULL)", name="user_or_platform"),
        CheckConstraint("(account_id IS NULL) = (number IS NULL) AND (account_id IS NULL) = (balance_micros IS NULL)", name="user_has_balance"),
        CheckConstraint("platform IN ('revenue', 'bonus', 'overrun', 'payments')", name="platform"),
        CheckConstraint("amount_micros <> 0", name="amount_not_zero"),
        CheckConstraint("balance_micros >= 0", name="balance_not_below_zero"),
        Index(
            "uq_ledger_entries_account_id_number",
            "account_id",
            "number",
            unique=True,
            sqlite_where=text("account_id IS NOT NULL"),
            postgresql_where=text("account_id IS NOT NULL"),
        ),
        Index("ix_ledger_entries_transaction_id", "transaction_id"),
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    transaction_id: ColumnOf[UUID] = Column(Id, ForeignKey("ledger_transactions.id"))
    account_id: ColumnOf[UUID | None] = Column(Id, ForeignKey("wallets.account_id"))
    number: ColumnOf[int | None] = Column(BigInteger)
    platform: ColumnOf[str | None] = Column(String(10))
    amount_micros: ColumnOf[int] = Column(BigInteger)
    balance_micros: ColumnOf[int | None] = Column(BigInteger)


class Refund(Base):
    """Which charge a transaction of kind `refund` gives back, and how much of it: all refunds of a charge together are at most the charge."""

    __tablename__ = "refunds"
    __table_args__ = (CheckConstraint("amount_micros > 0", name="amount_above_zero"), Index("ix_refunds_charge_id", "charge_id"))

    transaction_id: ColumnOf[UUID] = Column(Id, ForeignKey("ledger_transactions.id"), primary_key=True)
    charge_id: ColumnOf[UUID] = Column(Id, ForeignKey("ledger_transactions.id"))
    amount_micros: ColumnOf[int] = Column(BigInteger)


class LedgerNote(Base):
    """What a person wrote about a transaction. Beside the ledger, because the ledger can never forget and a note about somebody must be erasable."""

    __tablename__ = "ledger_notes"
    __table_args__ = (Index("ix_ledger_notes_account_id", "account_id"),)

    transaction_id: ColumnOf[UUID] = Column(Id, ForeignKey("ledger_transactions.id"), primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("wallets.account_id"))
    """Whose wallet it is about."""
    made_by: ColumnOf[UUID | None] = Column(Id)
    note: ColumnOf[str] = Column(String(500))


class PriceVersion(Base):
    """What a model costs from a moment on, until the next version of the same model. Never changed: an old charge was made at an old version."""

    __tablename__ = "price_versions"
    __table_args__ = (
        CheckConstraint("input_micros_per_mtok >= 0 AND output_micros_per_mtok >= 0", name="not_below_zero"),
        Index("ix_price_versions_model", "model", "id"),
    )

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    model: ColumnOf[str] = Column(String(300))
    input_micros_per_mtok: ColumnOf[int] = Column(BigInteger)
    output_micros_per_mtok: ColumnOf[int] = Column(BigInteger)
    set_by: ColumnOf[UUID | None] = Column(Id)
    valid_from: ColumnOf[datetime] = Column(UtcTime)


class Voucher(Base):
    """Credit for whoever knows the code. Only the code's SHA-256 is stored, and its last characters."""

    __tablename__ = "vouchers"
    __table_args__ = (CheckConstraint("use_count BETWEEN 0 AND max_uses", name="uses"), CheckConstraint("amount_micros > 0", name="amount_above_zero"))

    id: ColumnOf[UUID] = Column(Id, primary_key=True)
    code_hash: ColumnOf[bytes] = Column(LargeBinary(32), unique=True)
    code_end: ColumnOf[str] = Column(String(8))
    amount_micros: ColumnOf[int] = Column(BigInteger)
    max_uses: ColumnOf[int] = Column(Integer)
    use_count: ColumnOf[int] = Column(Integer)
    expires_at: ColumnOf[datetime | None] = Column(UtcTime)
    revoked_at: ColumnOf[datetime | None] = Column(UtcTime)
    note: ColumnOf[str | None] = Column(String(200))
    made_by: ColumnOf[UUID | None] = Column(Id)
    created_at: ColumnOf[datetime] = Column(UtcTime)


class VoucherUse(Base):
    """That an account has used a voucher: the primary key makes it once."""

    __tablename__ = "voucher_uses"
    __table_args__ = (UniqueConstraint("transaction_id"), Index("ix_voucher_uses_account_id", "account_id"))

    voucher_id: ColumnOf[UUID] = Column(Id, ForeignKey("vouchers.id"), primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("wallets.account_id"), primary_key=True)
    transaction_id: ColumnOf[UUID] = Column(Id, ForeignKey("ledger_transactions.id"))
    used_at: ColumnOf[datetime] = Column(UtcTime)


class Budget(Base):
    """The most that an account, or one of its API keys (`owner_id` is either), may spend in a day, a month or altogether."""

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("period IN ('day', 'month', 'total')", name="period"),
        CheckConstraint("limit_micros >= 0", name="limit_not_below_zero"),
        Index("ix_budgets_account_id", "account_id"),
    )

    owner_id: ColumnOf[UUID] = Column(Id, primary_key=True)
    period: ColumnOf[str] = Column(String(5), primary_key=True)
    account_id: ColumnOf[UUID] = Column(Id, ForeignKey("accounts.id"))
    limit_micros: ColumnOf[int] = Column(BigInteger)
    updated_at: ColumnOf[datetime] = Column(UtcTime)


class BudgetUse(Base):
    """What was spent or is held in one period of a budget (UTC; `starts_on` is 2026-11-21, 2026-11-01 or, for the total, 0001-01-01)."""

    __tablename__ = "budget_uses"
    __table_args__ = (CheckConstraint("used_micros >= 0", name="used_not_below_zero"),)

    owner_id: ColumnOf[UUID] = Column(Id, primary_key=True)
    period: ColumnOf[str] = Column(String(5), primary_key=True)
    starts_on: ColumnOf[str] = Column(String(10), primary_key=True)
    used_micros: ColumnOf[int] = Column(BigInteger)
