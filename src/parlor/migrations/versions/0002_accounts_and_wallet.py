"""Accounts and wallet, whole: API keys, identities elsewhere, mailed tokens, groups; prices, vouchers, budgets, and what each hold was for."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budget_uses",
        sa.Column("owner_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("period", sa.String(length=5), nullable=False),
        sa.Column("starts_on", sa.String(length=10), nullable=False),
        sa.Column("used_micros", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used_micros >= 0", name=op.f("ck_budget_uses_used_not_below_zero")),
        sa.PrimaryKeyConstraint("owner_id", "period", "starts_on", name=op.f("pk_budget_uses")),
    )
    op.create_table(
        "price_versions",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("input_micros_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("output_micros_per_mtok", sa.BigInteger(), nullable=False),
        sa.Column("set_by", parlor.core.db.types.Id(), nullable=True),
        sa.Column("valid_from", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("input_micros_per_mtok >= 0 AND output_micros_per_mtok >= 0", name=op.f("ck_price_versions_not_below_zero")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_versions")),
    )
    op.create_index("ix_price_versions_model", "price_versions", ["model", "id"], unique=False)
    op.create_table(
        "sign_in_flows",
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("code_verifier", sa.String(length=128), nullable=False),
        sa.Column("next_path", sa.String(length=2048), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_sign_in_flows")),
    )
    op.create_index(op.f("ix_sign_in_flows_expires_at"), "sign_in_flows", ["expires_at"], unique=False)
    op.create_table(
        "vouchers",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("code_end", sa.String(length=8), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("use_count", sa.Integer(), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("revoked_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("made_by", parlor.core.db.types.Id(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("amount_micros > 0", name=op.f("ck_vouchers_amount_above_zero")),
        sa.CheckConstraint("use_count BETWEEN 0 AND max_uses", name=op.f("ck_vouchers_uses")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_vouchers_code_hash")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", parlor.core.db.types.Json(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("last_used_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("revoked_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    op.create_index("ix_api_keys_account_id", "api_keys", ["account_id", "id"], unique=False)
    op.create_table(
        "budgets",
        sa.Column("owner_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("period", sa.String(length=5), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("limit_micros", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("period IN ('day', 'month', 'total')", name=op.f("ck_budgets_period")),
        sa.CheckConstraint("limit_micros >= 0", name=op.f("ck_budgets_limit_not_below_zero")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_budgets_account_id")),
        sa.PrimaryKeyConstraint("owner_id", "period", name=op.f("pk_budgets")),
    )
    op.create_index("ix_budgets_account_id", "budgets", ["account_id"], unique=False)
    op.create_table(
        "erased_addresses",
        sa.Column("mark", sa.LargeBinary(length=32), nullable=False),
        sa.Column("erased_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_erased_addresses")),
    )
    op.create_index(op.f("ix_erased_addresses_erased_at"), "erased_addresses", ["erased_at"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("requested_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("erased_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("receipt", parlor.core.db.types.Json(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_erasures_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("account_id", name=op.f("uq_erasures_account_id")),
    )
    op.create_table(
        "external_identities",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_external_identities_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_external_identities_issuer_subject")),
    )
    op.create_index("ix_external_identities_account_id", "external_identities", ["account_id"], unique=False)
    op.create_table(
        "mailed_tokens",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("used_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.CheckConstraint("purpose IN ('verify_email', 'reset_password')", name=op.f("ck_mailed_tokens_purpose")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_mailed_tokens_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_mailed_tokens")),
    )
    op.create_index("ix_mailed_tokens_account_id", "mailed_tokens", ["account_id"], unique=False)
    op.create_index(op.f("ix_mailed_tokens_expires_at"), "mailed_tokens", ["expires_at"], unique=False)
    op.create_table(
        "voucher_uses",
        sa.Column("voucher_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("transaction_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("used_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["wallets.account_id"], name=op.f("fk_voucher_uses_account_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_voucher_uses_transaction_id")),
        sa.ForeignKeyConstraint(["voucher_id"], ["vouchers.id"], name=op.f("fk_voucher_uses_voucher_id")),
        sa.PrimaryKeyConstraint("voucher_id", "account_id", name=op.f("pk_voucher_uses")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_voucher_uses_transaction_id")),
    )
    op.create_index("ix_voucher_uses_account_id", "voucher_uses", ["account_id"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("transaction_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("charge_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_micros > 0", name=op.f("ck_refunds_amount_above_zero")),
        sa.ForeignKeyConstraint(["charge_id"], ["ledger_transactions.id"], name=op.f("fk_refunds_charge_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_refunds_transaction_id")),
        sa.PrimaryKeyConstraint("transaction_id", name=op.f("pk_refunds")),
    )
    op.create_index("ix_refunds_charge_id", "refunds", ["charge_id"], unique=False)
    op.create_table(
        "ledger_notes",
        sa.Column("transaction_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("made_by", parlor.core.db.types.Id(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["wallets.account_id"], name=op.f("fk_ledger_notes_account_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_ledger_notes_transaction_id")),
        sa.PrimaryKeyConstraint("transaction_id", name=op.f("pk_ledger_notes")),
    )
    op.create_index("ix_ledger_notes_account_id", "ledger_notes", ["account_id"], unique=False)
    op.create_index("ix_ledger_entries_transaction_id", "ledger_entries", ["transaction_id"], unique=False)
    op.add_column("accounts", sa.Column("groups", parlor.core.db.types.Json(), nullable=False, server_default="[]"))
    op.add_column("holds", sa.Column("model", sa.String(length=300), nullable=True))
    op.add_column("holds", sa.Column("agent", sa.String(length=200), nullable=True))
    op.add_column("holds", sa.Column("session_id", parlor.core.db.types.Id(), nullable=True))
    op.add_column("holds", sa.Column("api_key_id", parlor.core.db.types.Id(), nullable=True))
    op.add_column("holds", sa.Column("input_tokens", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("holds", sa.Column("output_tokens", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_holds_account_id", "holds", ["account_id", "created_at"], unique=False)
    op.add_column("sign_ins", sa.Column("method", sa.String(length=16), nullable=False, server_default="password"))
    op.add_column("sign_ins", sa.Column("user_agent", sa.String(length=300), nullable=True))
    op.add_column("sign_ins", sa.Column("address", sa.String(length=64), nullable=True))
    op.add_column("turns", sa.Column("price_version_id", parlor.core.db.types.Id(), nullable=True))
    op.add_column("wallets", sa.Column("has_budget", sa.Boolean(), nullable=False, server_default=sa.false()))
