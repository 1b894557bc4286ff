"""The moves that every message makes: across the point of no return, and to what became of it; many to a statement.

A move is a value with its guard: the run that holds the delivery, and the states and attempts that it may start from.
A run whose lease was taken over meanwhile finds nothing to move, and its body never leaves; attempts only ever count
up, so a move that comes too late never fits a later attempt. `carry_out` makes a whole group in one statement
(`batches`). What moves many deliveries by one rule is in `deliveries`, what a person decides in `decisions`.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.ledger import batches
from onboarding.ledger.schema import deliveries, events
from onboarding.model.deliveries import Delivery, State, Transition

BODY_LEFT = frozenset({State.SENT, State.IN_DOUBT})
"""What can become of a message only after its body began to leave."""


class NotAllMoved(Exception):
    """Somebody of a group has no right to move any more; made one by one, each move says for itself."""


class Move(NamedTuple):
    """One delivery's guarded way into another state, with the event that tells of it.

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
    detail: str
    keeper: str = ""
    due_at: str | None = None
    reply: str | None = None
    queue_id: str | None = None
    reason: str | None = None


def sending(delivery: Delivery, holder: str, now: datetime) -> Move:
    """Cross the point of no return: committed after the 354 and before the body leaves. Not made: not ours any more.

    Making it after the body would let a crash send a second copy; making it before the 354 would put every refused
    message in doubt at a crash.
    """
    return Move(
        id=delivery.id,
        holder=holder,
        queued=delivery.attempt,
        sending=None,
        state=State.SENDING,
        attempt=delivery.attempt + 1,
        at=batches.stored(now),
        detail=_told(delivery),
        keeper=holder,
    )


def record(delivery: Delivery, holder: str, transition: Transition, now: datetime) -> Move:
    """Write what became of an offer: from `queued` (no body left) or from `sending`. Not made: not ours any more.

    `delivery` is what `claim` returned: its `attempt` does not count this offer yet, the written row's does.
    """
    reply = str(transition.reply or "")
    return Move(
        id=delivery.id,
        holder=holder,
        queued=None if transition.state in BODY_LEFT else delivery.attempt,
        sending=delivery.attempt + 1,
        state=transition.state,
        attempt=delivery.attempt + 1,
        at=batches.stored(now),
        detail=_told(delivery, transition.reason, reply),
        due_at=batches.stored(transition.due_at) if transition.due_at else None,
        reply=reply,
        queue_id=transition.reply.queue_id if transition.reply else "",
        reason=transition.reason,
    )


def not_taken(delivery: Delivery, holder: str, reason: str, now: datetime) -> Move:
    """Nothing was taken, though the body was allowed to leave: queued as before, no attempt counted.

    So it is where the server refused *us* after the dot, and where the run stopped before the body's first byte.
    """
    return Move(
        id=delivery.id,
        holder=holder,
        queued=None,
        sending=delivery.attempt + 1,
        state=State.QUEUED,
        attempt=delivery.attempt,
        at=batches.stored(now),
        detail=_told(delivery, reason),
        reason=reason,
    )


def carry_out(connection: sa.Connection, moves: Sequence[Move]) -> Sequence[bool]:
    """Make moves of different deliveries, each with its event; tells of each whether it was made.

    Raises `NotAllMoved` where a guard of several did not hold: whoever handed them in takes all back and hands in
    each alone (`ledger.store` does).
    """
    move, tell = _written(connection.dialect)
    batch = batches.packed(moves)
    made = connection.exec_driver_sql(move, batch).rowcount
    if made != len(moves):
        if len(moves) > 1:
            raise NotAllMoved
        return [False]
    connection.exec_driver_sql(tell, batch)
    return [True] * made


def _told(delivery: Delivery, *words: str) -> str:
    """What history says beside the state."""
    rehearsal = f"rehearsal to {delivery.rehearsal_to}" if delivery.rehearsal_to else ""
    return " | ".join(part for part in (rehearsal, *words) if part)


_MOVES = batches.rows(*Move._fields)


def _is(state: State) -> sa.ColumnElement[bool]:
    return deliveries.c.state == sa.literal_column(f"'{state}'")


def _or_as_it_was(name: str) -> sa.ColumnElement[str]:
    return sa.func.coalesce(_MOVES.c[name], deliveries.c[name])


_MOVE = (
    deliveries.update()
    .where(
        deliveries.c.id == _MOVES.c.id,
        deliveries.c.holder == _MOVES.c.holder,
        sa.or_(
            sa.and_(_is(State.QUEUED), deliveries.c.attempt == _MOVES.c.queued),
            sa.and_(_is(State.SENDING), deliveries.c.attempt == _MOVES.c.sending),
        ),
    )
    .values(
        {
            "state": _MOVES.c.state,
            "attempt": _MOVES.c.attempt,
            "at": _MOVES.c.at,
            "holder": _MOVES.c.keeper,
            **{name: _or_as_it_was(name) for name in ("due_at", "reply", "queue_id", "reason")},
        }
    )
)

_TELL = events.insert().from_select(
    ["at", "session", "key", "delivery", "what", "detail"],
    sa.select(
        _MOVES.c.at, deliveries.c.session, deliveries.c.key, deliveries.c.id, _MOVES.c.state, _MOVES.c.detail
    ).join_from(_MOVES, deliveries, deliveries.c.id == _MOVES.c.id),
)


@cache
def _written(dialect: sa.Dialect) -> tuple[str, str]:
    """Write both statements once: SQLAlchemy would take longer to look them up than SQLite to carry them out."""
    return str(_MOVE.compile(dialect=dialect)), str(_TELL.compile(dialect=dialect))
