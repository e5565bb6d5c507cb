"""Wallets, holds, the ledger with its refunds and notes, prices, vouchers and budgets."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from parlor.core.db import WITHOUT_ROWID, Base, Id, UtcTime


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

    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    available_micros: Mapped[int] = mapped_column(BigInteger)
    held_micros: Mapped[int] = mapped_column(BigInteger)
    entry_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    has_budget: Mapped[bool] = mapped_column(Boolean)
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

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    turn_id: Mapped[UUID | None] = mapped_column(Id)
    purpose: Mapped[str] = mapped_column(String(40))
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    charge_micros: Mapped[int] = mapped_column(BigInteger)
    overrun_micros: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcTime)
    model: Mapped[str | None] = mapped_column(String(300))
    agent: Mapped[str | None] = mapped_column(String(200))
    session_id: Mapped[UUID | None] = mapped_column(Id)
    api_key_id: Mapped[UUID | None] = mapped_column(Id)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
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

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    reference: Mapped[str] = mapped_column(String(255))
    turn_id: Mapped[UUID | None] = mapped_column(Id)
    model: Mapped[str | None] = mapped_column(String(255))
    explanation: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


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

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    transaction_id: Mapped[UUID] = mapped_column(Id, ForeignKey("ledger_transactions.id"))
    account_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("wallets.account_id"))
    number: Mapped[int | None] = mapped_column(BigInteger)
    platform: Mapped[str | None] = mapped_column(String(10))
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    balance_micros: Mapped[int | None] = mapped_column(BigInteger)


class Refund(Base):
    """Which charge a transaction of kind `refund` gives back, and how much of it: all refunds of a charge together are at most the charge."""

    __tablename__ = "refunds"
    __table_args__ = (CheckConstraint("amount_micros > 0", name="amount_above_zero"), Index("ix_refunds_charge_id", "charge_id"))

    transaction_id: Mapped[UUID] = mapped_column(Id, ForeignKey("ledger_transactions.id"), primary_key=True)
    charge_id: Mapped[UUID] = mapped_column(Id, ForeignKey("ledger_transactions.id"))
    amount_micros: Mapped[int] = mapped_column(BigInteger)


class LedgerNote(Base):
    """What a person wrote about a transaction. Beside the ledger, because the ledger can never forget and a note about somebody must be erasable."""

    __tablename__ = "ledger_notes"
    __table_args__ = (Index("ix_ledger_notes_account_id", "account_id"),)

    transaction_id: Mapped[UUID] = mapped_column(Id, ForeignKey("ledger_transactions.id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("wallets.account_id"))
    """Whose wallet it is about."""
    made_by: Mapped[UUID | None] = mapped_column(Id)
    note: Mapped[str] = mapped_column(String(500))


class PriceVersion(Base):
    """What a model costs from a moment on, until the next version of the same model. Never changed: an old charge was made at an old version."""

    __tablename__ = "price_versions"
    __table_args__ = (
        CheckConstraint("input_micros_per_mtok >= 0 AND output_micros_per_mtok >= 0", name="not_below_zero"),
        Index("ix_price_versions_model", "model", "id"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    model: Mapped[str] = mapped_column(String(300))
    input_micros_per_mtok: Mapped[int] = mapped_column(BigInteger)
    output_micros_per_mtok: Mapped[int] = mapped_column(BigInteger)
    set_by: Mapped[UUID | None] = mapped_column(Id)
    valid_from: Mapped[datetime] = mapped_column(UtcTime)


class Voucher(Base):
    """Credit for whoever knows the code. Only the code's SHA-256 is stored, and its last characters."""

    __tablename__ = "vouchers"
    __table_args__ = (CheckConstraint("use_count BETWEEN 0 AND max_uses", name="uses"), CheckConstraint("amount_micros > 0", name="amount_above_zero"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    code_end: Mapped[str] = mapped_column(String(8))
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    max_uses: Mapped[int] = mapped_column(Integer)
    use_count: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    note: Mapped[str | None] = mapped_column(String(200))
    made_by: Mapped[UUID | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class VoucherUse(Base):
    """That an account has used a voucher: the primary key makes it once."""

    __tablename__ = "voucher_uses"
    __table_args__ = (UniqueConstraint("transaction_id"), Index("ix_voucher_uses_account_id", "account_id"))

    voucher_id: Mapped[UUID] = mapped_column(Id, ForeignKey("vouchers.id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("wallets.account_id"), primary_key=True)
    transaction_id: Mapped[UUID] = mapped_column(Id, ForeignKey("ledger_transactions.id"))
    used_at: Mapped[datetime] = mapped_column(UtcTime)


class Budget(Base):
    """The most that an account, or one of its API keys (`owner_id` is either), may spend in a day, a month or altogether."""

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("period IN ('day', 'month', 'total')", name="period"),
        CheckConstraint("limit_micros >= 0", name="limit_not_below_zero"),
        Index("ix_budgets_account_id", "account_id"),
    )

    owner_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    period: Mapped[str] = mapped_column(String(5), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    limit_micros: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class BudgetUse(Base):
    """What was spent or is held in one period of a budget (UTC; `starts_on` is 2026-11-21, 2026-11-01 or, for the total, 0001-01-01)."""

    __tablename__ = "budget_uses"
    __table_args__ = (CheckConstraint("used_micros >= 0", name="used_not_below_zero"),)

    owner_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    period: Mapped[str] = mapped_column(String(5), primary_key=True)
    starts_on: Mapped[str] = mapped_column(String(10), primary_key=True)
    used_micros: Mapped[int] = mapped_column(BigInteger)
