"""Wallets, holds and the ledger."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
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
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    transaction_id: Mapped[UUID] = mapped_column(Id, ForeignKey("ledger_transactions.id"))
    account_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("wallets.account_id"))
    number: Mapped[int | None] = mapped_column(BigInteger)
    platform: Mapped[str | None] = mapped_column(String(10))
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    balance_micros: Mapped[int | None] = mapped_column(BigInteger)
