"""Where the graphs of a session stand."""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by the room that it belongs to."""
