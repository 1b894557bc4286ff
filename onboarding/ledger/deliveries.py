"""Moves, counts and lists deliveries: what the program does to many of them by one rule.

Each function is a guarded write (its WHERE names the state that it starts from), so it may come too
late or twice and does no harm. How they get here is in `new_deliveries`, who may send them in
`claims`. What each single message goes through is in `transitions`, what a person decides in
`operator_actions`, what a mailbox holds in `mailboxes`. History is written by the database itself
(`schema`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from onboarding.ledger.schema import REAL, deliveries, sessions
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Delivery, State
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.sessions import Facts, SessionKey

UNHELD = (State.QUEUED, State.REJECTED, State.FAILED, State.BOUNCED)
"""States of messages that certainly did not arrive and might still be sent."""

MAILED_BY_RINGCENTRAL = "RingCentral has mailed the reader itself"
"""Why a queued message is held back."""

TELLS_FACTS = deliveries.c.entry == ""
"""Match the messages that tell facts: scheduled ones name an entry, and only they."""

USE_IS_OVER = "too late: its use was over before it could be sent"
"""Why a message has expired."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery as `status` shows it.

    `reply` is the server's last answer, `reason` says in our words why it is in its state.
    """

    delivery: Delivery
    name: str
    at: datetime
    reply: str
    queue_id: str
    reason: str


def expire_overdue(connection: sa.Connection, session: int, now: datetime) -> int:
    """Expire queued messages that are of no use any more. Returns how many.

    A scheduled one is superseded: the next plan says that its entry was missed, and no person has
    to do anything.
    """
    overdue = (
        deliveries.c.session == session,
        deliveries.c.state == State.QUEUED,
        deliveries.c.expires_at <= now,
    )
    state = sa.case((TELLS_FACTS, State.EXPIRED), else_=State.SUPERSEDED)
    return len(move(connection, overdue, state, USE_IS_OVER, now))


def cancel_for_removed(
    connection: sa.Connection, session: int, emails: Collection[str], now: datetime
) -> None:
    """Cancel what never arrived at people who are removed, so that no person has to decide it."""
    # `in_doubt` stays: the message may have arrived, so only a person can decide it.
    unheld = (deliveries.c.session == session, deliveries.c.state.in_(UNHELD), is_to(emails), REAL)
    move(connection, unheld, State.CANCELLED, "the person was removed", now)


def bring_forward(connection: sa.Connection, session: int, now: datetime) -> None:
    """Make due at once what was deferred at a time in the future: the clock was set back since."""
    connection.execute(
        deliveries.update()
        .where(
            deliveries.c.session == session,
            deliveries.c.state == State.QUEUED,
            deliveries.c.due_at > now,
            # A deferral or a later due date was written in the past. Only `at` in the future shows
            # that the clock was set back; without it a message would leave before its time.
            deliveries.c.at > now,
        )
        .values(due_at=now)
    )


def hold_back(
    connection: sa.Connection, session: int, emails: Collection[str], reason: str, now: datetime
) -> None:
    """Supersede what is queued for these people. A person may ask for it again.

    Scheduled messages stay: whether they may go is asked as each of them leaves.
    """
    queued = (*is_queued(session), is_to(emails), TELLS_FACTS)
    move(connection, queued, State.SUPERSEDED, reason, now)


def find_next_due(
    connection: sa.Connection, session: int, *, rehearsal: bool = False
) -> datetime | None:
    """Find when the earliest queued message is due that no sender has claimed; None: none is."""
    due_at = deliveries.c.due_at
    earliest = sa.select(sa.func.min(due_at, type_=due_at.type)).where(
        *is_queued(session, rehearsal=rehearsal), deliveries.c.holder == ""
    )
    return connection.execute(earliest).scalar()


def count_queued(connection: sa.Connection, session: int, *, rehearsal: bool = False) -> int:
    """Count the queued messages, due or not."""
    count = sa.select(sa.func.count()).where(*is_queued(session, rehearsal=rehearsal))
    return connection.execute(count).scalar_one()


def is_queued(session: int, *, rehearsal: bool = False) -> tuple[sa.ColumnElement[bool], ...]:
    """Match the queued deliveries of a session: the real ones, or those of rehearsals."""
    return (
        deliveries.c.session == session,
        deliveries.c.state == State.QUEUED,
        ~REAL if rehearsal else REAL,
    )


def is_to(emails: Collection[str]) -> sa.ColumnElement[bool]:
    """Match the deliveries to these people."""
    return deliveries.c.key.in_([address_key(email) for email in emails])


def list_deliveries(connection: sa.Connection, session: int) -> Sequence[DeliveryRecord]:
    """List the deliveries of a session in the order in which they were queued, no rehearsals."""
    rows = connection.execute(select_deliveries(deliveries.c.session == session, REAL)).mappings()
    return [build_record(row) for row in rows]


def move(
    connection: sa.Connection,
    where: Sequence[sa.ColumnElement[bool]],
    state: State | sa.ColumnElement[str],
    reason: str,
    now: datetime,
    **also: Any,
) -> Sequence[str]:
    """Move all deliveries that match to a state, and set further columns (`also`).

    `state` may be an expression that chooses one for each. Returns their address keys.
    """
    # `told` feeds the trigger that writes history. Without a holder, no late write of a run fits.
    values = {"state": state, "reason": reason, "told": reason, "at": now, "holder": "", **also}
    moved = deliveries.update().where(*where).values(values).returning(deliveries.c.key)
    return connection.execute(moved).scalars().all()


SESSION_KEY = (sessions.c.server, sessions.c.webinar_id, sessions.c.session_id)
"""The columns that `build_delivery` needs of a delivery's session."""


def select_deliveries(*where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select deliveries with their session's key, in the order in which they were queued."""
    return (
        sa.select(deliveries, *SESSION_KEY)
        .join(sessions, sessions.c.id == deliveries.c.session)
        .where(*where)
        .order_by(deliveries.c.id)
    )


def build_record(row: sa.RowMapping) -> DeliveryRecord:
    """Build a record from a row of `select_deliveries`."""
    return DeliveryRecord(
        delivery=build_delivery(row),
        name=row["name"],
        at=row["at"],
        reply=row["reply"],
        queue_id=row["queue_id"],
        reason=row["reason"],
    )


def build_delivery(row: sa.RowMapping) -> Delivery:
    """Build a delivery from a row of `select_deliveries`."""
    return Delivery(
        id=row["id"],
        session=SessionKey(row["server"], row["webinar_id"], row["session_id"]),
        email=row["email"],
        # A kind or state of a newer version raises here, so an older one that shares the ledger
        # stops at it and does not overlook it.
        kind=Kind(row["kind"]),
        number=row["number"],
        state=State(row["state"]),
        attempt=row["attempt"],
        queued_at=row["queued_at"],
        due_at=row["due_at"],
        expires_at=row["expires_at"],
        message_id=row["message_id"],
        facts=Facts(
            row["link"], Role(row["role"]), row["start"], timedelta(seconds=row["duration"])
        ),
        rehearsal_to=row["rehearsal_to"],
        entry=row["entry"],
        uid=row["uid"],
        sequence=row["sequence"],
    )
