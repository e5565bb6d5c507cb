"""What users let Parlor do at tool servers in their name."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _terms() -> list[sa.Column[object]]:
    return [
        sa.Column("server_key", sa.String(length=300), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("server_url", sa.String(length=2048), nullable=False),
        sa.Column("is_trusted", sa.Boolean(), nullable=False),
        sa.Column("issuer", sa.String(length=1000), nullable=False),
        sa.Column("client_id", sa.String(length=2048), nullable=False),
        sa.Column("client_secret", sa.LargeBinary(), nullable=True),
        sa.Column("auth_method", sa.String(length=32), nullable=False),
        sa.Column("redirect_uri", sa.String(length=1000), nullable=False),
        sa.Column("token_endpoint", sa.String(length=2048), nullable=False),
        sa.Column("revocation_endpoint", sa.String(length=2048), nullable=True),
        sa.Column("resource", sa.String(length=2048), nullable=True),
        sa.Column("scope", sa.String(length=4000), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "tool_grants",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        *_terms(),
        sa.Column("wanted_scope", sa.String(length=4000), nullable=True),
        sa.Column("access_token", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_token", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("renewed_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("leased_until", parlor.core.db.types.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_tool_grants_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tool_grants")),
        sa.UniqueConstraint("server_key", "account_id", name=op.f("uq_tool_grants_server_key_account_id")),
    )
    op.create_index("ix_tool_grants_account_id", "tool_grants", ["account_id", "id"], unique=False)
    op.create_table(
        "tool_sign_ins",
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False),
        *_terms(),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        sa.Column("promises_issuer", sa.Boolean(), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_tool_sign_ins_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_tool_sign_ins")),
    )
    op.create_index("ix_tool_sign_ins_account_id", "tool_sign_ins", ["account_id", "expires_at"], unique=False)
    op.create_index(op.f("ix_tool_sign_ins_expires_at"), "tool_sign_ins", ["expires_at"], unique=False)
    op.create_table(
        "tool_clients",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("issuer", sa.String(length=1000), nullable=False),
        sa.Column("redirect_uri", sa.String(length=1000), nullable=False),
        sa.Column("client_id", sa.String(length=2048), nullable=False),
        sa.Column("client_secret", sa.LargeBinary(), nullable=True),
        sa.Column("auth_method", sa.String(length=32), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tool_clients")),
        sa.UniqueConstraint("issuer", "redirect_uri", name=op.f("uq_tool_clients_issuer_redirect_uri")),
    )
