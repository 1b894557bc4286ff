"""The table of what the producer was told."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import metadata, text_column
from onboarding.ledger.sql import UtcDateTime

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("thing", sa.Text, primary_key=True),
    text_column("kind"),
    text_column("webinar"),
    text_column("detail"),
    sa.Column("is_event", sa.Boolean, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("told_at", UtcDateTime),
)
"""What was, or is to be, told by mail or to the webhook (`model.alerts.Alert`); it names no person.

The row without a thing has the channel's last fault as its detail. Alerts that came back have rows
too (`ledger.alerts.RETURNS`).
"""
