"""Which run may send which message: claims, and what becomes of those of a dead holder.

A holder is a run's lease (`leases`). Who claims a message alone may send it; a claim that is lost
costs nothing, as long as the message is still queued.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

import sqlalchemy as sa

from onboarding.ledger import leases
from onboarding.ledger.deliveries import SESSION_KEY, build_delivery, is_queued, move
from onboarding.ledger.schema import HELD, REAL, deliveries, sessions
from onboarding.model.deliveries import UNDER_WAY, Delivery, State

RUN_DIED = "the run that was sending it died before the server's answer was recorded"
"""Why a message is in doubt that a dead run was sending."""

_REHEARSAL_DIED = "the rehearsal was interrupted"


def claim(
    connection: sa.Connection,
    session: int,
    holder: str,
    now: datetime,
    most: int,
    *,
    rehearsal: bool = False,
    only: Collection[str] | None = None,
) -> Sequence[Delivery]:
    """Claim the messages that are due and still of use, oldest first, at most so many.

    `only` are the address keys to keep to (None: all). A claim may be lost at no cost: the message
    is still queued. `holder` is never empty: that means unclaimed.
    """
    claimable = (*is_queued(session, rehearsal=rehearsal), *_is_claimable(now, only))
    oldest = sa.select(deliveries.c.id).where(*claimable).order_by(*_OLDEST_FIRST).limit(most)
    # What another process is just claiming is left to it. SQLite has no such words, and needs none:
    # its transactions that write come one after the other. WITH, because PostgreSQL may run a plain
    # subquery again and again, and would then lock more than these.
    found = oldest.with_for_update(skip_locked=True).cte("oldest")
    claimed = deliveries.update().where(deliveries.c.id.in_(sa.select(found.c.id)))
    of_session = (
        sa.select(column).where(sessions.c.id == session).scalar_subquery().label(column.name)
        for column in SESSION_KEY
    )
    rows = connection.execute(claimed.values(holder=holder).returning(deliveries, *of_session))
    # RETURNING gives its rows in no certain order (https://sqlite.org/lang_returning.html).
    return sorted(map(build_delivery, rows.mappings()), key=attrgetter("due_at", "id"))


def count_claimable(connection: sa.Connection, session: int, now: datetime) -> int:
    """Count the messages of a session that are due and that no sender has claimed."""
    count = sa.select(sa.func.count()).where(*is_queued(session), *_is_claimable(now, None))
    return connection.execute(count).scalar_one()


def count_all_claimable(connection: sa.Connection, now: datetime) -> Mapping[int, int]:
    """Count the messages that are due and that no sender has claimed, by the session's number."""
    query = (
        sa.select(deliveries.c.session, sa.func.count().label("due"))
        .where(deliveries.c.state == State.QUEUED, REAL, *_is_claimable(now, None))
        .group_by(deliveries.c.session)
    )
    return {row.session: row.due for row in connection.execute(query)}


# `requeue_last` puts a message at the end by its `due_at`, so that has to come first.
# The id keeps the order of the plan among those that were queued together.
_OLDEST_FIRST = (deliveries.c.due_at, deliveries.c.id)


def _is_claimable(
    now: datetime, only: Collection[str] | None
) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        deliveries.c.due_at <= now,
        # Together with `expire_overdue` this leaves no moment out: a message is sent, or expires.
        deliveries.c.expires_at > now,
        deliveries.c.holder == "",
        sa.true() if only is None else deliveries.c.key.in_(only),
    )


def release_claims(connection: sa.Connection, holder: str) -> None:
    """Release what was claimed and not offered to the server: the run ends early."""
    connection.execute(
        deliveries.update()
        # Only queued ones: a row in `sending` without its holder could not record its answer,
        # and a message that has left would be in doubt.
        .where(deliveries.c.holder == holder, HELD, deliveries.c.state == State.QUEUED)
        .values(holder="")
    )


def recover_stalled(connection: sa.Connection, session: int, now: datetime) -> int:
    """Take back what dead holders held, of any session; what they were sending is in doubt.

    Call it while holding the session's lease. Returns how many of the session's messages are now in
    doubt. A rehearsal that died is cancelled: a second copy in the tester's own mailbox does no
    harm, so no person has to decide.
    """
    doubts = recover_dead(connection, now)
    # What a rehearsal has queued and not claimed: only the holder of this lease may rehearse.
    waiting = (*is_queued(session, rehearsal=True), deliveries.c.holder == "")
    move(connection, waiting, State.CANCELLED, _REHEARSAL_DIED, now)
    return doubts[session]


def recover_dead(connection: sa.Connection, now: datetime) -> Counter[int]:
    """Take back what dead holders held, each holder's rows apart, and count doubts by session."""
    # Before the leases are read: a holder has its lease before it claims, so a new one is not taken
    # for dead. `>` and not only `HELD`, so that an index answers.
    named = sa.select(deliveries.c.holder).distinct().where(HELD, deliveries.c.holder > "")
    holders = connection.execute(named).scalars().all()
    doubts: Counter[int] = Counter()
    if holders:
        for holder in sorted(leases.remove_dead(connection, holders, now)):
            doubts.update(_recover_holder(connection, holder, now))
    return doubts


def _recover_holder(connection: sa.Connection, holder: str, now: datetime) -> Sequence[int]:
    """Take back what one dead holder held. Returns the session of each message in doubt."""
    held = (deliveries.c.holder == holder, HELD)
    # First: the others take every row that is left, a rehearsal's too.
    rehearsed = (*held, deliveries.c.state.in_(UNDER_WAY), ~REAL)
    move(connection, rehearsed, State.CANCELLED, _REHEARSAL_DIED, now)
    being_sent = (*held, deliveries.c.state == State.SENDING)
    in_doubt = connection.execute(sa.select(deliveries.c.session).where(*being_sent))
    found = in_doubt.scalars().all()
    move(connection, being_sent, State.IN_DOUBT, RUN_DIED, now)
    release_claims(connection, holder)
    return found


def list_stalled(connection: sa.Connection, session: int, now: datetime) -> frozenset[int]:
    """List the ids of a session's messages that a dead holder was sending.

    Only looks: they are in doubt once `recover_dead` has recorded that.
    """
    found = connection.execute(
        sa.select(deliveries.c.id, deliveries.c.holder).where(
            deliveries.c.session == session, deliveries.c.state == State.SENDING
        )
    ).all()
    living = leases.list_living(connection, now)
    return frozenset(row.id for row in found if row.holder not in living)
