"""Layers that people put over the prompts of agents."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = "prompt_customizations"

ROW_LEVEL_SECURITY = (
    f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY",
    # FORCE: for the owner of the table as well, who is the role that Parlor signs in as
    f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY",
    # what a transaction has set for itself alone is afterwards not NULL but '', which is no uuid
    f"""CREATE POLICY own_rows ON {TABLE}
        USING (account_id = nullif(current_setting('parlor.account_id', true), '')::uuid)
        WITH CHECK (account_id = nullif(current_setting('parlor.account_id', true), '')::uuid)""",
    # copies, backups and verification need every row, and say so
    f"""CREATE POLICY operator_rows ON {TABLE}
        USING (current_setting('parlor.is_operator', true) = 'on')
        WITH CHECK (current_setting('parlor.is_operator', true) = 'on')""",
)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("account_id", parlor.core.db.types.Id(), nullable=False),
        sa.Column("agent_name", sa.String(length=200), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("base_version", sa.String(length=12), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.Column("updated_at", parlor.core.db.types.UtcTime(), nullable=False),
        sa.CheckConstraint("mode IN ('append', 'prepend', 'replace', 'slot')", name=op.f("ck_prompt_customizations_mode")),
        sa.CheckConstraint("(mode = 'slot') = (slot IS NOT NULL)", name=op.f("ck_prompt_customizations_slot_of_mode")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_prompt_customizations_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_customizations")),
    )
    op.create_index("ix_prompt_customizations_account_id_agent_name", TABLE, ["account_id", "agent_name"], unique=False)
    if op.get_context().dialect.name == "postgresql":
        for sql in ROW_LEVEL_SECURITY:
            op.execute(sql)
