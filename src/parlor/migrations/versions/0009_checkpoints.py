"""Where the graphs of a session stand."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "graph_threads",
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("session_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("answer_id", parlor.core.db.types.Id(), nullable=True),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_graph_threads_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graph_threads")),
    )
    op.create_index("ix_graph_threads_account_id", "graph_threads", ["account_id"], unique=False)
    op.create_index("ix_graph_threads_session_id", "graph_threads", ["session_id"], unique=False)
    op.create_table(
        "graph_checkpoints",
        sa.Column("thread_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("checkpoint_id", sa.String(length=64), nullable=False),
        sa.Column("parent_id", sa.String(length=64), nullable=True),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("checkpoint", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint_metadata", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["graph_threads.id"], name=op.f("fk_graph_checkpoints_thread_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("thread_id", "namespace", "checkpoint_id", name=op.f("pk_graph_checkpoints")),
    )
    op.create_table(
        "graph_writes",
        sa.Column("thread_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("checkpoint_id", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("task_path", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["graph_threads.id"], name=op.f("fk_graph_writes_thread_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("thread_id", "namespace", "checkpoint_id", "task_id", "at", name=op.f("pk_graph_writes")),
    )
