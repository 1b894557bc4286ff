"""The tables of people: at RingCentral, on the roster, and in the company directory."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import account_column, metadata, session_column, text_column
from onboarding.ledger.sql import UtcDateTime

registrations = sa.Table(
    "registrations",
    metadata,
    session_column(),
    sa.Column("key", sa.Text, nullable=False),
    text_column("email"),
    text_column("first_name"),
    text_column("last_name"),
    text_column("language"),
    text_column("time_zone"),
    text_column("role"),
    text_column("account_id"),
    text_column("user_id"),
    text_column("domain"),
    text_column("asked"),
    sa.Column("standing", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("mailed_by_ringcentral", UtcDateTime),
    sa.PrimaryKeyConstraint("session", "key"),
)
"""The people that this program has dealt with at RingCentral.

`key` is `model.registrations.registration_key`, `standing` a `model.registrations.Standing`.
`asked` is what RingCentral was asked for and did not do, as JSON: field -> value.
`mailed_by_ringcentral` is when a run first saw that RingCentral has mailed the person itself.
"""

cached_colleagues = sa.Table(
    "directory",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    account_column(primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("domain", sa.Text, primary_key=True),
    text_column("email"),
    text_column("first_name"),
    text_column("last_name"),
    text_column("job_title"),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
)
"""Each company's colleagues as last listed: a run with no new colleague need not list them."""

roster_rows = sa.Table(
    "roster_rows",
    metadata,
    session_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    text_column("email"),
    text_column("first_name"),
    text_column("last_name"),
    text_column("role"),
    text_column("job_title"),
    text_column("time_zone"),
    sa.Column("extra", sa.JSON, nullable=False),
    sa.PrimaryKeyConstraint("session", "key"),
)
"""The roster as the last run read it, for the report.

`key` is `model.registrations.registration_key`, `extra` the roster's further columns: header ->
value.
"""
