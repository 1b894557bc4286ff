"""What all tables have in common: the metadata, its version, and columns that come often."""

import sqlalchemy as sa

from onboarding.model.accounts import DEFAULT_ACCOUNT

# On SQLite, Alembic changes a table by copying it, and can then change only named constraints.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


BigNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""The number of a row that each message has. SQLite numbers rows by itself only as INTEGER."""


def text_column(name: str) -> sa.Column[str]:
    """Make a column of text that is empty where nothing is known."""
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def account_column(*, primary_key: bool = False) -> sa.Column[str]:
    """Make the column that names the account, as config.toml does."""
    return sa.Column(
        "account",
        sa.Text,
        primary_key=primary_key,
        nullable=False,
        server_default=DEFAULT_ACCOUNT,
    )


def session_column() -> sa.Column[int]:
    """Make the column that names the session with which a row is removed."""
    # CASCADE removes the people with their session. SQLite heeds it only while the pragma
    # `foreign_keys` is on, and that is set for each connection (`sqlite.PRAGMAS`).
    return sa.Column("session", sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False)


versions = sa.Table(
    "versions",
    metadata,
    sa.Column("schema", sa.Text, primary_key=True),
    sa.Column("readable_from", sa.Text, nullable=False),
)
"""One row: the ledger's revision, and the oldest revision of a program that may work with it."""
