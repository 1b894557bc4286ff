"""The tables of who has joined a session, as RingCentral's history said last."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import metadata, session_column, text_column
from onboarding.ledger.sql import UtcDateTime

attendance = sa.Table(
    "attendance",
    metadata,
    session_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("attendance", sa.Text, nullable=False),
    sa.Column("joined_at", UtcDateTime),
    sa.Column("wrong_door", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint("session", "key"),
)
"""Whether a person has joined (`model.attendance.PersonAttendance`)."""

attendance_readings = sa.Table(
    "attendance_readings",
    metadata,
    sa.Column(
        "session",
        sa.ForeignKey("sessions.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("is_final", sa.Boolean, nullable=False),
    text_column("fault"),
)
"""When RingCentral was asked last, and what it said instead (`model.attendance`)."""
