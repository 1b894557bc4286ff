"""Roster rows, pauses, sessions called off, reviews and their approvals, kept messages."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _required_text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _owner(name: str, column: str) -> sa.Column[int]:
    """A reference to the row with which this one is removed."""
    # As wide as what it refers to; SQLite has one width.
    is_delivery = column == "deliveries.id"
    wide = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    kind = wide if is_delivery else sa.Integer()
    return sa.Column(name, kind, sa.ForeignKey(column, ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    """Add the tables; what is there stays as it is. Problems so far count as needing a person."""
    # With a default: SQLite adds no NOT NULL column to a table without one.
    op.add_column(
        "problems", sa.Column("is_note", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column("problems", _text("code"))
    _add_roster_and_decisions()
    _add_reviews()
    _add_kept_messages()
    op.create_table(
        "versions",
        _required_text("schema"),
        _required_text("readable_from"),
        sa.PrimaryKeyConstraint("schema", name="pk_versions"),
    )


def _add_roster_and_decisions() -> None:
    op.create_table(
        "roster_rows",
        _owner("session", "sessions.id"),
        _required_text("key"),
        sa.Column("row", sa.Integer, nullable=False),
        _text("email"),
        _text("first_name"),
        _text("last_name"),
        _text("role"),
        _text("job_title"),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("session", "key", name="pk_roster_rows"),
    )
    op.create_table(
        "pauses",
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("webinar_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        _time("at"),
        _time("until", nullable=True),
        _time("reported_at", nullable=True),
        sa.PrimaryKeyConstraint("server", "webinar_id", "session_id", name="pk_pauses"),
    )
    op.create_table(
        "called_off",
        _owner("session", "sessions.id"),
        _time("at"),
        _text("by"),
        sa.PrimaryKeyConstraint("session", name="pk_called_off"),
    )
    op.create_table(
        "replacements",
        _owner("session", "sessions.id"),
        _required_text("old"),
        _required_text("new"),
        _time("at"),
        sa.PrimaryKeyConstraint("session", "old", name="pk_replacements"),
    )


def _add_reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer, nullable=False),
        _owner("session", "sessions.id"),
        _required_text("digest"),
        _time("made_at"),
        sa.Column("changes", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.UniqueConstraint("session", "digest", name="uq_reviews_session"),
    )
    op.create_table(
        "reviewed_messages",
        _owner("review", "reviews.id"),
        _required_text("key"),
        _required_text("kind"),
        _text("entry"),
        _required_text("digest"),
        _text("wording"),
        _text("panel"),
        _text("role"),
        _time("start"),
        sa.Column("duration", sa.Integer, nullable=False),
        _text("text"),
        sa.PrimaryKeyConstraint("review", "key", "kind", "entry", name="pk_reviewed_messages"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, nullable=False),
        _owner("review", "reviews.id"),
        _time("at"),
        _required_text("by"),
        _text("note"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_review", "approvals", ["review"])


def _add_kept_messages() -> None:
    op.create_table(
        "kept_messages",
        _owner("delivery", "deliveries.id"),
        _time("at"),
        *map(_required_text, ("sha256", "sender", "recipient", "headers")),
        *map(_required_text, ("text", "calendar", "part")),
        sa.Column("html", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("delivery", name="pk_kept_messages"),
    )
    # For `remove_unused_parts`, which looks for each part in all messages.
    op.create_index("ix_kept_messages_part", "kept_messages", ["part"])
    op.create_table(
        "kept_parts",
        _required_text("digest"),
        _required_text("content"),
        sa.PrimaryKeyConstraint("digest", name="pk_kept_parts"),
    )
