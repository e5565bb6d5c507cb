"""Servers that were added over the API, and the definitions of tools that were approved."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mcp_servers",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("owner_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("transport", sa.String(length=10), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("groups", parlor.core.db.types.Json(), nullable=False),
        sa.Column("require_approval", parlor.core.db.types.Json(), nullable=False),
        sa.Column("timeout_ms", sa.Integer(), nullable=False),
        sa.Column("uses_sign_in", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("header_names", parlor.core.db.types.Json(), nullable=False),
        sa.Column("headers_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", parlor.core.db.types.Id(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("updated_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("transport IN ('http', 'sse')", name=op.f("ck_mcp_servers_transport")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_mcp_servers_owner_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mcp_servers")),
    )
    op.create_index("ix_mcp_servers_key", "mcp_servers", ["key"], unique=True)
    op.create_index(
        "ix_mcp_servers_owner_id",
        "mcp_servers",
        ["owner_id"],
        unique=False,
        sqlite_where=sa.text("owner_id IS NOT NULL"),
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_table(
        "tool_pins",
        sa.Column("server_key", sa.String(length=120), nullable=False),
        sa.Column("tool", sa.String(length=256), nullable=False),
        sa.Column("owner_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("approved_hash", sa.String(length=64), nullable=True),
        sa.Column("approved", parlor.core.db.types.Json(), nullable=True),
        sa.Column("pending_hash", sa.String(length=64), nullable=True),
        sa.Column("pending", parlor.core.db.types.Json(), nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("approved_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.Column("approved_by", parlor.core.db.types.Id(), nullable=True),
        sa.Column("updated_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("approved_hash IS NOT NULL OR pending_hash IS NOT NULL", name=op.f("ck_tool_pins_has_a_definition")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_tool_pins_owner_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("server_key", "tool", name=op.f("pk_tool_pins")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_tool_pins_owner_id",
        "tool_pins",
        ["owner_id"],
        unique=False,
        sqlite_where=sa.text("owner_id IS NOT NULL"),
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
