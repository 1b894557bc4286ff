"""The tables of what processes share while they run: leases, rate limits, sending rates."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import metadata
from onboarding.ledger.sql import UtcDateTime

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("until", UtcDateTime, nullable=False),
    sa.Column("taken_at", UtcDateTime),
)
"""Which run is at work on what.

`machine`, `pid` and `started` together name one process for certain. `taken_at` stays as it is when
the lease is renewed; it is NULL where an older version took the lease.
"""

limits = sa.Table(
    "limits",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("most", sa.Integer, nullable=False),
    sa.Column("window", sa.Float, nullable=False),
    sa.Column("made", sa.JSON, nullable=False),
    sa.Column("blocked_at", UtcDateTime),
    sa.Column("blocked_until", UtcDateTime),
    sa.Column("calls", sa.Integer, nullable=False, server_default="0"),
)
"""A rate limit of RingCentral, kept by all processes that share the ledger.

`most` calls may be made in `window` seconds. `made` holds the times of the calls in the last window
(ISO 8601), `calls` counts all there ever were. While no call may be made, `blocked_at` says when
that was learned, and `blocked_until` when it ends; else both are NULL.
"""

paces = sa.Table(
    "paces",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("free_at", UtcDateTime, nullable=False),
    sa.Column("hours", sa.JSON, nullable=False),
)
"""How fast a mail server is being used.

`free_at` is when the next message may leave, `hours` counts the messages of each recent hour.
"""
