"""What people have answered from their calendars, per session and person."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.ledger.deliveries import DeliveryRecord, build_record, select_deliveries
from onboarding.ledger.events import record_event
from onboarding.ledger.schema import REAL, answers, deliveries
from onboarding.ledger.sql import insert
from onboarding.model.answers import Answer, PersonAnswer


class AnsweredEntry(NamedTuple):
    """The calendar entry that an answer is about: the newest message that it was sent with.

    `session` is the session's row.
    """

    session: int
    record: DeliveryRecord
    sequence: int


def find_entry(connection: sa.Connection, uid: str) -> AnsweredEntry | None:
    """Find the person by the UID of their calendar entry; None for a UID that is not ours."""
    # Rehearsals have entries of their own, and their answers count for no one.
    ours = (deliveries.c.uid == uid, deliveries.c.uid != "", REAL)
    newest = select_deliveries(*ours).order_by(None).order_by(deliveries.c.id.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    if row is None:
        return None
    # Of those that left: an answer can't be about a version that is still in the queue.
    left = sa.select(sa.func.max(deliveries.c.sequence)).where(*ours, deliveries.c.attempt > 0)
    sequence = connection.execute(left).scalar() or 0
    return AnsweredEntry(row["session"], build_record(row), sequence)


def store_answer(
    connection: sa.Connection, session: int, key: str, answer: PersonAnswer, now: datetime
) -> None:
    """Store a person's answer in place of the one before."""
    values = {"answer": answer.answer, "stamp": answer.stamp, "sequence": answer.sequence}
    row = {"session": session, "key": key, "at": now, **values}
    stored = insert(answers).values(row)
    latest = {name: stored.excluded[name] for name in ("answer", "stamp", "sequence", "at")}
    connection.execute(stored.on_conflict_do_update(index_elements=["session", "key"], set_=latest))


def record_answer_event(
    connection: sa.Connection,
    entry: AnsweredEntry,
    key: str,
    answer: Answer,
    detail: str,
    now: datetime,
) -> None:
    """Record in a person's history what their calendar said."""
    number = entry.record.delivery.id
    record_event(connection, entry.session, key, answer, now, delivery=number, detail=detail)


def load_answers(connection: sa.Connection, session: int) -> Mapping[str, PersonAnswer]:
    """Load the answers that hold, by address key."""
    rows = connection.execute(sa.select(answers).where(answers.c.session == session))
    return MappingProxyType(
        {row.key: PersonAnswer(Answer(row.answer), row.stamp, row.sequence) for row in rows}
    )


def load_agreed(
    connection: sa.Connection, session: int, start: datetime, duration: timedelta
) -> Mapping[str, Answer]:
    """Load the answers that were given to these times, by address key.

    Each move takes answers back, also one to a time that was announced before (RFC 6638 3.2.8): so
    all versions of the entry since the answered one have to tell these times.
    """
    since = (
        (deliveries.c.session == answers.c.session)
        & (deliveries.c.key == answers.c.key)
        & (deliveries.c.sequence >= answers.c.sequence)
    )
    left = (deliveries.c.uid != "", deliveries.c.attempt > 0, REAL)
    is_same = (deliveries.c.start == start) & (
        deliveries.c.duration == round(duration.total_seconds())
    )
    columns = (answers.c.key, answers.c.answer)
    query = (
        sa.select(*columns)
        .select_from(answers.join(deliveries, since))
        .where(answers.c.session == session, *left)
        .group_by(*columns)
        .having(sa.func.min(sa.case((is_same, 1), else_=0)) == 1)
    )
    rows = connection.execute(query)
    return MappingProxyType({row.key: Answer(row.answer) for row in rows})
