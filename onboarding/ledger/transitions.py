"""The guarded writes of every single message: to `sending`, and on to what became of it.

A `TransitionWrite` is a value with its guard: the run that holds the delivery, and the states and
attempts that it may start from. If another run has taken the lease over, the write finds no row,
and the body never leaves. Attempts only count up, so a late write never fits a later attempt.
`write_transitions` writes many in one statement, which is its own transaction; the database adds
the events (`schema`). What changes many deliveries by one rule is in `deliveries`, what a person
decides in `operator_actions`.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from onboarding.ledger import kept, sql
from onboarding.ledger.kept import KeptRow
from onboarding.ledger.schema import deliveries
from onboarding.model.copies import MessageCopy
from onboarding.model.deliveries import Delivery, State, Transition

BODY_LEFT = frozenset({State.SENT, State.IN_DOUBT})
"""What can become of a message only after its body began to leave."""


class GuardFailed(Exception):
    """One of several writes may not be made any more, so none was made.

    Written alone, each says for itself.
    """


class TransitionWrite(NamedTuple):
    """One delivery's guarded move to another state; `detail` is what history says of it.

    `queued` and `sending` are the attempts at which it may start from that state (None: not from
    there). `holder` is the run that has claimed it, `keeper` the run that holds it afterwards.
    Times are from `encode_time`; a column that is None stays as it was.
    """

    id: int
    holder: str
    queued: int | None
    sending: int | None
    state: State
    attempt: int
    at: str
    detail: str
    keeper: str = ""
    due_at: str | None = None
    reply: str | None = None
    queue_id: str | None = None
    reason: str | None = None
    message_id: str | None = None
    copy: MessageCopy | None = None


def start_sending(
    delivery: Delivery,
    holder: str,
    now: datetime,
    message_id: str | None = None,
    copy: MessageCopy | None = None,
) -> TransitionWrite:
    """Cross the point of no return: to be committed after the 354 and before the body leaves.

    After the body, a crash could send a second copy; before the 354, a crash would put every
    refused message in doubt. If the write is not made, the delivery is not ours any more and its
    body must not leave. `message_id` is the Message-ID in the body, if it differs from the stored
    one; `copy` is what is kept of the message, from now on, so that a message in doubt can be shown
    too.
    """
    return TransitionWrite(
        id=delivery.id,
        holder=holder,
        queued=delivery.attempt,
        sending=None,
        state=State.SENDING,
        attempt=delivery.attempt + 1,
        at=sql.encode_time(now),
        detail="",
        keeper=holder,
        message_id=message_id,
        copy=copy,
    )


def record_outcome(
    delivery: Delivery, holder: str, transition: Transition, now: datetime
) -> TransitionWrite:
    """Record what became of an attempt: from `queued` (no body left) or from `sending`.

    `delivery` is what `claims.claim` returned: its `attempt` does not count this one yet, the
    written row's does.
    """
    # Empty and not None: None would keep the answer to an earlier attempt.
    reply = str(transition.reply or "")
    return TransitionWrite(
        id=delivery.id,
        holder=holder,
        # An answer to a body can't be recorded for a row that says that no body left.
        queued=None if transition.state in BODY_LEFT else delivery.attempt,
        sending=delivery.attempt + 1,
        state=transition.state,
        attempt=delivery.attempt + 1,
        at=sql.encode_time(now),
        detail=_join_words(transition.reason, reply),
        due_at=sql.encode_time(transition.due_at) if transition.due_at else None,
        reply=reply,
        queue_id=transition.reply.queue_id if transition.reply else "",
        reason=transition.reason,
    )


def requeue_last(delivery: Delivery, holder: str, reason: str, now: datetime) -> TransitionWrite:
    """Move to the end of the queue a message at which the server refused us or the connection.

    It took nothing, and it is not the message's fault: no attempt is counted, and the time after
    which we give up still counts from `queued_at`. To the end, because it may be refused every time
    and must not block the others. The run keeps its claim on it.
    """
    return TransitionWrite(
        id=delivery.id,
        holder=holder,
        queued=delivery.attempt,
        sending=delivery.attempt + 1,
        state=State.QUEUED,
        attempt=delivery.attempt,
        at=sql.encode_time(now),
        detail=reason,
        keeper=holder,
        due_at=sql.encode_time(now),
        reason=reason,
    )


def requeue_unsent(delivery: Delivery, holder: str, reason: str, now: datetime) -> TransitionWrite:
    """Queue again, with no attempt counted: the run stopped before the body's first byte."""
    return TransitionWrite(
        id=delivery.id,
        holder=holder,
        # `due_at` stays as it was, so the message keeps its place for the next run.
        queued=None,
        sending=delivery.attempt + 1,
        state=State.QUEUED,
        attempt=delivery.attempt,
        at=sql.encode_time(now),
        detail=reason,
        reason=reason,
    )


@sql.autocommit
def write_transitions(
    connection: sa.Connection, writes: Sequence[TransitionWrite]
) -> Sequence[bool]:
    """Write moves of different deliveries; returns of each whether it was made.

    Raises GuardFailed, with none made, if the guard of one of several did not hold, or two are of
    one delivery. The caller then writes each alone (`ledger.store` does).
    """
    if not any(write.copy for write in writes):
        return _write_rows(connection, writes)
    # Copy and `sending` together: a body must not leave without its copy, and a message that
    # stays here must have none.
    with sql.transaction(connection):
        written = _write_rows(connection, writes)
        _store_copies(
            connection, [write for write, done in zip(writes, written, strict=True) if done]
        )
    return written


def _store_copies(connection: sa.Connection, writes: Sequence[TransitionWrite]) -> None:
    """Store the copies that come with writes that were made."""
    rows = [KeptRow.of(write.id, write.at, write.copy) for write in writes if write.copy]
    parts = {part for write in writes if write.copy for part in write.copy.parts}
    kept.store_copies(connection, rows, parts)


def _write_rows(connection: sa.Connection, writes: Sequence[TransitionWrite]) -> Sequence[bool]:
    single, group, existing = _compile_statements(connection.dialect)
    driver = sql.driver(connection)
    batch = sql.pack(write[:_COLUMNS] for write in writes)
    # A single write needs no NULL trick: its row count says whether the guard held.
    if len(writes) == 1:
        return [driver.execute(single, batch).rowcount == 1]
    if len({write.id for write in writes}) < len(writes):
        # UPDATE ... FROM takes any of two rows for one delivery, and would lose the other without
        # an error.
        raise GuardFailed
    if _count_guarded(connection, group, batch) == len(writes):
        return [True] * len(writes)
    # No guard failed, but some rows are gone (their session was removed): those were not written.
    written = {row[0] for row in driver.execute(existing, batch)}
    return [write.id in written for write in writes]


def _count_guarded(connection: sa.Connection, group: str, batch: tuple[str]) -> int:
    """Write a group and count the rows that were there. Raises GuardFailed if a guard failed."""
    try:
        return sql.driver(connection).execute(group, batch).rowcount
    except sql.integrity_error(connection) as error:
        raise GuardFailed from error


def _join_words(*words: str) -> str:
    return " | ".join(filter(None, words))


_COLUMNS = TransitionWrite._fields.index("copy")
"""The fields before this one are columns of `deliveries`; a copy is stored beside them."""

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    **{column.name: column.type for column in deliveries.c},
    **dict.fromkeys(("queued", "sending"), sa.Integer()),
    **dict.fromkeys(("detail", "keeper"), sa.Text()),
}
_WRITES = sql.batch_rows({name: _TYPES[name] for name in TransitionWrite._fields[:_COLUMNS]})


def _is_in(state: State) -> sa.ColumnElement[bool]:
    # A literal: the batch has to be the statement's only parameter (`sql.pack`).
    return deliveries.c.state == sa.literal_column(f"'{state}'")


def _keep_if_null(name: str) -> sa.ColumnElement[str]:
    return sa.func.coalesce(_WRITES.c[name], deliveries.c[name])


# The holder keeps out a run that has lost its lease, the attempt a late write of this run itself.
# Either alone is not enough: a run keeps its name through all attempts.
_GUARD = sa.and_(
    deliveries.c.holder == _WRITES.c.holder,
    sa.or_(
        sa.and_(_is_in(State.QUEUED), deliveries.c.attempt == _WRITES.c.queued),
        sa.and_(_is_in(State.SENDING), deliveries.c.attempt == _WRITES.c.sending),
    ),
)
_VALUES = {
    "state": _WRITES.c.state,
    "attempt": _WRITES.c.attempt,
    "at": _WRITES.c.at,
    "holder": _WRITES.c.keeper,
    # Always set, also to nothing: the trigger would repeat the words of the move before.
    "told": _WRITES.c.detail,
    **{
        name: _keep_if_null(name)
        for name in ("due_at", "reply", "queue_id", "reason", "message_id")
    },
}
_SINGLE = deliveries.update().where(deliveries.c.id == _WRITES.c.id, _GUARD).values(_VALUES)
_GROUP = (
    deliveries.update()
    .where(deliveries.c.id == _WRITES.c.id)
    .values(_VALUES | {"state": sa.case((_GUARD, _WRITES.c.state))})
)
"""If a guard does not hold, that state becomes NULL. The table refuses that, and so all of it."""

_EXISTING = sa.select(deliveries.c.id).join_from(
    _WRITES, deliveries, deliveries.c.id == _WRITES.c.id
)


@cache
def _compile_statements(dialect: sa.Dialect) -> tuple[str, ...]:
    """Compile the statements once: SQLAlchemy looks them up in more time than SQLite needs."""
    return tuple(
        str(statement.compile(dialect=dialect)) for statement in (_SINGLE, _GROUP, _EXISTING)
    )
