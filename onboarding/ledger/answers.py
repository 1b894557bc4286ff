"""What people have answered from their calendars, per session and person."""

from collections.abc import Mapping
from datetime import datetime
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
