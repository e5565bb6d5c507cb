"""Whose connected account is whose."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "composio_connections",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("connected_account_id", sa.String(length=200), nullable=False),
        sa.Column("toolkit", sa.String(length=100), nullable=False),
        sa.Column("auth_config_id", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("status_reason", sa.String(length=300), nullable=True),
        sa.Column("polls", sa.Integer(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("updated_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("watch_until", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("status IN ('initiated', 'active', 'failed', 'expired', 'revoked', 'deleted')", name=op.f("ck_composio_connections_status")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_composio_connections_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_composio_connections")),
        sa.UniqueConstraint("connected_account_id", name=op.f("uq_composio_connections_connected_account_id")),
    )
    op.create_index("ix_composio_connections_account", "composio_connections", ["account_id", "id"], unique=False)
