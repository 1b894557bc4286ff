"""A lease remembers when it was taken, so that one that is held for hours can be reported."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Give leases the time at which they were taken; of one that is held right now it is not known."""
    op.add_column("leases", sa.Column("taken_at", sa.DateTime(timezone=True)))
