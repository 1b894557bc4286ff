"""What a webinar that looks after itself needs: its schedule, its calendar, what comes back."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
