"""Which sessions RingCentral has no more, so that their webinar's new one is shown instead."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column. No session is known to be gone: the next look at its webinar tells."""
    op.add_column("sessions", sa.Column("gone_at", sa.DateTime(timezone=True)))
