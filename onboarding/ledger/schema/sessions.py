"""The tables of sessions as the last run saw them, and of what it could not do for them."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import (
    BigNumber,
    account_column,
    metadata,
    session_column,
    text_column,
)
from onboarding.ledger.sql import UtcDateTime

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("server", sa.Text, nullable=False),
    account_column(),
    sa.Column("webinar_id", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    text_column("title"),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("duration", sa.Integer, nullable=False),
    text_column("time_zone"),
    text_column("status"),
    sa.Column("join_offset", sa.Integer, nullable=False, server_default="0"),
    sa.Column("run_at", UtcDateTime),
    sa.Column("heavy_calls", sa.Integer, nullable=False, server_default="0"),
    sa.Column("gone_at", UtcDateTime),
    sa.UniqueConstraint("server", "webinar_id", "session_id"),
)
"""One row per session and server, as the last run saw it.

`account` is the one in config.toml whose user saw it last. `duration` and `join_offset` are in
seconds; `heavy_calls` are those of the last run. `gone_at` is when its webinar was found to have
another session in its place.
"""

cached_webinars = sa.Table(
    "webinars",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    account_column(primary_key=True),
    sa.Column("webinar_id", sa.Text, primary_key=True),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
)
"""What a webinar adds to its sessions (title, host, who may join as panelist).

Kept to save a Heavy call.
"""

problems = sa.Table(
    "problems",
    metadata,
    sa.Column("id", BigNumber, primary_key=True),
    session_column(),
    sa.Column("row", sa.Integer),
    sa.Column("column", sa.Text),
    text_column("email"),
    text_column("message"),
    sa.Column("is_note", sa.Boolean, nullable=False, server_default=sa.false()),
    text_column("code"),
)
"""What the last run could not do, and for which person; `status` shows it, each run replaces it.

`code` is that of a `model.people.Problem`. A note (`is_note`) is worth knowing and needs nothing
done.
"""

sa.Index("ix_problems_session", problems.c.session)
