"""The moves that every message makes: across the point of no return, and to what became of it; many to a statement.

A move is a value with its guard: the run that holds the delivery, and the states and attempts that it may start from.
A run whose lease was taken over meanwhile finds nothing to move, and its body never leaves; attempts only ever count
up, so a move that comes too late never fits a later attempt. `write_transitions` makes a whole group in one statement
(`batches`), its own transaction; the database tells history of it (`schema`). What moves many deliveries by one rule
is in `deliveries`, what a person decides in `operator_actions`.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import deliveries
from onboarding.model.deliveries import Delivery, State, Transition

BODY_LEFT = frozenset({State.SENT, State.IN_DOUBT})
"""What can become of a message only after its body began to leave."""


class GuardFailed(Exception):
    """Somebody of a group has no right to move any more; made one by one, each move says for itself."""


class TransitionWrite(NamedTuple):
    """One delivery's guarded way into another state; `told` is what history says of it.

    `queued` and `sending` are the attempts at which it may start from that state (None: not from there). `holder` is
    the run that has leased it, `keeper` the one that holds it afterwards. Times are as SQLite stores them; what is
    None stays as it was.
    """

    id: int
    holder: str
    queued: int | None
    sending: int | None
    state: State
    attempt: int
    at: str
    told: str
    keeper: str = ""
    due_at: str | None = None
    reply: str | None = None
    queue_id: str | None = None
    reason: str | None = None
    message_id: str | None = None


def start_sending(delivery: Delivery, holder: str, now: datetime, message_id: str | None = None) -> TransitionWrite:
    """Cross the point of no return: committed after the 354 and before the body leaves. Not made: not ours any more.

    Making it after the body would let a crash send a second copy; making it before the 354 would put every refused
    message in doubt at a crash. `message_id` is the name that the body bears, where it is not the stored one.
    """
    return TransitionWrite(
        id=delivery.id,
        holder=holder,
        queued=delivery.attempt,
        sending=None,
        state=State.SENDING,
        attempt=delivery.attempt + 1,
        at=sql.encode_time(now),
        told="",
        keeper=holder,
        message_id=message_id,
    )


def record_outcome(delivery: Delivery, holder: str, transition: Transition, now: datetime) -> TransitionWrite:
    """Write what became of an offer: from `queued` (no body left) or from `sending`. Not made: not ours any more.

    `delivery` is what `claim` returned: its `attempt` does not count this offer yet, the written row's does.
    """
    reply = str(transition.reply or "")
    return TransitionWrite(
        id=delivery.id,
        holder=holder,
        queued=None if transition.state in BODY_LEFT else delivery.attempt,
        sending=delivery.attempt + 1,
        state=transition.state,
        attempt=delivery.attempt + 1,
        at=sql.encode_time(now),
        told=_told(transition.reason, reply),
        due_at=sql.encode_time(transition.due_at) if transition.due_at else None,
        reply=reply,
        queue_id=transition.reply.queue_id if transition.reply else "",
        reason=transition.reason,
    )


def requeue_last(delivery: Delivery, holder: str, reason: str, now: datetime) -> TransitionWrite:
    """The server refused us, or the connection, in reply to this message: to the end of the queue.

    It took nothing, and it is not the message's fault: no attempt is counted, and the time after which we give up
    goes on from `queued_at`. But it may be refused like this every time, and must not keep those behind it waiting.
    The run keeps its lease on it.
    """
    return TransitionWrite(
        id=delivery.id,
        holder=holder,
        queued=delivery.attempt,
        sending=delivery.attempt + 1,
        state=State.QUEUED,
        attempt=delivery.attempt,
        at=sql.encode_time(now),
        told=reason,
        keeper=holder,
        due_at=sql.encode_time(now),
        reason=reason,
    )


def requeue_unsent(delivery: Delivery, holder: str, reason: str, now: datetime) -> TransitionWrite:
    """The run stopped before the body's first byte, though it was allowed to leave: queued as before, no attempt."""
    return TransitionWrite(
        id=delivery.id,
        holder=holder,
        queued=None,
        sending=delivery.attempt + 1,
        state=State.QUEUED,
        attempt=delivery.attempt,
        at=sql.encode_time(now),
        told=reason,
        reason=reason,
    )


@sql.autocommit
def write_transitions(connection: sa.Connection, moves: Sequence[TransitionWrite]) -> Sequence[bool]:
    """Make moves of different deliveries; tells of each whether it was made.

    Raises `GuardFailed`, with none made, where a guard of several did not hold, or two are of one delivery: whoever
    handed them in hands in each alone (`ledger.store` does).
    """
    one, several, known = _written(connection.dialect)
    driver, batch = sql.driver(connection), sql.pack(moves)
    if len(moves) == 1:
        return [driver.execute(one, batch).rowcount == 1]
    if len({move.id for move in moves}) < len(moves):
        raise GuardFailed
    try:
        if driver.execute(several, batch).rowcount == len(moves):
            return [True] * len(moves)
    except sqlite3.IntegrityError as lost:
        raise GuardFailed from lost
    moved = {row[0] for row in driver.execute(known, batch)}  # all but those that nobody knows any more
    return [move.id in moved for move in moves]


def _told(*words: str) -> str:
    """What history says beside the state."""
    return " | ".join(filter(None, words))


_MOVES = sql.batch_rows(*TransitionWrite._fields)


def _is(state: State) -> sa.ColumnElement[bool]:
    return deliveries.c.state == sa.literal_column(f"'{state}'")


def _or_as_it_was(name: str) -> sa.ColumnElement[str]:
    return sa.func.coalesce(_MOVES.c[name], deliveries.c[name])


_GUARD = sa.and_(
    deliveries.c.holder == _MOVES.c.holder,
    sa.or_(
        sa.and_(_is(State.QUEUED), deliveries.c.attempt == _MOVES.c.queued),
        sa.and_(_is(State.SENDING), deliveries.c.attempt == _MOVES.c.sending),
    ),
)
_VALUES = {
    "state": _MOVES.c.state,
    "attempt": _MOVES.c.attempt,
    "at": _MOVES.c.at,
    "holder": _MOVES.c.keeper,
    "told": _MOVES.c.told,
    **{name: _or_as_it_was(name) for name in ("due_at", "reply", "queue_id", "reason", "message_id")},
}
_ONE = deliveries.update().where(deliveries.c.id == _MOVES.c.id, _GUARD).values(_VALUES)
_SEVERAL = (
    deliveries.update()
    .where(deliveries.c.id == _MOVES.c.id)
    .values(_VALUES | {"state": sa.case((_GUARD, _MOVES.c.state))})
)
"""No delivery may be without a state: where one guard does not hold, the statement fails, and none has moved."""

_KNOWN = sa.select(deliveries.c.id).join_from(_MOVES, deliveries, deliveries.c.id == _MOVES.c.id)


@cache
def _written(dialect: sa.Dialect) -> tuple[str, ...]:
    """Write the statements once: SQLAlchemy would take longer to look them up than SQLite to carry them out."""
    return tuple(str(one.compile(dialect=dialect)) for one in (_ONE, _SEVERAL, _KNOWN))
