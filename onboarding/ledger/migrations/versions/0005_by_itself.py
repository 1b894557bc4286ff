"""What a webinar that looks after itself needs: its schedule, its calendar, what comes back."""

import hashlib
import json
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT_START = "\n\x1e"
"""Between the texts of a kept message."""

DIRECTORY_IDS = ["account_id", "user_id", "domain"]
"""What names a colleague in a company's directory."""


def _required_text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _owner(name: str, column: str) -> sa.Column[int]:
    """A reference to the row with which this one is removed."""
    # As wide as what it refers to; SQLite has one width.
    is_delivery = column == "deliveries.id"
    wide = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    kind = wide if is_delivery else sa.Integer()
    return sa.Column(name, kind, sa.ForeignKey(column, ondelete="CASCADE"), nullable=False)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Add what is new; what is there stays as it is. Kept messages get new columns."""
    _add_looks()
    _add_entries()
    _add_inbox()
    _add_calendar_entries()
    _add_attendance()
    _add_alerts()
    _change_kept_messages()
    _add_accounts()


def _add_looks() -> None:
    """What `run --all` remembers of each webinar.

    Empty at first: the next run lists the invitees of each once.
    """
    op.create_table(
        "looks",
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("webinar_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, server_default=""),
        sa.Column("listed_at", sa.DateTime(timezone=True)),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("roster", sa.Text, nullable=False, server_default=""),
        sa.Column("inputs", sa.Text, nullable=False, server_default=""),
        sa.Column("exit_code", sa.Integer),
        sa.Column("is_settled", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("gone_at", sa.DateTime(timezone=True)),
        sa.Column("told", sa.Text, nullable=False, server_default=""),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("server", "webinar_id", "session_id", name="pk_looks"),
    )
    op.create_table(
        "refused_lists",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_refused_lists"),
    )
    op.create_table(
        "cron_runs",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("at", name="pk_cron_runs"),
    )


def _add_entries() -> None:
    """Scheduled messages: each names its entry, and blocks no other message."""
    op.add_column("deliveries", sa.Column("entry", sa.Text, nullable=False, server_default=""))
    # What is due next is known without a call, and depends on these.
    op.add_column(
        "sessions", sa.Column("join_offset", sa.Integer, nullable=False, server_default="0")
    )
    op.add_column("roster_rows", sa.Column("time_zone", sa.Text, nullable=False, server_default=""))
    op.drop_index("uq_deliveries_open", "deliveries")
    op.create_index(
        "uq_deliveries_open",
        "deliveries",
        ["session", "key", "entry"],
        unique=True,
        **_where("rehearsal_to = '' AND state IN ('queued', 'sending')"),
    )
    op.create_index(
        "uq_deliveries_entry",
        "deliveries",
        ["session", "key", "entry", "start"],
        unique=True,
        **_where("rehearsal_to = '' AND entry != '' AND state != 'superseded'"),
    )
    op.create_table(
        "entries_seen",
        _owner("session", "sessions.id"),
        sa.Column("entry", sa.Text, nullable=False),
        _time("start"),
        _time("at"),
        sa.PrimaryKeyConstraint("session", "entry", "start", name="pk_entries_seen"),
    )
    op.create_table(
        "skipped_entries",
        _owner("session", "sessions.id"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
        _time("start"),
        _time("at"),
        sa.PrimaryKeyConstraint("session", "key", "entry", "start", name="pk_skipped_entries"),
    )


def _add_inbox() -> None:
    """What comes back by mail: how far it was read, answers, addresses that get nothing more."""
    op.create_table(
        "inbox_positions",
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("validity", sa.BigInteger),
        sa.Column("last", sa.BigInteger),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fault", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("mailbox", name="pk_inbox_positions"),
    )
    op.create_table(
        "handled_replies",
        sa.Column("digest", sa.Text, nullable=False),
        _owner("session", "sessions.id"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_handled_replies"),
    )
    op.create_index("ix_handled_replies_session", "handled_replies", ["session"])
    op.create_table(
        "answers",
        _owner("session", "sessions.id"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("stamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session", "key", name="pk_answers"),
    )
    op.create_table(
        "suppressed_addresses",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_suppressed_addresses"),
    )


def _add_calendar_entries() -> None:
    """Give each delivery the UID and SEQUENCE that its calendar entry was sent with."""
    op.create_table(
        "uid_seeds",
        sa.Column("seed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seed", name="pk_uid_seeds"),
    )
    seed = sa.insert(sa.table("uid_seeds", sa.column("seed"))).values(seed=secrets.token_hex(16))
    op.get_bind().execute(seed)
    op.add_column("deliveries", sa.Column("uid", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "deliveries", sa.Column("sequence", sa.Integer, nullable=False, server_default="0")
    )
    op.create_index("ix_deliveries_uid", "deliveries", ["uid"])
    _fill_calendar_entries(op.get_bind())


def _fill_calendar_entries(connection: sa.Connection) -> None:
    """Write what older versions computed again for each message: their entries stay themselves."""
    rows = connection.exec_driver_sql(
        "SELECT deliveries.id, key, number, message_id, server, webinar_id, session_id"
        " FROM deliveries JOIN sessions ON sessions.id = deliveries.session"
        # Not of rehearsals: their entries are none of the person's.
        " WHERE rehearsal_to = '' AND message_id != ''"
    ).mappings()
    values = [
        # Older versions counted each message, so what comes next is higher than all that was sent.
        {"id_": row["id"], "uid": _former_uid(row), "sequence": row["number"] - 1}
        for row in rows
    ]
    update = "UPDATE deliveries SET uid = :uid, sequence = :sequence WHERE id = :id_"
    if values:
        connection.execute(sa.text(update), values)


def _former_uid(row: sa.RowMapping) -> str:
    """Compute a UID as older versions did; the sender's domain is that of the Message-ID."""
    session = f"{row['webinar_id']}/{row['session_id']}"
    identity = f"{row['server']}\n{session}\n{row['key']}"
    domain = str(row["message_id"]).rpartition("@")[2].removesuffix(">")
    return f"{hashlib.sha256(identity.encode()).hexdigest()[:40]}@{domain}"


def _add_attendance() -> None:
    """Who has joined a session, and when RingCentral was asked for that."""
    op.create_table(
        "attendance",
        _owner("session", "sessions.id"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("attendance", sa.Text, nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True)),
        sa.Column("wrong_door", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("session", "key", name="pk_attendance"),
    )
    op.create_table(
        "attendance_readings",
        _owner("session", "sessions.id"),
        _time("at"),
        sa.Column("is_final", sa.Boolean, nullable=False),
        sa.Column("fault", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("session", name="pk_attendance_readings"),
    )


def _add_alerts() -> None:
    """What the producer was told."""
    op.create_table(
        "alerts",
        *map(_required_text, ("channel", "thing")),
        *(
            sa.Column(name, sa.Text, nullable=False, server_default="")
            for name in ("kind", "webinar", "detail")
        ),
        sa.Column("is_event", sa.Boolean, nullable=False),
        _time("at"),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("channel", "thing", name="pk_alerts"),
    )


def _change_kept_messages() -> None:
    """Let kept messages share lines too. Those of before share none, and say what they said."""
    op.rename_table("kept_messages", "kept_messages_0004")
    if op.get_context().dialect.name == "postgresql":
        # The new table has a key of that name, too.
        op.execute("ALTER INDEX pk_kept_messages RENAME TO pk_kept_messages_0004")
    op.create_table(
        "kept_messages",
        _owner("delivery", "deliveries.id"),
        _time("at"),
        *map(_required_text, ("sha256", "sender", "recipient", "headers")),
        *map(_required_text, ("html", "lines", "own")),
        sa.Column("files", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("delivery", name="pk_kept_messages"),
    )
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT * FROM kept_messages_0004")).mappings()
    insert = sa.text(
        "INSERT INTO kept_messages VALUES "
        "(:delivery, :at, :sha256, :sender, :recipient, :headers, :part, '', :own, '')"
    )
    for row in rows:
        texts = (row["text"], row["calendar"], *json.loads(row["html"]))
        connection.execute(insert, {**row, "own": TEXT_START.join(texts)})
    op.drop_table("kept_messages_0004")


def _add_accounts() -> None:
    """Let one ledger serve several companies: what was before is of the account `default`."""
    _add_account("sessions")
    for name, ids in (("webinars", ["webinar_id"]), ("directory", DIRECTORY_IDS)):
        _add_account(name)
        with op.batch_alter_table(name) as table:
            table.drop_constraint(f"pk_{name}", type_="primary")
            table.create_primary_key(f"pk_{name}", ["server", "account", *ids])


def _add_account(table: str) -> None:
    column = sa.Column("account", sa.Text, nullable=False, server_default="default")
    op.add_column(table, column)
