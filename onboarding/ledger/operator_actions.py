"""What only a person decides about a delivery: settle a doubt, try once more, call it off.

Each is one named function with a guarded write, as in `deliveries`, and its event says that a person did it. `emails`
names whom it is about, None everybody; returned are the address keys of those whose delivery was moved.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger.deliveries import move
from onboarding.ledger.schema import REAL, deliveries
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import UNDER_WAY, State


def resolve_sent(
    connection: sa.Connection, session: int, emails: Collection[str] | None, now: datetime
) -> Sequence[str]:
    """A person found the message in the mail server's log: it was sent, and the mailbox holds its facts."""
    where = _of(session, emails, State.IN_DOUBT)
    return move(connection, where, State.SENT, "a person found that it was sent", now)


def resolve_resend(
    connection: sa.Connection, session: int, emails: Collection[str] | None, now: datetime
) -> Sequence[str]:
    """A person says that the message never arrived, or may arrive twice: queued again under the same Message-ID."""
    where = (*_of(session, emails, State.IN_DOUBT), *_worth_sending(now))
    return move(connection, where, State.QUEUED, "a person asked to send it again", now, queued_at=now, due_at=now)


def retry(connection: sa.Connection, session: int, emails: Collection[str] | None, now: datetime) -> Sequence[str]:
    """A person mended what was wrong: a failed or rejected message is queued again, due at once.

    Named addresses also get back what was called off: whoever says "everybody" has not taken that back.

    The time after which we give up starts over (`queued_at`). `attempt` does not: it tells a late write of an earlier
    attempt from the present one, and a server that said "not now" that often is asked at the longest interval.
    """
    called_off = () if emails is None else (State.CANCELLED,)
    where = (*_of(session, emails, State.FAILED, State.REJECTED, *called_off), *_worth_sending(now, back=called_off))
    return move(connection, where, State.QUEUED, "a person asked to try again", now, queued_at=now, due_at=now)


def cancel(connection: sa.Connection, session: int, emails: Collection[str] | None, now: datetime) -> Sequence[str]:
    """A person calls a queued message off. Even a leased one would not leave: its `sending` finds nothing to move."""
    where = _of(session, emails, State.QUEUED)
    return move(connection, where, State.CANCELLED, "called off by a person", now)


def _of(session: int, emails: Collection[str] | None, *states: State) -> tuple[sa.ColumnElement[bool], ...]:
    everybody = (deliveries.c.session == session, deliveries.c.state.in_(states), REAL)
    if emails is None:
        return everybody
    return (*everybody, deliveries.c.key.in_([address_key(email) for email in emails]))


def _worth_sending(now: datetime, back: Collection[State] = ()) -> tuple[sa.ColumnElement[bool], ...]:
    """Of use still, with nothing newer to the same mailbox, and nothing under way to it.

    A second copy of old facts would come after the new ones. What was called off does not count as newer, unless it
    is just being taken `back`: else both would be queued.
    """
    gone = [state for state in (State.SUPERSEDED, State.CANCELLED) if state not in back]
    other = deliveries.alias("other")
    newer = sa.and_(other.c.number > deliveries.c.number, other.c.state.not_in(gone))
    in_the_way = sa.exists().where(
        other.c.session == deliveries.c.session,
        other.c.key == deliveries.c.key,
        other.c.rehearsal_to == sa.literal_column("''"),
        sa.or_(newer, other.c.state.in_(UNDER_WAY)),
    )
    return (deliveries.c.expires_at > now, ~in_the_way)
