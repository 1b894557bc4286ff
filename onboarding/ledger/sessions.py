"""What the ledger knows of a session besides its people: facts as last seen, the last run, and that run's problems."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from onboarding.ledger.schema import directory, problems, sessions, webinars
from onboarding.model.people import Problem
from onboarding.model.sessions import Session, SessionKey, SessionStatus


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as the last run saw it. `heavy_calls` are that run's calls of RingCentral's scarce group."""

    id: int
    key: SessionKey
    title: str
    start: datetime
    duration: timedelta
    time_zone: str
    status: SessionStatus
    run_at: datetime | None
    heavy_calls: int

    @property
    def end(self) -> datetime:
        """When the session was to end (UTC)."""
        return self.start + self.duration


def upsert(connection: sa.Connection, session: Session) -> int:
    """Note a session's facts; returns the number under which the ledger keeps it."""
    facts = {
        "title": session.title,
        "start": session.start,
        "duration": int(session.duration.total_seconds()),
        "time_zone": session.time_zone,
        "status": session.status,
    }
    changed = sessions.update().where(*_is(session.key)).values(facts)
    if not connection.execute(changed).rowcount:
        connection.execute(sessions.insert().values(**_identity(session.key), **facts))
    return int(connection.execute(sa.select(sessions.c.id).where(*_is(session.key))).scalar_one())


def find(connection: sa.Connection, server: str, webinar_id: str, session_id: str | None) -> StoredSession | None:
    """A webinar's session as last seen: the named one, else the one that starts last."""
    query = (
        sa.select(sessions)
        .where(sessions.c.server == server, sessions.c.webinar_id == webinar_id)
        .order_by(sessions.c.start.desc())
    )
    if session_id:
        query = query.where(sessions.c.session_id == session_id)
    row = connection.execute(query.limit(1)).mappings().one_or_none()
    return _seen(row) if row else None


def begin_run(connection: sa.Connection, session: int, heavy_calls: int, now: datetime) -> None:
    """Note that a run is at work, and the calls that it has made to look: a run that is killed has made them, too."""
    connection.execute(sessions.update().where(sessions.c.id == session).values(run_at=now, heavy_calls=heavy_calls))


def finish_run(
    connection: sa.Connection, session: int, found: Collection[Problem], heavy_calls: int, now: datetime
) -> None:
    """Note how a run ended: its problems replace those of the run before."""
    connection.execute(problems.delete().where(problems.c.session == session))
    rows = [
        {"session": session, "row": one.row, "column": one.column, "email": one.email, "message": one.message}
        for one in found
    ]
    if rows:
        connection.execute(problems.insert(), rows)
    connection.execute(sessions.update().where(sessions.c.id == session).values(run_at=now, heavy_calls=heavy_calls))


def problems_of(connection: sa.Connection, session: int) -> Sequence[Problem]:
    """What the last run could not do for somebody."""
    rows = connection.execute(
        sa.select(problems).where(problems.c.session == session).order_by(problems.c.id)
    ).mappings()
    return [Problem(row["row"], row["column"], row["email"], row["message"]) for row in rows]


def forget_ended(connection: sa.Connection, before: datetime) -> int:
    """Forget sessions that ended before a time, with all their people and history, and colleagues last listed then.

    Returns how many sessions that were.
    """
    begun = connection.execute(
        sa.select(sessions.c.id, sessions.c.start, sessions.c.duration).where(sessions.c.start < before)
    )
    over = [row.id for row in begun if row.start + timedelta(seconds=row.duration) < before]
    connection.execute(sessions.delete().where(sessions.c.id.in_(over)))
    connection.execute(directory.delete().where(directory.c.fetched_at < before))
    return len(over)


def webinar_facts(connection: sa.Connection, server: str, webinar_id: str) -> Mapping[str, Any] | None:
    """What was last known of a webinar; None where it was never asked for."""
    facts: Mapping[str, Any] | None = connection.execute(
        sa.select(webinars.c.facts).where(webinars.c.server == server, webinars.c.webinar_id == webinar_id)
    ).scalar()
    return facts


def keep_webinar(
    connection: sa.Connection, server: str, webinar_id: str, facts: Mapping[str, Any], now: datetime
) -> None:
    """Remember a webinar's facts, so that the next run need not ask."""
    connection.execute(webinars.delete().where(webinars.c.server == server, webinars.c.webinar_id == webinar_id))
    connection.execute(
        webinars.insert().values(server=server, webinar_id=webinar_id, facts=dict(facts), fetched_at=now)
    )


def _identity(key: SessionKey) -> dict[str, str]:
    return {"server": key.server, "webinar_id": key.webinar_id, "session_id": key.session_id}


def _is(key: SessionKey) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(sessions.c[column] == value for column, value in _identity(key).items())


def _seen(row: sa.RowMapping) -> StoredSession:
    return StoredSession(
        id=row["id"],
        key=SessionKey(row["server"], row["webinar_id"], row["session_id"]),
        title=row["title"],
        start=row["start"],
        duration=timedelta(seconds=row["duration"]),
        time_zone=row["time_zone"],
        status=SessionStatus(row["status"]),
        run_at=row["run_at"],
        heavy_calls=row["heavy_calls"],
    )
