"""What a fleet of workers needs: which workers there are, and which tables their jobs have."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    _add_workers()


def _add_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("queues", sa.Text, nullable=False, server_default=""),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("doing", sa.Text, nullable=False, server_default=""),
        sa.Column("doing_since", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("holder", name="pk_workers"),
    )
    op.create_table(
        "job_tables",
        sa.Column("version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_job_tables"),
    )
