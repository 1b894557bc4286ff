"""The tables of messages and of history, which the database itself writes as a message moves."""

from typing import Any

import sqlalchemy as sa

from onboarding.ledger.schema.base import BigNumber, metadata, session_column, text_column
from onboarding.ledger.sql import UtcDateTime

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", BigNumber, primary_key=True),
    session_column(),
    sa.Column("key", sa.Text, nullable=False),
    text_column("email"),
    text_column("name"),
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
    text_column("link"),
    text_column("role"),
    sa.Column("start", UtcDateTime, nullable=False),
    sa.Column("duration", sa.Integer, nullable=False),
    text_column("reply"),
    text_column("queue_id"),
    text_column("reason"),
    text_column("holder"),
    text_column("rehearsal_to"),
    text_column("told"),
    text_column("entry"),
    text_column("uid"),
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
    session_column(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("delivery", BigNumber),
    sa.Column("what", sa.Text, nullable=False),
    text_column("detail"),
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
