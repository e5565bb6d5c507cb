"""Read-only snapshots of sessions."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_shares",
        sa.Column("session_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("message_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("shared_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_session_shares_account_id_accounts")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_session_shares_session_id_sessions")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session_shares")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_session_shares_token_hash")),
    )
    op.create_index("ix_session_shares_account_id", "session_shares", ["account_id"], unique=False)
