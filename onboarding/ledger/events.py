"""History: what happened to each person; events are only ever added.

The events of deliveries are not written here: a trigger does that, so that no move is without its
event (`schema`). What a person does on purpose is an act: its event says who it was.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from onboarding.ledger.schema import events, sessions
from onboarding.model.accounts import AccountKey


@dataclass(frozen=True, slots=True)
class Event:
    """What happened once.

    `time_zone` is the session's. `what` is a delivery's new state, a standing or an act; `detail`
    holds the server's words or ours, and who did it.
    """

    at: datetime
    webinar_id: str
    session_id: str
    title: str
    time_zone: str
    delivery: int | None
    what: str
    detail: str


WHOLE_SESSION = ""
"""The key of an event that is about a whole session, and no person."""

_APPEND = events.insert()


def record_event(
    connection: sa.Connection,
    session: int,
    key: str,
    what: str,
    at: datetime,
    *,
    delivery: int | None = None,
    detail: str = "",
) -> None:
    """Record an event."""
    record_events(
        connection,
        [
            {
                "session": session,
                "key": key,
                "what": what,
                "at": at,
                "delivery": delivery,
                "detail": detail,
            }
        ],
    )


def record_events(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record several events at once, each with every column of the table but `id`."""
    if rows:
        connection.execute(_APPEND, rows)


def record_act(
    connection: sa.Connection,
    session: int,
    keys: Collection[str],
    act: str,
    by: str,
    at: datetime,
    note: str = "",
) -> None:
    """Record what a person did: an event for each address key (`WHOLE_SESSION`: the whole session).

    `act` is the command's name. `by` is who it was, `note` the reason or what else is worth it.
    """
    detail = act_detail(by, note)
    rows = [
        {"session": session, "key": key, "what": act, "at": at, "delivery": None, "detail": detail}
        # Each person once, even if a command line names them twice.
        for key in dict.fromkeys(keys)
    ]
    record_events(connection, rows)


def act_detail(by: str, note: str = "") -> str:
    """Build what an act's event says: who it was, and the reason or what else is worth it."""
    return f"by {by}: {note}" if note else f"by {by}"


def list_events(connection: sa.Connection, key: str) -> Sequence[Event]:
    """List everything that happened to an address, in order, in all sessions."""
    return _load_events(connection, events.c.key == key)


def list_session_events(
    connection: sa.Connection, account: AccountKey, webinar_id: str, session_id: str
) -> Sequence[Event]:
    """List what was done about a webinar as a whole, in order: approvals, runs, pauses.

    An empty `session_id` means all sessions of the webinar.
    """
    where = [
        events.c.key == WHOLE_SESSION,
        sessions.c.server == account.server,
        sessions.c.account == account.name,
        sessions.c.webinar_id == webinar_id,
    ]
    if session_id:
        where.append(sessions.c.session_id == session_id)
    return _load_events(connection, *where)


def _load_events(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Sequence[Event]:
    query = (
        sa.select(
            events.c.at,
            sessions.c.webinar_id,
            sessions.c.session_id,
            sessions.c.title,
            sessions.c.time_zone,
            events.c.delivery,
            events.c.what,
            events.c.detail,
        )
        .join(sessions, sessions.c.id == events.c.session)
        .where(*where)
        # Not by time: a clock that was set back must not change the order of what happened.
        .order_by(events.c.id)
    )
    return [Event(**row) for row in connection.execute(query).mappings()]
