"""The tables of what comes back: how far mailboxes were read, answers, suppressed addresses."""

import sqlalchemy as sa

from onboarding.ledger.schema.base import account_column, metadata, session_column, text_column
from onboarding.ledger.sql import UtcDateTime

inbox_positions = sa.Table(
    "inbox_positions",
    metadata,
    sa.Column("mailbox", sa.Text, primary_key=True),
    sa.Column("validity", sa.BigInteger),
    sa.Column("last", sa.BigInteger),
    sa.Column("at", UtcDateTime, nullable=False),
    text_column("fault"),
)
"""How far each mailbox was read (`inbox.mailboxes.Position`).

`validity` and `last` are NULL before the first reading; `fault` is why it can't be read.
"""

handled_replies = sa.Table(
    "handled_replies",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    session_column(),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Messages from mailboxes that were dealt with: each once, however often it is read."""

# Without this index, removing a session would read through all of them.
sa.Index("ix_handled_replies_session", handled_replies.c.session)

answers = sa.Table(
    "answers",
    metadata,
    session_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("stamp", UtcDateTime, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("session", "key"),
)
"""What a person has answered from their calendar (`model.answers.Answer`).

`stamp` is when, by their calendar; `sequence` is the version of the entry that it is about.
"""

suppressed_addresses = sa.Table(
    "suppressed_addresses",
    metadata,
    account_column(primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    text_column("reason"),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Addresses, by key, to which an account sends no message until a person says so, and why.

What came back to one company is not another's business.
"""
