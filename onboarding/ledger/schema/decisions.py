"""The tables of what a person decided about a webinar: pauses, call-offs, replacements."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import metadata, session_column, text_column
from onboarding.ledger.sql import UtcDateTime

pauses = sa.Table(
    "pauses",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    sa.Column("webinar_id", sa.Text, primary_key=True),
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime),
    sa.Column("reported_at", UtcDateTime),
)
"""Webinars that `run --all` leaves alone. `session_id` is empty where config.toml names none.

`until` is NULL for a pause without an end; `reported_at` is when `run --all` last said so.
"""

called_off = sa.Table(
    "called_off",
    metadata,
    sa.Column("session", sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    text_column("by"),
)
"""Sessions that a person has called off: from then on only cancellations are queued."""

replacements = sa.Table(
    "replacements",
    metadata,
    session_column(),
    sa.Column("old", sa.Text, nullable=False),
    sa.Column("new", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("session", "old"),
)
"""People that a person wants replaced by others: stored before the roster is written.

`old` and `new` are address keys. A row is removed once its work is done, so it is there only during
`replace`, or after a crash, or while RingCentral refuses to remove the old person.
"""
