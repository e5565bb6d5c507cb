"""Servers that were added over the API, and the definitions of tools that were approved."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
