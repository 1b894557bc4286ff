"""Every table of the ledger, to read in one place; those of one subject are in a file beside it.

State is in `deliveries` and `registrations`, history in the append-only `events`. Times are UTC.
`migrations/` brings a ledger to these tables; a test compares them.
"""

from typing import Any

import sqlalchemy as sa

from onboarding.ledger.schema.alerts import alerts
from onboarding.ledger.schema.attendance import attendance, attendance_readings
from onboarding.ledger.schema.base import BigNumber, metadata
from onboarding.ledger.schema.base import account_column as _account_column
from onboarding.ledger.schema.base import session_column as _session_column
from onboarding.ledger.schema.base import text_column as _text_column
from onboarding.ledger.schema.decisions import called_off, pauses, replacements
from onboarding.ledger.schema.fleet import job_tables, workers
from onboarding.ledger.schema.inbox import (
    answers,
    handled_replies,
    inbox_positions,
    suppressed_addresses,
)
from onboarding.ledger.schema.kept import kept_messages, kept_parts
from onboarding.ledger.schema.looks import cron_runs, looks, refused_lists
from onboarding.ledger.schema.reviews import approvals, reviewed_messages, reviews
from onboarding.ledger.sql import UtcDateTime

__all__ = [
    "alerts",
    "answers",
    "approvals",
    "attendance",
    "attendance_readings",
    "called_off",
    "cron_runs",
    "handled_replies",
    "inbox_positions",
    "job_tables",
    "kept_messages",
    "kept_parts",
    "looks",
    "metadata",
    "pauses",
    "refused_lists",
    "replacements",
    "reviewed_messages",
    "reviews",
    "suppressed_addresses",
    "workers",
]

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("server", sa.Text, nullable=False),
    _account_column(),
    sa.Column("webinar_id", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    _text_column("title"),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("duration", sa.Integer, nullable=False),
    _text_column("time_zone"),
    _text_column("status"),
    sa.Column("join_offset", sa.Integer, nullable=False, server_default="0"),
    sa.Column("run_at", UtcDateTime),
    sa.Column("heavy_calls", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("server", "webinar_id", "session_id"),
)
"""One row per session and server, as the last run saw it.

`account` is the one in config.toml whose user saw it last. `duration` and `join_offset` are in
seconds; `heavy_calls` are those of the last run.
"""

cached_webinars = sa.Table(
    "webinars",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    _account_column(primary_key=True),
    sa.Column("webinar_id", sa.Text, primary_key=True),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
)
"""What a webinar adds to its sessions (title, host, who may join as panelist).

Kept to save a Heavy call.
"""

registrations = sa.Table(
    "registrations",
    metadata,
    _session_column(),
    sa.Column("key", sa.Text, nullable=False),
    _text_column("email"),
    _text_column("first_name"),
    _text_column("last_name"),
    _text_column("language"),
    _text_column("time_zone"),
    _text_column("role"),
    _text_column("account_id"),
    _text_column("user_id"),
    _text_column("domain"),
    _text_column("asked"),
    sa.Column("standing", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("mailed_by_ringcentral", UtcDateTime),
    sa.PrimaryKeyConstraint("session", "key"),
)
"""The people that this program has dealt with at RingCentral.

`key` is `model.registrations.registration_key`, `standing` a `model.registrations.Standing`.
`asked` is what RingCentral was asked for and did not do, as JSON: field -> value.
`mailed_by_ringcentral` is when a run first saw that RingCentral has mailed the person itself.
"""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", BigNumber, primary_key=True),
    _session_column(),
    sa.Column("key", sa.Text, nullable=False),
    _text_column("email"),
    _text_column("name"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    # NOT NULL is what refuses a group of writes when a guard fails (`transitions._GROUP`).
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("queued_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    _text_column("link"),
    _text_column("role"),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("duration", sa.Integer, nullable=False),
    _text_column("reply"),
    _text_column("queue_id"),
    _text_column("reason"),
    _text_column("holder"),
    _text_column("rehearsal_to"),
    _text_column("told"),
    _text_column("entry"),
    _text_column("uid"),
    sa.Column("sequence", sa.Integer, nullable=False, server_default="0"),
)
"""One message to one invitee. `entry` names that of a scheduled message, empty for the others.

`link`, `role`, `start` and `duration` are its facts; the link is only a fingerprint. `told` is what
history says of its latest move besides the state (`_add_triggers`). `uid` and `sequence` are
those of its calendar entry; `uid` is empty where it has none.
"""

REAL = deliveries.c.rehearsal_to == sa.literal_column("''")
"""Not a rehearsal. A literal: with a parameter, SQLite would plan each query on a partial index."""

HELD = deliveries.c.holder != sa.literal_column("''")
"""Claimed by a run, or being sent by it."""

# The words of `UNDER_WAY`. They are fixed in every ledger's index: a change needs a migration.
_OPEN = REAL & deliveries.c.state.in_(["queued", "sending"])


def _partial(condition: sa.ColumnElement[bool]) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}


# Promise 3, kept by the database itself: a mailbox never has two messages under way, nor two with
# the same number. A scheduled message blocks only its own entry.
sa.Index(
    "uq_deliveries_open",
    deliveries.c.session,
    deliveries.c.key,
    deliveries.c.entry,
    unique=True,
    **_partial(_OPEN),
)
# And an entry goes once to a person for one start of the session. What was superseded never left.
sa.Index(
    "uq_deliveries_entry",
    deliveries.c.session,
    deliveries.c.key,
    deliveries.c.entry,
    deliveries.c.start,
    unique=True,
    **_partial(
        REAL
        & (deliveries.c.entry != sa.literal_column("''"))
        & (deliveries.c.state != "superseded")
    ),
)
sa.Index(
    "uq_deliveries_number",
    deliveries.c.session,
    deliveries.c.key,
    deliveries.c.number,
    unique=True,
    **_partial(REAL),
)
# For `claim`, which looks for the oldest again after each chunk.
sa.Index("ix_deliveries_due", deliveries.c.session, deliveries.c.state, deliveries.c.due_at)
sa.Index("ix_deliveries_holder", deliveries.c.holder, **_partial(HELD))
# An answer from a calendar names nothing but the entry's UID.
sa.Index("ix_deliveries_uid", deliveries.c.uid)

uid_seeds = sa.Table("uid_seeds", metadata, sa.Column("seed", sa.Text, primary_key=True))
"""One row: the random value of this ledger from which the UIDs of calendar entries are made."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigNumber, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    _session_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("delivery", BigNumber),
    sa.Column("what", sa.Text, nullable=False),
    _text_column("detail"),
)
"""What happened to each person, in order; only ever added to.

`what` is a delivery's new state or a standing.
"""

_EVENT = """
    INSERT INTO events (at, session, key, delivery, what, detail)
    VALUES (new.at, new.session, new.key, new.id, new.state, CASE
        WHEN new.rehearsal_to = '' THEN new.told
        WHEN new.told = '' THEN 'rehearsal to ' || new.rehearsal_to
        ELSE 'rehearsal to ' || new.rehearsal_to || ' | ' || new.told
    END);
"""
_SQLITE_ACTION = f"BEGIN {_EVENT} END"
_POSTGRESQL_FUNCTION = f"""
CREATE FUNCTION write_delivery_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN {_EVENT} RETURN NULL; END $$
"""
_POSTGRESQL_ACTION = "FOR EACH ROW EXECUTE FUNCTION write_delivery_event()"


def _run_after_events(dialect: str, statement: str) -> None:
    # SQLAlchemy has no types for it.
    ddl: Any = sa.DDL(statement)  # type: ignore[no-untyped-call]
    sa.event.listen(events, "after_create", ddl.execute_if(dialect=dialect))


def _add_triggers(dialect: str, action: str) -> None:
    """Let the database write the event of a delivery in the statement that queues or moves it.

    So no function of ours can forget it.
    """
    for trigger in (
        "tr_deliveries_queued AFTER INSERT ON deliveries",
        # OF state: it fires when a statement sets the column, also to the same state, so a message
        # that is queued again has an event. Other updates (claims, `forget`) leave none.
        "tr_deliveries_moved AFTER UPDATE OF state ON deliveries",
    ):
        _run_after_events(dialect, f"CREATE TRIGGER {trigger} {action}")


_run_after_events("postgresql", _POSTGRESQL_FUNCTION)
_add_triggers("postgresql", _POSTGRESQL_ACTION)
_add_triggers("sqlite", _SQLITE_ACTION)


sa.Index("ix_events_key", events.c.key, events.c.id)
# Without this index, removing a session would read through the history of all.
sa.Index("ix_events_session", events.c.session)

problems = sa.Table(
    "problems",
    metadata,
    sa.Column("id", BigNumber, primary_key=True),
    _session_column(),
    sa.Column("row", sa.Integer),
    sa.Column("column", sa.Text),
    _text_column("email"),
    _text_column("message"),
    sa.Column("is_note", sa.Boolean, nullable=False, server_default=sa.false()),
    _text_column("code"),
)
"""What the last run could not do, and for which person; `status` shows it, each run replaces it.

`code` is that of a `model.people.Problem`. A note (`is_note`) is worth knowing and needs nothing
done.
"""

sa.Index("ix_problems_session", problems.c.session)

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

cached_colleagues = sa.Table(
    "directory",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    _account_column(primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("domain", sa.Text, primary_key=True),
    _text_column("email"),
    _text_column("first_name"),
    _text_column("last_name"),
    _text_column("job_title"),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
)
"""Each company's colleagues as last listed: a run with no new colleague need not list them."""

roster_rows = sa.Table(
    "roster_rows",
    metadata,
    _session_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    _text_column("email"),
    _text_column("first_name"),
    _text_column("last_name"),
    _text_column("role"),
    _text_column("job_title"),
    _text_column("time_zone"),
    sa.Column("extra", sa.JSON, nullable=False),
    sa.PrimaryKeyConstraint("session", "key"),
)
"""The roster as the last run read it, for the report.

`key` is `model.registrations.registration_key`, `extra` the roster's further columns: header ->
value.
"""

entries_seen = sa.Table(
    "entries_seen",
    metadata,
    _session_column(),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("session", "entry", "start"),
)
"""When a run first saw an entry of the schedule while the session started at `start`."""

skipped_entries = sa.Table(
    "skipped_entries",
    metadata,
    _session_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("session", "key", "entry", "start"),
)
"""Entries that were missed, so that a person does not get them: each has an event, too."""

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("schema", sa.Text, primary_key=True),
    sa.Column("readable_from", sa.Text, nullable=False),
)
"""One row: the ledger's revision, and the oldest revision of a program that may work with it."""
