"""Sessions that do not take place: a person has called them off, and may take that back.

What it means for people is decided in `plan.call_offs`. Here nothing that was queued for a session
is left that its people must not get.
"""

from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger import looks
from onboarding.ledger.deliveries import is_queued, move
from onboarding.ledger.events import WHOLE_SESSION, record_act
from onboarding.ledger.schema import called_off, deliveries, registrations
from onboarding.ledger.sql import insert
from onboarding.model.deliveries import State
from onboarding.model.kinds import CANCELLING_KINDS
from onboarding.model.registrations import Standing
from onboarding.model.sessions import CALLED_OFF, CallOff

CALL_OFF = "call-off"
TAKES_PLACE = "the webinar takes place after all"


def record_call_off(connection: sa.Connection, session: int, by: str, now: datetime) -> None:
    """Call a session off, and supersede what is queued for it, but for cancellations.

    One that is called off already stays as it is. Call while holding the webinar's lease.
    """
    row = {"session": session, "at": now, "by": by}
    new = insert(called_off).values(row).on_conflict_do_nothing().returning(called_off.c.session)
    if connection.execute(new).scalar() is not None:
        record_act(connection, session, [WHOLE_SESSION], CALL_OFF, by, now)
    # Not only for a new call-off: saying it again also clears what was queued since.
    outdated = (*is_queued(session), deliveries.c.kind.not_in(CANCELLING_KINDS))
    move(connection, outdated, State.SUPERSEDED, CALLED_OFF, now)


def remove_call_off(connection: sa.Connection, session: int, by: str, now: datetime) -> bool:
    """Take a call-off back; False if there is none. Call while holding the webinar's lease.

    Cancellations that have not left yet are superseded, but for those of people who were removed.
    """
    # The row decides: without a call-off, no cancellation in the queue may be superseded.
    removed = connection.execute(called_off.delete().where(called_off.c.session == session))
    if not removed.rowcount:
        return False
    record_act(connection, session, [WHOLE_SESSION], CALL_OFF, by, now, "taken back")
    looks.request_run(connection, session)
    waiting = (*is_queued(session), deliveries.c.kind.in_(CANCELLING_KINDS), ~_was_removed())
    move(connection, waiting, State.SUPERSEDED, TAKES_PLACE, now)
    return True


def load_call_off(connection: sa.Connection, session: int) -> CallOff | None:
    """Find who has called a session off, and when; None if it takes place."""
    columns = sa.select(called_off.c.at, called_off.c.by).where(called_off.c.session == session)
    row = connection.execute(columns).one_or_none()
    return CallOff(row.at, row.by) if row else None


def _was_removed() -> sa.ColumnElement[bool]:
    """Match the deliveries to people that this ledger has removed: their cancellation is right."""
    return sa.exists().where(
        registrations.c.session == deliveries.c.session,
        registrations.c.key == deliveries.c.key,
        registrations.c.standing.in_([Standing.REMOVING, Standing.REMOVED]),
    )
