"""History: what happened to each person; events are only ever added.

The events of deliveries are not written here: a trigger does that, so that no move is without its
event (`schema`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from onboarding.ledger.schema import events, sessions


@dataclass(frozen=True, slots=True)
class Event:
    """What happened once.

    `what` is a delivery's new state or a standing, `detail` holds the server's words or ours.
    """

    at: datetime
    webinar_id: str
    session_id: str
    title: str
    delivery: int | None
    what: str
    detail: str


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


def list_events(connection: sa.Connection, key: str) -> Sequence[Event]:
    """List everything that happened to an address, in order, in all sessions."""
    query = (
        sa.select(
            events.c.at,
            sessions.c.webinar_id,
            sessions.c.session_id,
            sessions.c.title,
            events.c.delivery,
            events.c.what,
            events.c.detail,
        )
        .join(sessions, sessions.c.id == events.c.session)
        .where(events.c.key == key)
        .order_by(events.c.id)
    )
    return [Event(**row) for row in connection.execute(query).mappings()]
