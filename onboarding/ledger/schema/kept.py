"""Tables of the messages that are kept."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import metadata
from onboarding.ledger.sql import UtcDateTime

kept_messages = sa.Table(
    "kept_messages",
    metadata,
    sa.Column("delivery", sa.ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("html", sa.Text, nullable=False),
    sa.Column("lines", sa.Text, nullable=False),
    sa.Column("own", sa.Text, nullable=False),
    sa.Column("files", sa.Text, nullable=False, server_default=""),
)
"""A message as it left, with fingerprints where link, token and phone code stood.

`sha256` is the digest of its exact bytes. `html` and `lines` are the digests of what it has in
common with others (`kept_parts`; `lines` is empty where that is nothing), `own` are its own lines
(`model.copies.MessageCopy`). `files` lists what was attached, as JSON: name, type, size in bytes
and SHA-256 of each; empty for nothing. No index: one on the digests would cost every message more
than it saves when messages are removed.
"""

kept_parts = sa.Table(
    "kept_parts",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
"""What several kept messages have in common, each once (`model.copies.SharedPart`)."""
