"""The ground floor: accounts, wallet, turns, chat, events, jobs, idempotency."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("username", sa.String(length=64), nullable=True),
        sa.Column("display_name", sa.String(length=200), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("preferences", parlor.core.db.types.Json(), nullable=False),
        sa.Column("locale", sa.String(length=35), nullable=True),
        sa.Column("avatar_url", sa.String(length=2048), nullable=True),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("is_first_admin", sa.Boolean(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("updated_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("erased_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.CheckConstraint("role IN ('user', 'admin')", name=op.f("ck_accounts_role")),
        sa.CheckConstraint("status IN ('active', 'suspended')", name=op.f("ck_accounts_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email", name=op.f("uq_accounts_email")),
        sa.UniqueConstraint("username", name=op.f("uq_accounts_username")),
    )
    op.create_index("ix_accounts_admins", "accounts", ["id"], unique=False, sqlite_where=sa.text("role = 'admin'"), postgresql_where=sa.text("role = 'admin'"))
    op.create_index(
        "uq_accounts_first_admin",
        "accounts",
        ["is_first_admin"],
        unique=True,
        sqlite_where=sa.text("is_first_admin"),
        postgresql_where=sa.text("is_first_admin"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("result", parlor.core.db.types.Json(), nullable=True),
        sa.Column("token", parlor.core.db.types.Id(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("args", parlor.core.db.types.Json(), nullable=False),
        sa.Column("order_key", sa.String(length=300), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("lease_token", parlor.core.db.types.Id(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("(state = 'failed') = (due_at IS NULL)", name=op.f("ck_jobs_failed_is_never_due")),
        sa.CheckConstraint("(state = 'running') = (lease_token IS NOT NULL)", name=op.f("ck_jobs_running_has_a_lease")),
        sa.CheckConstraint("state IN ('queued', 'running', 'failed')", name=op.f("ck_jobs_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_due_at", "jobs", ["due_at"], unique=False)
    op.create_index("ix_jobs_order_key", "jobs", ["order_key", "id"], unique=False)
    op.create_table(
        "ledger_transactions",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("turn_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("kind IN ('bonus', 'grant', 'charge', 'refund', 'voucher', 'payment')", name=op.f("ck_ledger_transactions_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("kind", "reference", name=op.f("uq_ledger_transactions_kind_reference")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("body", parlor.core.db.types.Json(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=True),
        sa.Column("address", sa.String(length=100), nullable=True),
        sa.Column("request_id", sa.String(length=200), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_account_id", "outbox", ["account_id"], unique=False)
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("next_due_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_table(
        "holds",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("turn_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("charge_micros", sa.BigInteger(), nullable=False),
        sa.Column("overrun_micros", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("resolved_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name=op.f("ck_holds_resolved_when_not_open")),
        sa.CheckConstraint("state = 'settled' OR (charge_micros = 0 AND overrun_micros = 0)", name=op.f("ck_holds_only_settled_charges")),
        sa.CheckConstraint("state IN ('open', 'settled', 'voided', 'expired')", name=op.f("ck_holds_state")),
        sa.CheckConstraint("amount_micros >= 0", name=op.f("ck_holds_amount_not_below_zero")),
        sa.CheckConstraint("charge_micros BETWEEN 0 AND amount_micros AND overrun_micros >= 0", name=op.f("ck_holds_charge_within_amount")),
        sa.CheckConstraint("turn_id IS NULL OR turn_id = id", name=op.f("ck_holds_turn_is_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_holds_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_holds_expires_at",
        "holds",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=True),
        sa.Column("model", sa.String(length=300), nullable=True),
        sa.Column("is_pinned", sa.Boolean(), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_branched", sa.Boolean(), nullable=False),
        sa.Column("metadata", parlor.core.db.types.Json(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("updated_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("last_active_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sessions_account", "sessions", ["account_id", "last_active_at", "id"], unique=False)
    op.create_index("ix_sessions_active", "sessions", ["is_active", "last_active_at"], unique=False)
    op.create_table(
        "sign_ins",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("last_used_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("ended_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sign_ins_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
    )
    op.create_index("ix_sign_ins_account_id", "sign_ins", ["account_id"], unique=False)
    op.create_index(op.f("ix_sign_ins_expires_at"), "sign_ins", ["expires_at"], unique=False)
    op.create_table(
        "turns",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("session_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("question_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("answer_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("lease_owner", parlor.core.db.types.Id(), nullable=True),
        sa.Column("lease_expires_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("is_stop_requested", sa.Boolean(), nullable=False),
        sa.Column("input_micros_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("output_micros_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens_estimate", sa.Integer(), nullable=False),
        sa.Column("hold_micros", sa.BigInteger(), nullable=False),
        sa.Column("usage", parlor.core.db.types.Json(), nullable=True),
        sa.Column("charge_micros", sa.BigInteger(), nullable=True),
        sa.Column("started_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("ended_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_turns_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turns")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_turns_account", "turns", ["account_id", "id"], unique=False)
    op.create_index(
        "ix_turns_lease",
        "turns",
        ["lease_expires_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_index(
        "uq_turns_one_busy_per_session",
        "turns",
        ["session_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running', 'awaiting_input')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'awaiting_input')"),
    )
    op.create_table(
        "wallets",
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("available_micros", sa.BigInteger(), nullable=False),
        sa.Column("held_micros", sa.BigInteger(), nullable=False),
        sa.Column("entry_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("available_micros >= 0", name=op.f("ck_wallets_available_not_below_zero")),
        sa.CheckConstraint("held_micros >= 0", name=op.f("ck_wallets_held_not_below_zero")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_wallets_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_wallets")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("transaction_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("platform", sa.String(length=10), nullable=True),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("balance_micros", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("platform IN ('revenue', 'bonus', 'overrun', 'payments')", name=op.f("ck_ledger_entries_platform")),
        sa.CheckConstraint("(account_id IS NULL) <> (platform IS NULL)", name=op.f("ck_ledger_entries_user_or_platform")),
        sa.CheckConstraint(
            "(account_id IS NULL) = (number IS NULL) AND (account_id IS NULL) = (balance_micros IS NULL)", name=op.f("ck_ledger_entries_user_has_balance")
        ),
        sa.CheckConstraint("amount_micros <> 0", name=op.f("ck_ledger_entries_amount_not_zero")),
        sa.CheckConstraint("balance_micros >= 0", name=op.f("ck_ledger_entries_balance_not_below_zero")),
        sa.ForeignKeyConstraint(["account_id"], ["wallets.account_id"], name=op.f("fk_ledger_entries_account_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_ledger_entries_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index(
        "uq_ledger_entries_account_id_number",
        "ledger_entries",
        ["account_id", "number"],
        unique=True,
        sqlite_where=sa.text("account_id IS NOT NULL"),
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.create_table(
        "messages",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("session_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("parent_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("parts", parlor.core.db.types.Json(), nullable=True),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("turn_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("usage", parlor.core.db.types.Json(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_messages_account_id")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_messages_session_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_messages")),
        sa.UniqueConstraint("id", name=op.f("uq_messages_id")),
        sa.UniqueConstraint("session_id", "seq", name=op.f("uq_messages_session_id_seq")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("sign_in_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("used_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["sign_in_id"], ["sign_ins.id"], name=op.f("fk_refresh_tokens_sign_in_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    op.create_index("ix_refresh_tokens_sign_in_id", "refresh_tokens", ["sign_in_id"], unique=False)
    op.create_table(
        "turn_segments",
        sa.Column("turn_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_turn_segments_turn_id")),
        sa.PrimaryKeyConstraint("turn_id", "first", name=op.f("pk_turn_segments")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "turn_steps",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("turn_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("tool", sa.String(length=200), nullable=False),
        sa.Column("arguments", parlor.core.db.types.Json(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("outcome", parlor.core.db.types.Json(), nullable=True),
        sa.Column("started_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("ended_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_turn_steps_turn_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turn_steps")),
    )
    op.create_index("ix_turn_steps_turn", "turn_steps", ["turn_id"], unique=False)
