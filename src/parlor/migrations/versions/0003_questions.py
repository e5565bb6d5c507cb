"""Questions that a turn waits for, and where it goes on."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turn_questions",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("turn_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("tool", sa.String(length=200), nullable=False),
        sa.Column("arguments", parlor.core.db.types.Json(), nullable=True),
        sa.Column("arguments_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("schema", parlor.core.db.types.Json(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("answer", parlor.core.db.types.Json(), nullable=True),
        sa.Column("asked_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("expires_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("answered_at", parlor.core.db.types.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_turn_questions_turn_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turn_questions")),
    )
    op.create_index("ix_turn_questions_turn", "turn_questions", ["turn_id"], unique=False)
    is_open = sa.text("state = 'open'")
    op.create_index("ix_turn_questions_open", "turn_questions", ["expires_at"], unique=False, sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "turn_continuations",
        sa.Column("turn_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_turn_continuations_turn_id")),
        sa.PrimaryKeyConstraint("turn_id", name=op.f("pk_turn_continuations")),
        sqlite_with_rowid=False,
    )
    awaiting = sa.text("state = 'awaiting_input'")
    op.create_index("ix_turns_awaiting", "turns", ["id"], unique=False, sqlite_where=awaiting, postgresql_where=awaiting)
