"""What only a person can decide about a delivery: resolve a doubt, retry, cancel, send it again.

Each function is a guarded write, as in `deliveries`, and its event says that a person did it.
`emails` are the addresses it is about (None: all of the session), `by` is who did it. It returns
the address keys of the deliveries that it moved. `pipeline.by_hand` and `pipeline.resend` call
these functions while they hold the webinar's lease.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger import looks
from onboarding.ledger.bounces import suppress, unsuppress
from onboarding.ledger.deliveries import TELLS_FACTS, move
from onboarding.ledger.events import act_detail, record_act
from onboarding.ledger.new_deliveries import NewDelivery, enqueue
from onboarding.ledger.schema import REAL, called_off, deliveries
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import UNDER_WAY, State
from onboarding.model.kinds import CANCELLING_KINDS

RESEND_ACT = "resend"
SUPPRESS_ACT, FREED = "suppressed", "not suppressed"

BY_HAND = "by hand"
"""Why no message goes to an address, where a person said so."""

_MAY_BE_ON_ITS_WAY = TELLS_FACTS & deliveries.c.state.in_([State.SENDING, State.IN_DOUBT])


def resolve_sent(
    connection: sa.Connection,
    session: int,
    emails: Collection[str] | None,
    by: str,
    now: datetime,
) -> Sequence[str]:
    """Move messages in doubt to sent: a person found them in the mail server's log."""
    looks.request_run(connection, session)
    where = _is_open_to(session, emails, State.IN_DOUBT)
    reason = "a person found that it was sent"
    return move(connection, where, State.SENT, reason, now, told=act_detail(by, reason))


def resolve_resend(
    connection: sa.Connection,
    session: int,
    emails: Collection[str] | None,
    by: str,
    now: datetime,
) -> Sequence[str]:
    """Queue messages in doubt again: they never arrived, or may arrive twice.

    The Message-ID stays the same, so that a receiver can recognise the second copy.
    """
    where = (*_is_open_to(session, emails, State.IN_DOUBT), *_is_worth_sending(now))
    return _requeue(connection, where, "a person asked to send it again", by, now)


def retry_unsent(
    connection: sa.Connection,
    session: int,
    emails: Collection[str] | None,
    by: str,
    now: datetime,
) -> Sequence[str]:
    """Queue failed and rejected messages again, due at once: a person fixed what was wrong.

    Cancelled messages and those that came back too, but only for addresses that are named: "all"
    does not undo a cancellation, and most addresses that a message came back from are wrong. Who is
    named may get messages again.

    The time after which we give up starts over (`queued_at`). `attempt` does not: it tells a late
    write of an earlier attempt from the present attempt, and a server that said "not now" that
    often is asked at the longest interval.
    """
    returning = () if emails is None else (State.CANCELLED, State.BOUNCED)
    # Of a bounce in another session there may be no message here; the next run sends what is due.
    freed = [] if emails is None else unsuppress(connection, session, emails)
    if freed:
        looks.request_run(connection, session)
    states = (State.FAILED, State.REJECTED, *returning)
    where = (*_is_open_to(session, emails, *states), *_is_worth_sending(now, returning=returning))
    queued = _requeue(connection, where, "a person asked to try again", by, now)
    record_act(connection, session, [key for key in freed if key not in queued], FREED, by, now)
    return [*queued, *(key for key in freed if key not in queued)]


def suppress_people(
    connection: sa.Connection,
    session: int,
    emails: Collection[str] | None,
    by: str,
    now: datetime,
) -> Sequence[str]:
    """Cancel what is queued for these people, and let no further message go to their addresses."""
    cancel_queued(connection, session, emails, by, now)
    keys = [address_key(email) for email in emails or ()]
    why = act_detail(by, BY_HAND)
    added = [key for key in keys if suppress(connection, session, key, why, now)]
    record_act(connection, session, added, SUPPRESS_ACT, by, now)
    return keys


def cancel_queued(
    connection: sa.Connection,
    session: int,
    emails: Collection[str] | None,
    by: str,
    now: datetime,
) -> Sequence[str]:
    """Cancel queued messages, claimed ones too: their move to `sending` then finds no row.

    Of people who are named also what came back: a person knows of it, and it needs no one more.
    """
    looks.request_run(connection, session)
    returning = () if emails is None else (State.BOUNCED,)
    where = _is_open_to(session, emails, State.QUEUED, *returning)
    reason = "cancelled by a person"
    return move(connection, where, State.CANCELLED, reason, now, told=act_detail(by, reason))


def queue_resends(
    connection: sa.Connection,
    session: int,
    new: Collection[NewDelivery],
    seen: Mapping[str, int],
    by: str,
    reason: str,
    now: datetime,
) -> Sequence[str]:
    """Queue second copies that a person has asked for. Returns the address keys they are for.

    `seen` has the number of each mailbox's latest message as the person saw it, by address key.
    Where another message came since, or one may be on its way, no copy is queued.
    """
    rows = connection.execute(
        sa.select(
            deliveries.c.key,
            sa.func.max(deliveries.c.number).label("latest"),
            # A number: PostgreSQL has no greatest of true and false.
            sa.func.max(sa.case((_MAY_BE_ON_ITS_WAY, 1), else_=0)).label("on_way"),
        )
        .where(deliveries.c.session == session, REAL)
        .group_by(deliveries.c.key)
    )
    # Read and queued in one transaction, under the webinar's lease: no other process queues.
    unchanged = {row.key for row in rows if row.latest == seen.get(row.key) and not row.on_way}
    chosen = [delivery for delivery in new if address_key(delivery.email) in unchanged]
    # Only for those that were queued: history must not claim a copy that was held back. A sender
    # needs no lease to begin a queued message meanwhile.
    queued = enqueue(connection, session, chosen, now)
    keys = [address_key(delivery.email) for delivery in queued]
    record_act(connection, session, keys, RESEND_ACT, by, now, reason)
    return keys


def release_queued(
    connection: sa.Connection,
    session: int,
    emails: Collection[str],
    by: str,
    reason: str,
    now: datetime,
) -> Sequence[str]:
    """Make queued messages due now that a person has asked for again: no second copy is queued."""
    due = deliveries.update().where(*_is_open_to(session, emails, State.QUEUED), TELLS_FACTS)
    released = due.values(due_at=now).returning(deliveries.c.key)
    keys = connection.execute(released).scalars().all()
    record_act(connection, session, keys, RESEND_ACT, by, now, reason)
    return keys


def _requeue(
    connection: sa.Connection,
    where: Sequence[sa.ColumnElement[bool]],
    reason: str,
    by: str,
    now: datetime,
) -> Sequence[str]:
    told = act_detail(by, reason)
    return move(connection, where, State.QUEUED, reason, now, queued_at=now, due_at=now, told=told)


def _is_open_to(
    session: int, emails: Collection[str] | None, *states: State
) -> tuple[sa.ColumnElement[bool], ...]:
    """Match the deliveries in these states to these addresses; never a rehearsal."""
    in_state = (deliveries.c.session == session, deliveries.c.state.in_(states), REAL)
    if emails is None:
        return in_state
    return (*in_state, deliveries.c.key.in_([address_key(email) for email in emails]))


def _is_worth_sending(
    now: datetime, returning: Collection[State] = ()
) -> tuple[sa.ColumnElement[bool], ...]:
    """Match deliveries that are still of use, if nothing newer went to the mailbox or is under way.

    Otherwise a second copy of old facts would arrive after the new ones. Of a session that is
    called off only cancellations are of use. A cancelled message does not count as newer, unless
    cancelled messages are `returning` to the queue in the same statement: then both would be
    queued.
    """
    gone = [state for state in (State.SUPERSEDED, State.CANCELLED) if state not in returning]
    other = deliveries.alias("other")
    is_newer = sa.and_(other.c.number > deliveries.c.number, other.c.state.not_in(gone))
    # Also an older one under way: the unique index would refuse it, and with it the whole
    # statement for all other people.
    # Messages with facts have no entry, so they are compared with each other; a scheduled one is
    # outdated only by the same entry for a later start.
    is_in_the_way = sa.and_(
        other.c.entry == deliveries.c.entry,
        sa.or_(is_newer, other.c.state.in_(UNDER_WAY)),
    )
    other_in_the_way = sa.exists().where(*_is_to_same_mailbox(other), is_in_the_way)
    is_called_off = sa.exists().where(called_off.c.session == deliveries.c.session)
    is_told = sa.or_(~is_called_off, deliveries.c.kind.in_(CANCELLING_KINDS))
    return (deliveries.c.expires_at > now, ~other_in_the_way, is_told)


def _is_to_same_mailbox(other: sa.FromClause) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        other.c.session == deliveries.c.session,
        other.c.key == deliveries.c.key,
        # `REAL`, for the alias; a literal for the same reason.
        other.c.rehearsal_to == sa.literal_column("''"),
    )
