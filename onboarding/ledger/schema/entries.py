"""The tables of the schedule's entries: which were seen, and who missed them."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import metadata, session_column
from onboarding.ledger.sql import UtcDateTime

entries_seen = sa.Table(
    "entries_seen",
    metadata,
    session_column(),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("session", "entry", "start"),
)
"""When a run first saw an entry of the schedule while the session started at `start`."""

skipped_entries = sa.Table(
    "skipped_entries",
    metadata,
    session_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("session", "key", "entry", "start"),
)
"""Entries that were missed, so that a person does not get them: each has an event, too."""
