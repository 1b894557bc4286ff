"""What a webinar that looks after itself needs: its schedule, its calendar, what comes back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _owner(name: str, column: str) -> sa.Column[int]:
    """A reference to the row with which this one is removed."""
    return sa.Column(name, sa.Integer, sa.ForeignKey(column, ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    _add_looks()
    _add_entries()
    _add_inbox()


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


def _add_entries() -> None:
    """Scheduled messages: each names its entry, and blocks no other message."""
    op.add_column("deliveries", sa.Column("entry", sa.Text, nullable=False, server_default=""))
    op.drop_index("uq_deliveries_open", "deliveries")
    op.create_index(
        "uq_deliveries_open",
        "deliveries",
        ["session", "key", "entry"],
        unique=True,
        sqlite_where=sa.text("rehearsal_to = '' AND state IN ('queued', 'sending')"),
    )
    op.create_index(
        "uq_deliveries_entry",
        "deliveries",
        ["session", "key", "entry", "start"],
        unique=True,
        sqlite_where=sa.text("rehearsal_to = '' AND entry != '' AND state != 'superseded'"),
    )
    op.create_table(
        "entries_seen",
        _owner("session", "sessions.id"),
        sa.Column("entry", sa.Text, nullable=False),
        _time("start"),
        _time("at"),
        sa.PrimaryKeyConstraint("session", "entry", "start", name="pk_entries_seen"),
    )
    op.create_table(
        "skipped_entries",
        _owner("session", "sessions.id"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
        _time("start"),
        _time("at"),
        sa.PrimaryKeyConstraint("session", "key", "entry", "start", name="pk_skipped_entries"),
    )


def _add_inbox() -> None:
    """What comes back by mail: how far it was read, answers, addresses that get nothing more."""
    op.create_table(
        "inbox_positions",
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("validity", sa.BigInteger),
        sa.Column("last", sa.BigInteger),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fault", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("mailbox", name="pk_inbox_positions"),
    )
    op.create_table(
        "handled_replies",
        sa.Column("digest", sa.Text, nullable=False),
        _owner("session", "sessions.id"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_handled_replies"),
    )
    op.create_index("ix_handled_replies_session", "handled_replies", ["session"])
    op.create_table(
        "answers",
        _owner("session", "sessions.id"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("stamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session", "key", name="pk_answers"),
    )
    op.create_table(
        "suppressed_addresses",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_suppressed_addresses"),
    )
