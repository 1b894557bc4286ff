"""Sessions of webinars: their facts as last seen, when the last run was, and which problems it had.

People, messages and history of a session are in `registrations`, `deliveries` and `events`; they
refer to the number that `upsert` returns, and are deleted together with their session.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger import cache, sql
from onboarding.ledger.schema import deliveries, problems, sessions, suppressed_addresses
from onboarding.model.accounts import DEFAULT_ACCOUNT, AccountKey
from onboarding.model.people import Problem
from onboarding.model.sessions import Session, SessionKey, SessionStatus, has_ended


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as the last run saw it. `heavy_calls` counts that run's Heavy calls."""

    id: int
    key: SessionKey
    title: str
    start: datetime
    duration: timedelta
    time_zone: str
    status: SessionStatus
    run_at: datetime | None
    heavy_calls: int
    account: str = DEFAULT_ACCOUNT
    join_offset: timedelta = timedelta()

    @property
    def end(self) -> datetime:
        """When the session was to end (UTC)."""
        return self.start + self.duration

    def as_session(self) -> Session:
        """The session as far as the ledger knows it."""
        return Session(
            key=self.key,
            title=self.title,
            start=self.start,
            duration=self.duration,
            time_zone=self.time_zone,
            status=self.status,
            join_offset=self.join_offset,
        )


def upsert(connection: sa.Connection, session: Session, account: str = DEFAULT_ACCOUNT) -> int:
    """Store a session's facts, and the account that has seen it.

    Returns the number under which the ledger keeps it.
    """
    facts = {
        # Not a part of what names the session: ids are unique on a server, so a webinar that
        # config.toml gives to another account takes its people and its history along.
        "account": account,
        "title": session.title,
        "start": session.start,
        "duration": int(session.duration.total_seconds()),
        "join_offset": int(session.join_offset.total_seconds()),
        "time_zone": session.time_zone,
        "status": session.status,
        # It has just been seen, so it is not gone, or not any more.
        "gone_at": None,
    }
    this_session = _is_session(session.key)
    _copy_suppressed(connection, session.key, account)
    # Updated and never replaced: a REPLACE would remove the row, and by CASCADE all its people.
    updated = connection.execute(sessions.update().where(*this_session).values(facts))
    if not updated.rowcount:
        new = sql.insert(sessions).values(**_key_columns(session.key), **facts)
        # Another process may just have inserted it, with the same facts.
        connection.execute(new.on_conflict_do_nothing())
    number = sa.select(sessions.c.id).where(*this_session)
    return int(connection.execute(number).scalar_one())


def _copy_suppressed(connection: sa.Connection, key: SessionKey, account: str) -> None:
    """Let a session's new account know which of its people's addresses no message can reach."""
    known = (
        sa.select(sa.literal(account), *_SUPPRESSION)
        .distinct()
        .join_from(
            sessions, suppressed_addresses, suppressed_addresses.c.account == sessions.c.account
        )
        .join(
            deliveries,
            (deliveries.c.session == sessions.c.id)
            & (deliveries.c.key == suppressed_addresses.c.key),
        )
        .where(*_is_session(key), sessions.c.account != account)
    )
    names = ["account", *(column.name for column in _SUPPRESSION)]
    new = sql.insert(suppressed_addresses).from_select(names, known)
    connection.execute(new.on_conflict_do_nothing())


_SUPPRESSION = (
    suppressed_addresses.c.key,
    suppressed_addresses.c.reason,
    suppressed_addresses.c.at,
)


def find(
    connection: sa.Connection, account: AccountKey, webinar_id: str, session_id: str | None
) -> StoredSession | None:
    """Find a webinar's session as last seen: the named one, or the one that starts last.

    One that is gone (`record_gone`) is only found where there is no other, or by its id.
    Another account's is not found, so that a mistyped id shows no company's people to another.
    """
    query = (
        sa.select(sessions)
        .where(
            sessions.c.server == account.server,
            sessions.c.account == account.name,
            sessions.c.webinar_id == webinar_id,
        )
        .order_by(sessions.c.gone_at.is_not(None), sessions.c.start.desc())
    )
    if session_id:
        query = query.where(sessions.c.session_id == session_id)
    row = connection.execute(query.limit(1)).mappings().one_or_none()
    return build_stored_session(row) if row else None


def record_gone(
    connection: sa.Connection, account: AccountKey, current: SessionKey, now: datetime
) -> None:
    """Record which sessions of a webinar are gone, now that `current` was found in their place.

    These are the ones that start later and are not over: a look prefers such a session while
    RingCentral still has it.
    """
    last = find(connection, account, current.webinar_id, None)
    # More than one where the webinar was planned again several times since it was looked at.
    while last and last.key != current and not has_ended(last.status, last.end, now):
        this_session = _is_session(last.key)
        connection.execute(sessions.update().where(*this_session).values(gone_at=now))
        last = find(connection, account, current.webinar_id, None)


def store_run_start(
    connection: sa.Connection, session: int, heavy_calls: int, now: datetime
) -> None:
    """Record that a run is at work, and the calls that it has made so far.

    They count even if the run is killed.
    """
    _update_run(connection, session, heavy_calls, now)


def record_run_end(
    connection: sa.Connection,
    session: int,
    found: Collection[Problem],
    heavy_calls: int,
    now: datetime,
    *,
    notes: Collection[Problem] = (),
) -> None:
    """Record how a run ended: its problems and notes replace those of the run before."""
    # Notes go too: they are about the run that made them.
    connection.execute(problems.delete().where(problems.c.session == session))
    rows = [
        *(_problem_columns(session, problem, is_note=False) for problem in found),
        *(_problem_columns(session, note, is_note=True) for note in notes),
    ]
    if rows:
        connection.execute(problems.insert(), rows)
    _update_run(connection, session, heavy_calls, now)


def _update_run(connection: sa.Connection, session: int, heavy_calls: int, now: datetime) -> None:
    values = {"run_at": now, "heavy_calls": heavy_calls}
    connection.execute(sessions.update().where(sessions.c.id == session).values(values))


def list_problems(
    connection: sa.Connection, session: int, *, only_notes: bool = False
) -> Sequence[Problem]:
    """List what the last run could not do, and for which person; then its notes, or only these."""
    query = sa.select(problems).where(problems.c.session == session).order_by(problems.c.id)
    if only_notes:
        query = query.where(problems.c.is_note)
    rows = connection.execute(query).mappings()
    return [
        Problem(row["row"], row["column"], row["email"], row["message"], row["code"])
        for row in rows
    ]


def _problem_columns(session: int, problem: Problem, *, is_note: bool) -> dict[str, object]:
    return {
        "session": session,
        "row": problem.row,
        "column": problem.column,
        "email": problem.email,
        "message": problem.message,
        "code": problem.code,
        "is_note": is_note,
    }


def find_latest_run(connection: sa.Connection) -> datetime | None:
    """Find when the latest run of any session was; None before the first."""
    run_at = sessions.c.run_at
    return connection.execute(sa.select(sa.func.max(run_at, type_=run_at.type))).scalar()


def list_ended(connection: sa.Connection, before: datetime) -> Sequence[int]:
    """List the sessions that ended before a time."""
    times = sa.select(sessions.c.id, sessions.c.start, sessions.c.duration)
    # The end is not in the table: start and duration are, so most rows are left out by their start.
    started = connection.execute(times.where(sessions.c.start < before))
    return [row.id for row in started if row.start + timedelta(seconds=row.duration) < before]


def remove_ended(connection: sa.Connection, before: datetime, spare: int | None = None) -> int:
    """Remove sessions that ended before a time, with all their people and history, except `spare`.

    Also removes colleagues last listed before it. Returns how many sessions it removed.
    """
    # `spare` is the session that the run itself works on: its number is in use.
    ended = [session for session in list_ended(connection, before) if session != spare]
    connection.execute(sessions.delete().where(sessions.c.id.in_(ended)))
    cache.remove_outdated(connection, before)
    return len(ended)


def _key_columns(key: SessionKey) -> dict[str, str]:
    return {"server": key.server, "webinar_id": key.webinar_id, "session_id": key.session_id}


def _is_session(key: SessionKey) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(sessions.c[column] == value for column, value in _key_columns(key).items())


def build_stored_session(row: sa.RowMapping) -> StoredSession:
    """Build a session from a row of the table."""
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
        account=row["account"],
        join_offset=timedelta(seconds=row["join_offset"]),
    )
