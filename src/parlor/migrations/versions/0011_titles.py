"""What a cheap model writes about a session. Sessions from before keep their titles: nobody is asked about them."""

import sqlalchemy as sa
from alembic import op

import parlor.core.db.types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("title_state", sa.String(length=10), nullable=False, server_default="given"))
    op.add_column("sessions", sa.Column("suggestions", parlor.core.db.types.Json(), nullable=False, server_default="[]"))
