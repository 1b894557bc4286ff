"""The transitions that the program makes for many deliveries by one rule, and the queries.

Each is one named function with a guarded write. What every single message goes through, `sending` and `record`, is in
`transitions`; what a person decides is in `operator_actions`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import HELD, REAL, deliveries, sessions
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import UNDER_WAY, Delivery, State
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.sessions import Facts, SessionKey

UNSENT = (State.QUEUED, State.REJECTED, State.FAILED)
"""States of messages that certainly did not arrive and might still be sent."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A message to be queued. `number` is the invitee's message number, from which `message_id` was made."""

    email: str
    name: str
    kind: Kind
    number: int
    message_id: str
    facts: Facts
    due_at: datetime
    expires_at: datetime
    rehearsal_to: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery as `status` shows it: `reply` is the server's last answer, `reason` our own words."""

    delivery: Delivery
    name: str
    at: datetime
    reply: str
    queue_id: str
    reason: str


def enqueue(connection: sa.Connection, session: int, orders: Collection[NewDelivery], now: datetime) -> None:
    """Queue messages, at most one to a mailbox. One queued to it before is superseded: it would tell old facts.

    Raises sqlalchemy's IntegrityError, and queues none, where one is just being sent to the same mailbox or the
    number is taken: whoever holds the session's lease and has looked at `mailboxes` meets neither.
    """
    if not orders:
        return
    told_anew = [address_key(order.email) for order in orders if not order.rehearsal_to]
    queued = (
        deliveries.c.session == session,
        deliveries.c.state == State.QUEUED,
        deliveries.c.key.in_(told_anew),
        REAL,
    )
    move(connection, queued, State.SUPERSEDED, "newer facts", now)
    connection.exec_driver_sql(_written(connection.dialect), sql.pack(_new(session, order, now) for order in orders))


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
    """Lease the messages that are due and of use, oldest first; `only` keeps to some people, by address key.

    A lease may be lost at no cost: nothing was promised yet. `holder` is never empty: that means nobody.
    """
    wanted = (
        sa.select(deliveries.c.id)
        .where(
            deliveries.c.session == session,
            deliveries.c.state == State.QUEUED,
            deliveries.c.due_at <= now,
            deliveries.c.expires_at > now,
            deliveries.c.holder == "",
            ~REAL if rehearsal else REAL,
            sa.true() if only is None else deliveries.c.key.in_(only),
        )
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(most)
    )
    ids = connection.execute(wanted).scalars().all()
    if not ids:
        return []
    connection.execute(deliveries.update().where(deliveries.c.id.in_(ids)).values(holder=holder))
    rows = connection.execute(
        select_deliveries(deliveries.c.id.in_(ids)).order_by(None).order_by(deliveries.c.due_at, deliveries.c.id)
    )
    return [build_delivery(row) for row in rows.mappings()]


def release_claims(connection: sa.Connection, holder: str) -> None:
    """Return what was leased and not offered: the run ends before its time."""
    connection.execute(
        deliveries.update()
        .where(deliveries.c.holder == holder, HELD, deliveries.c.state == State.QUEUED)
        .values(holder="")
    )


def recover_stalled(connection: sa.Connection, session: int, now: datetime) -> int:
    """Settle what a dead run left: its leased messages are free again, those it was sending are in doubt.

    Call only while holding the session's lease. Returns how many came into doubt. A rehearsal that died is over:
    a second copy of it in one's own mailbox harms nobody, so it needs no person.
    """
    connection.execute(
        deliveries.update()
        .where(deliveries.c.session == session, deliveries.c.state == State.QUEUED, HELD)
        .values(holder="")
    )
    rehearsed = (deliveries.c.session == session, deliveries.c.state.in_(UNDER_WAY), ~REAL)
    move(connection, rehearsed, State.CANCELLED, "the rehearsal was broken off", now)
    being_sent = (deliveries.c.session == session, deliveries.c.state == State.SENDING)
    died = "the run that was sending it died before the server's answer was recorded"
    return len(move(connection, being_sent, State.IN_DOUBT, died, now))


def expire_overdue(connection: sa.Connection, session: int, now: datetime) -> int:
    """What is of no use any more is not sent. Returns how many messages that were."""
    useless = (deliveries.c.session == session, deliveries.c.state == State.QUEUED, deliveries.c.expires_at <= now)
    return len(move(connection, useless, State.EXPIRED, "too late: its use was over before it could be sent", now))


def cancel_for_removed(connection: sa.Connection, session: int, emails: Collection[str], now: datetime) -> None:
    """Call off what people who are removed were never told: it waits no more, for a run or for a person."""
    keys = [address_key(email) for email in emails]
    unsent = (deliveries.c.session == session, deliveries.c.state.in_(UNSENT), deliveries.c.key.in_(keys), REAL)
    move(connection, unsent, State.CANCELLED, "the person was removed", now)


def bring_forward(connection: sa.Connection, session: int, now: datetime) -> None:
    """Make due at once what was put off at a time that is still to come: the clock was set back since."""
    connection.execute(
        deliveries.update()
        .where(
            deliveries.c.session == session,
            deliveries.c.state == State.QUEUED,
            deliveries.c.due_at > now,
            deliveries.c.at > now,
        )
        .values(due_at=now)
    )


def hold_back(connection: sa.Connection, session: int, emails: Collection[str], now: datetime) -> None:
    """What waits for people whom RingCentral has mailed instead does not leave; a person may ask for it again."""
    keys = [address_key(email) for email in emails]
    queued = (deliveries.c.session == session, deliveries.c.state == State.QUEUED, deliveries.c.key.in_(keys), REAL)
    move(connection, queued, State.SUPERSEDED, "RingCentral has mailed the reader itself", now)


def find_next_due(connection: sa.Connection, session: int, *, rehearsal: bool = False) -> datetime | None:
    """When the earliest queued message is due; None where nothing is queued."""
    due_at = deliveries.c.due_at
    earliest = sa.select(sa.func.min(due_at, type_=due_at.type)).where(*_queued(session, rehearsal=rehearsal))
    return connection.execute(earliest).scalar()


def count_queued(connection: sa.Connection, session: int, *, rehearsal: bool = False) -> int:
    """How many messages are queued, due or not."""
    count = sa.select(sa.func.count()).where(*_queued(session, rehearsal=rehearsal))
    return connection.execute(count).scalar_one()


def _queued(session: int, *, rehearsal: bool) -> tuple[sa.ColumnElement[bool], ...]:
    whose = ~REAL if rehearsal else REAL
    return deliveries.c.session == session, deliveries.c.state == State.QUEUED, whose


def list_deliveries(connection: sa.Connection, session: int) -> Sequence[DeliveryRecord]:
    """The deliveries of a session for people to read, in the order in which they were queued, rehearsals aside."""
    return [
        DeliveryRecord(build_delivery(row), row["name"], row["at"], row["reply"], row["queue_id"], row["reason"])
        for row in connection.execute(select_deliveries(deliveries.c.session == session, REAL)).mappings()
    ]


def move(
    connection: sa.Connection,
    where: Sequence[sa.ColumnElement[bool]],
    state: State,
    reason: str,
    now: datetime,
    **also: Any,
) -> Sequence[str]:
    """Move all that fit to a state; `also` are further columns to set. Returns their keys."""
    values = {"state": state, "reason": reason, "told": reason, "at": now, "holder": "", **also}
    moved = deliveries.update().where(*where).values(values).returning(deliveries.c.key)
    return connection.execute(moved).scalars().all()


class _New(NamedTuple):
    """A new message as a row of the table, times as they are stored."""

    session: int
    key: str
    email: str
    name: str
    kind: str
    number: int
    state: str
    queued_at: str
    due_at: str
    expires_at: str
    at: str
    message_id: str
    link: str
    role: str
    start: str
    duration: int
    rehearsal_to: str
    told: str


def _new(session: int, order: NewDelivery, now: datetime) -> _New:
    return _New(
        session=session,
        key=address_key(order.email),
        email=order.email,
        name=order.name,
        kind=order.kind,
        number=order.number,
        state=State.QUEUED,
        queued_at=sql.encode_time(now),
        due_at=sql.encode_time(order.due_at),
        expires_at=sql.encode_time(order.expires_at),
        at=sql.encode_time(now),
        message_id=order.message_id,
        link=order.facts.link,
        role=order.facts.role,
        start=sql.encode_time(order.facts.start),
        duration=int(order.facts.duration.total_seconds()),
        rehearsal_to=order.rehearsal_to,
        told=order.kind,
    )


_BATCH = sql.batch_rows(*_New._fields)
_CREATE = deliveries.insert().from_select(list(_New._fields), sa.select(*_BATCH.c))


@cache
def _written(dialect: sa.Dialect) -> str:
    """Write the statement once; SQLAlchemy would take longer over each row than SQLite."""
    return str(_CREATE.compile(dialect=dialect))


def select_deliveries(*where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select deliveries with their session's key, in the order in which they were queued."""
    return (
        sa.select(deliveries, sessions.c.server, sessions.c.webinar_id, sessions.c.session_id)
        .join(sessions, sessions.c.id == deliveries.c.session)
        .where(*where)
        .order_by(deliveries.c.id)
    )


def build_delivery(row: sa.RowMapping) -> Delivery:
    """Build a delivery from a row of `select_deliveries`."""
    return Delivery(
        id=row["id"],
        session=SessionKey(row["server"], row["webinar_id"], row["session_id"]),
        email=row["email"],
        kind=Kind(row["kind"]),
        number=row["number"],
        state=State(row["state"]),
        attempt=row["attempt"],
        queued_at=row["queued_at"],
        due_at=row["due_at"],
        expires_at=row["expires_at"],
        message_id=row["message_id"],
        facts=Facts(row["link"], Role(row["role"]), row["start"], timedelta(seconds=row["duration"])),
        rehearsal_to=row["rehearsal_to"],
    )
