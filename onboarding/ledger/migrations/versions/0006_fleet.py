"""What a fleet of workers needs: which workers and connections there are, and tables of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    _add_workers()
    _key_suppressed_by_account()
    _add_slots()


def _add_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("queues", sa.Text, nullable=False, server_default=""),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("doing", sa.Text, nullable=False, server_default=""),
        sa.Column("doing_since", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("holder", name="pk_workers"),
    )
    op.create_table(
        "job_tables",
        sa.Column("version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_job_tables"),
    )


def _key_suppressed_by_account() -> None:
    """What came back is known to the accounts that mailed the address, not to all."""
    column = sa.Column("account", sa.Text, nullable=False, server_default="default")
    op.add_column("suppressed_addresses", column)
    with op.batch_alter_table("suppressed_addresses") as table:
        table.drop_constraint("pk_suppressed_addresses", type_="primary")
        table.create_primary_key("pk_suppressed_addresses", ["account", "key"])
    op.execute(
        "INSERT INTO suppressed_addresses (account, key, reason, at)"
        f" SELECT DISTINCT s.account, a.key, a.reason, a.at {_MAILED} AND s.account != 'default'"
    )
    # Of an address that only other accounts have mailed, this one knows nothing.
    op.execute(
        "DELETE FROM suppressed_addresses WHERE account = 'default'"  # noqa: S608 -- no values
        " AND key IN (SELECT key FROM suppressed_addresses WHERE account != 'default')"
        f" AND key NOT IN (SELECT a.key {_MAILED} AND s.account = 'default')"
    )


_MAILED = (
    "FROM suppressed_addresses a JOIN deliveries d ON d.key = a.key"
    " JOIN sessions s ON s.id = d.session WHERE a.account = 'default'"
)
"""Addresses with the sessions of their messages."""


def _add_slots() -> None:
    op.create_table(
        "slots",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started", sa.Text, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slots"),
    )
    op.create_index("ix_slots_name", "slots", ["name"])
