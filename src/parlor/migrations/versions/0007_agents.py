"""Agents that people make, and what they were before."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("owner_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("definition", parlor.core.db.types.Json(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("updated_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_agents_owner_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
    )
    op.create_index("ix_agents_key", "agents", ["key"], unique=True)
    op.create_index("ix_agents_owner_id", "agents", ["owner_id", "name"], unique=False)
    op.create_table(
        "agent_versions",
        sa.Column("agent_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", parlor.core.db.types.Json(), nullable=False),
        sa.Column("author_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_versions_agent_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("agent_id", "version", name=op.f("pk_agent_versions")),
    )
    op.create_index("ix_agent_versions_author_id", "agent_versions", ["author_id"], unique=False)
