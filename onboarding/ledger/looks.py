"""Remembers what runs saw of each configured webinar, and how often `run --all` is started.

A `Look` belongs to a webinar as config.toml names it, so there may be one before any session is
known. Nothing here is needed to keep a promise: without it a run asks RingCentral once more.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.ledger.schema import (
    REAL,
    cron_runs,
    deliveries,
    looks,
    refused_lists,
    registrations,
    sessions,
)
from onboarding.ledger.sql import insert
from onboarding.model.deliveries import State
from onboarding.model.looks import Look
from onboarding.model.registrations import Standing

REFUSAL_LASTS = timedelta(hours=24)
"""How long a refused list is not asked for again: an administrator may have given the right."""

TOLD_EVERY = timedelta(hours=24)
"""How often an error that stays the same is said: cron mails all that is printed."""

MOST_CRON_RUNS = 10

_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")


class LookKey(NamedTuple):
    """A webinar as config.toml names it; `session_id` is empty where it names none.

    Without a webinar it is an account's, as `find_account_key` names it: only what was told counts.
    """

    server: str
    webinar_id: str
    session_id: str


def find_account_key(account: str) -> LookKey:
    """Name what is remembered of an account. `account` is its name in config.toml."""
    # Not by server or user: with a wrong one, it is still the account that was told of.
    return LookKey(f"account {account}", "", "")


def find_sending_key(key: LookKey) -> LookKey:
    """Name what is remembered of a webinar's sending apart from its plan: what was told."""
    return key._replace(session_id=f"{key.session_id} sending")


def load_look(connection: sa.Connection, key: LookKey) -> Look:
    """Load what is remembered of a webinar; an empty `Look` where no run has seen it."""
    query = sa.select(*_REMEMBERED).where(*_is_webinar(key))
    row = connection.execute(query).mappings().one_or_none()
    return Look(**row) if row else Look()


def record_run(
    connection: sa.Connection, key: LookKey, digest: str, roster: str, now: datetime
) -> None:
    """Record that a run is at work, and what it has seen; its exit code is open until its end."""
    seen = {"digest": digest, "roster": roster, "listed_at": now, "exit_code": None}
    _store(connection, key, {**seen, "is_settled": False, "gone_at": None})


def record_end(
    connection: sa.Connection,
    key: LookKey,
    inputs: str,
    exit_code: int,
    *,
    is_settled: bool = False,
) -> None:
    """Record how a run ended. `inputs` is empty where the run has left anything undone.

    `is_settled`: what it left needs a person, and is what the run before had left, too.
    """
    # It went on, so an error that comes back later is news.
    ended = {"inputs": inputs, "exit_code": exit_code, "is_settled": is_settled}
    _store(connection, key, {**ended, "told": "", "told_at": None})


def record_failure(
    connection: sa.Connection, key: LookKey, exit_code: int, sentence: str, now: datetime
) -> bool:
    """Record that a run could not go on, and why: the next one looks again.

    Returns whether that is to be said: the same sentence was not said within the last day.
    """
    # "It asks to be left alone until 10:05" is no news at 10:05.
    digest = hashlib.sha256(_TIMESTAMP.sub("", sentence).encode()).hexdigest()
    look = load_look(connection, key)
    # A time in the future was written before the clock was set back, and says nothing.
    is_said = look.told_at is not None and look.told_at <= now < look.told_at + TOLD_EVERY
    failed: dict[str, object] = {"exit_code": exit_code, "is_settled": False}
    if is_said and look.told == digest:
        _store(connection, key, failed)
        return False
    _store(connection, key, {**failed, "told": digest, "told_at": now})
    return True


def record_sent(connection: sa.Connection, key: LookKey, exit_code: int) -> None:
    """Record how a webinar stands after messages that a run has left to others.

    A webinar that waits for another run still does.
    """
    is_planned = looks.c.exit_code.in_([EXIT_DONE, EXIT_NEEDS_A_PERSON])
    here = looks.update().where(*_is_webinar(key), is_planned, looks.c.exit_code != exit_code)
    connection.execute(here.values(exit_code=exit_code, is_settled=False))


def record_recovery(connection: sa.Connection, key: LookKey) -> None:
    """Record that what kept a run from going on is over: if it comes back, it is news."""
    here = looks.update().where(*_is_webinar(key), looks.c.told != "")
    connection.execute(here.values(told="", told_at=None))


def request_run(connection: sa.Connection, session: int) -> None:
    """Let the next `run --all` serve a session's webinar: something has changed besides a run."""
    changed = sa.exists().where(
        sessions.c.id == session,
        sessions.c.server == looks.c.server,
        sessions.c.webinar_id == looks.c.webinar_id,
    )
    # As while a run is at work, so that its end is looked for again.
    connection.execute(looks.update().where(changed).values(exit_code=None, is_settled=False))


def record_asked(connection: sa.Connection, key: LookKey, now: datetime) -> None:
    """Record that RingCentral is being asked for a session that no list has."""
    _store(connection, key, {"asked_at": now})


def record_gone(connection: sa.Connection, key: LookKey, exit_code: int, now: datetime) -> None:
    """Record that a session is gone, and that a run has said so."""
    _store(connection, key, {"gone_at": now, "exit_code": exit_code})


def record_refused_list(connection: sa.Connection, account: str, now: datetime) -> None:
    """Record that an account's user may not list the company's sessions."""
    statement = insert(refused_lists).values(account=account, at=now)
    update = statement.on_conflict_do_update(index_elements=["account"], set_={"at": now})
    connection.execute(update)


def is_list_refused(connection: sa.Connection, account: str, now: datetime) -> bool:
    """Tell whether RingCentral has refused the company's list within the last 24 hours."""
    query = sa.select(refused_lists.c.at).where(refused_lists.c.account == account)
    at = connection.execute(query).scalar()
    # A time in the future was written before the clock was set back, and says nothing.
    return at is not None and at <= now < at + REFUSAL_LASTS


def record_cron_run(connection: sa.Connection, now: datetime) -> None:
    """Record that `run --all` is started, and forget all but the last few times."""
    connection.execute(insert(cron_runs).values(at=now).on_conflict_do_nothing())
    newest = sa.select(cron_runs.c.at).order_by(cron_runs.c.at.desc()).limit(MOST_CRON_RUNS)
    connection.execute(cron_runs.delete().where(cron_runs.c.at.not_in(newest)))


def list_cron_runs(connection: sa.Connection) -> Sequence[datetime]:
    """List when `run --all` was started lately, the first first."""
    return connection.execute(sa.select(cron_runs.c.at).order_by(cron_runs.c.at)).scalars().all()


def list_next_due(connection: sa.Connection) -> Mapping[int, datetime]:
    """List when the earliest queued message of each session is due, by the session's number."""
    earliest = sa.func.min(deliveries.c.due_at, type_=deliveries.c.due_at.type).label("due_at")
    query = sa.select(deliveries.c.session, earliest)
    queued = query.where(deliveries.c.state == State.QUEUED, REAL).group_by(deliveries.c.session)
    return {row.session: row.due_at for row in connection.execute(queued)}


def list_unfinished(connection: sa.Connection) -> frozenset[int]:
    """List the sessions with a change of which it is not known whether RingCentral has made it."""
    open_changes = registrations.c.standing.in_([Standing.ADDING, Standing.REMOVING])
    query = sa.select(registrations.c.session).where(open_changes).distinct()
    return frozenset(connection.execute(query).scalars())


def remove_orphans(connection: sa.Connection) -> None:
    """Forget looks at webinars of which no session is left."""
    kept = sa.select(sessions.c.webinar_id).where(sessions.c.server == looks.c.server)
    is_account = looks.c.webinar_id == ""
    connection.execute(looks.delete().where(looks.c.webinar_id.not_in(kept), ~is_account))


_REMEMBERED = [column for column in looks.c if not column.primary_key]


def _is_webinar(key: LookKey) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(looks.c[column] == value for column, value in key._asdict().items())


def _store(connection: sa.Connection, key: LookKey, values: Mapping[str, Any]) -> None:
    """Store some columns of a look; the others stay as they are."""
    statement = insert(looks).values(**key._asdict(), **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(key._fields), set_=dict(values))
    )
