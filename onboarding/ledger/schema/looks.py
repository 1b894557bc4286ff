"""The tables of what `run --all` remembers, so that it asks RingCentral for little."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import metadata, text_column
from onboarding.ledger.sql import UtcDateTime

looks = sa.Table(
    "looks",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    sa.Column("webinar_id", sa.Text, primary_key=True),
    sa.Column("session_id", sa.Text, primary_key=True),
    text_column("digest"),
    sa.Column("listed_at", UtcDateTime),
    sa.Column("asked_at", UtcDateTime),
    text_column("roster"),
    text_column("inputs"),
    sa.Column("exit_code", sa.Integer),
    sa.Column("is_settled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gone_at", UtcDateTime),
    text_column("told"),
    sa.Column("told_at", UtcDateTime),
)
"""What the last runs saw of each webinar, as config.toml names it (`model.looks.Look`).

`session_id` is empty where config.toml names none. A row without a webinar is an account's: what
was said of its last outage. Every row can be deleted at any time, and then costs a call.
"""

refused_lists = sa.Table(
    "refused_lists",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Accounts whose user may not list the company's sessions, and when RingCentral said so."""

cron_runs = sa.Table("cron_runs", metadata, sa.Column("at", UtcDateTime, primary_key=True))
"""When `run --all` was started lately: it shows how often cron does that."""
