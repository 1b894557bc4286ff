"""What a webinar that looks after itself needs: its schedule, its calendar, what comes back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    _add_looks()


def _add_looks() -> None:
    """What `run --all` remembers of each webinar.

    Empty at first: the next run lists the invitees of each once.
    """
    op.create_table(
        "looks",
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("webinar_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, server_default=""),
        sa.Column("listed_at", sa.DateTime(timezone=True)),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("roster", sa.Text, nullable=False, server_default=""),
        sa.Column("inputs", sa.Text, nullable=False, server_default=""),
        sa.Column("exit_code", sa.Integer),
        sa.Column("gone_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("server", "webinar_id", "session_id", name="pk_looks"),
    )
    op.create_table(
        "refused_lists",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_refused_lists"),
    )
    op.create_table(
        "cron_runs",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("at", name="pk_cron_runs"),
    )
