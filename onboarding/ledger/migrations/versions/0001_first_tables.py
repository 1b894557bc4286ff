"""The first tables, written out: `schema.py` will move on, a released revision never does."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring an empty file to the first shape."""
    _what_is_known()
    _people()
    _deliveries()
    _work()


def _what_is_known() -> None:
    op.create_table(
        "sessions",
        _number("id"),
        _must("server"),
        _must("webinar_id"),
        _must("session_id"),
        _text("title"),
        _time("start"),
        _number("duration"),
        _text("time_zone"),
        _text("status"),
        _time("run_at", nullable=True),
        _count("heavy_calls"),
        _primary("sessions", "id"),
        sa.UniqueConstraint("server", "webinar_id", "session_id", name="uq_sessions_server"),
    )
    op.create_table(
        "webinars",
        _must("server"),
        _must("webinar_id"),
        sa.Column("facts", sa.JSON, nullable=False),
        _time("fetched_at"),
        _primary("webinars", "server", "webinar_id"),
    )
    op.create_table(
        "directory",
        _must("server"),
        _must("account_id"),
        _must("user_id"),
        _must("domain"),
        *(_text(name) for name in ("email", "first_name", "last_name", "job_title")),
        _time("fetched_at"),
        _primary("directory", "server", "account_id", "user_id", "domain"),
    )


def _people() -> None:
    op.create_table(
        "registrations",
        _number("session"),
        _must("key"),
        *(
            _text(name)
            for name in ("email", "first_name", "last_name", "language", "time_zone", "role")
        ),
        *(_text(name) for name in ("account_id", "user_id", "domain", "asked")),
        _must("standing"),
        _time("at"),
        _of_session(),
        _primary("registrations", "session", "key"),
    )
    op.create_table(
        "events",
        _big_number("id"),
        _time("at"),
        _number("session"),
        _must("key"),
        _big_number("delivery", nullable=True),
        _must("what"),
        _text("detail"),
        _of_session(),
        _primary("events", "id"),
    )
    op.create_index("ix_events_key", "events", ["key", "id"])
    op.create_index("ix_events_session", "events", ["session"])
    op.create_table(
        "problems",
        _big_number("id"),
        _number("session"),
        _number("row", nullable=True),
        sa.Column("column", sa.Text, nullable=True),
        _text("email"),
        _text("message"),
        _of_session(),
        _primary("problems", "id"),
    )
    op.create_index("ix_problems_session", "problems", ["session"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        _big_number("id"),
        _number("session"),
        _must("key"),
        _text("email"),
        _text("name"),
        _must("kind"),
        _number("number"),
        _must("state"),
        _count("attempt"),
        *(_time(name) for name in ("queued_at", "due_at", "expires_at", "at")),
        _must("message_id"),
        _text("link"),
        _text("role"),
        _time("start"),
        _number("duration"),
        *(_text(name) for name in ("reply", "queue_id", "reason", "holder", "rehearsal_to")),
        _of_session(),
        _primary("deliveries", "id"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["session", "state", "due_at"])
    op.create_index("ix_deliveries_holder", "deliveries", ["holder"], **_where("holder != ''"))
    real = "rehearsal_to = ''"
    op.create_index(
        "uq_deliveries_number",
        "deliveries",
        ["session", "key", "number"],
        unique=True,
        **_where(real),
    )
    under_way = f"{real} AND state IN ('queued', 'sending')"
    op.create_index(
        "uq_deliveries_open", "deliveries", ["session", "key"], unique=True, **_where(under_way)
    )


def _work() -> None:
    op.create_table(
        "leases",
        *(_must(name) for name in ("name", "holder", "machine")),
        _number("pid"),
        _must("started"),
        _time("until"),
        _primary("leases", "name"),
    )
    op.create_table(
        "limits",
        _must("name"),
        _number("most"),
        sa.Column("window", sa.Float, nullable=False),
        sa.Column("made", sa.JSON, nullable=False),
        _time("blocked_until", nullable=True),
        _count("calls"),
        _primary("limits", "name"),
    )
    op.create_table(
        "paces",
        _must("name"),
        _time("free_at"),
        sa.Column("hours", sa.JSON, nullable=False),
        _primary("paces", "name"),
    )


def _must(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, server_default="", nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _big_number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    """A row's number: PostgreSQL's INTEGER ends at two thousand million, SQLite's does not."""
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=nullable)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, server_default="0", nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _primary(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _of_session() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["session"], ["sessions.id"], ondelete="CASCADE")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
