"""What a cheap model writes about a session."""

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by the room that it belongs to."""
