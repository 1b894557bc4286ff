"""The tables of what a plan page showed, and who approved it."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import metadata, session_column, text_column
from onboarding.ledger.sql import UtcDateTime

reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    session_column(),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("changes", sa.JSON, nullable=False),
    sa.UniqueConstraint("session", "digest"),
)
"""What a plan page showed. `digest` is the page's, 64 hex digits.

`changes` are the changes at RingCentral that it showed: a list of [action, address key].
"""

reviewed_messages = sa.Table(
    "reviewed_messages",
    metadata,
    sa.Column("review", sa.ForeignKey("reviews.id", ondelete="CASCADE"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    text_column("entry"),
    sa.Column("digest", sa.Text, nullable=False),
    text_column("wording"),
    text_column("panel"),
    text_column("role"),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("duration", sa.Integer, nullable=False),
    text_column("text"),
    sa.PrimaryKeyConstraint("review", "key", "kind", "entry"),
)
"""One message that a plan page showed. `digest` is its content digest, 64 hex digits.

`digest` is empty for a message that was not due; `wording` is the digest of all that a message says
beside its facts, for the kinds that follow when the session moves or the person is removed.
`panel` is the digest of the list of the panel, which is compared apart. `role`, `start` and
`duration` are the facts in the message; `text` is its text part with a stand-in for the
link, so that a later change can be shown.
"""

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("review", sa.ForeignKey("reviews.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    text_column("note"),
)
"""Who approved which page, and when. Approvals add up."""

# Without this index, removing a review would read through all approvals.
sa.Index("ix_approvals_review", approvals.c.review)
