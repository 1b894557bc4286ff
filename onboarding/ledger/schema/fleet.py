"""The tables of the fleet: its workers, and the open connections to mail servers of all runs."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import BigNumber, metadata, text_column
from onboarding.ledger.sql import UtcDateTime

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("holder", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    text_column("queues"),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    text_column("doing"),
    sa.Column("doing_since", UtcDateTime),
)
"""The processes of the fleet. A worker lives as long as its lease of the same holder counts.

`config` has a digest for each section of its configuration: section -> digest. `queues` are those
that it serves. `doing` says what it is at work on; it is empty while the worker waits.
"""

job_tables = sa.Table(
    "job_tables",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
)
"""One row: the version of procrastinate whose tables are beside these; none before they are."""

slots = sa.Table(
    "slots",
    metadata,
    sa.Column("id", BigNumber, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("until", UtcDateTime, nullable=False),
)
"""One row for each open connection to a mail server, and for each that waits to be opened.

`name` is the account at the server. The rows with the lowest ids are open, as many as the settings
allow; the others wait in this order. `holder`, `machine`, `pid`, `started` and `until` are as in
`leases`.
"""
