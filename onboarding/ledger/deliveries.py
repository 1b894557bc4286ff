"""Queues, claims, cancels and lists deliveries: what the program does to many of them by one rule.

Each function is a guarded write (its WHERE names the state that it starts from), so it may come too
late or twice and does no harm. What each single message goes through is in `transitions`, what a
person decides in `operator_actions`, what a mailbox holds in `mailboxes`. History is written by the
database itself (`schema`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from onboarding.ledger import leases, sql
from onboarding.ledger.schema import HELD, REAL, deliveries, sessions
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import UNDER_WAY, Delivery, State
from onboarding.model.kinds import Kind, tells_facts
from onboarding.model.people import Role
from onboarding.model.sessions import Facts, SessionKey

UNHELD = (State.QUEUED, State.REJECTED, State.FAILED, State.BOUNCED)
"""States of messages that certainly did not arrive and might still be sent."""

RUN_DIED = "the run that was sending it died before the server's answer was recorded"
"""Why a message is in doubt that a dead run was sending."""

_REHEARSAL_DIED = "the rehearsal was interrupted"

MAILED_BY_RINGCENTRAL = "RingCentral has mailed the reader itself"
"""Why a queued message is held back."""

TELLS_FACTS = deliveries.c.entry == ""
"""Match the messages that tell facts: scheduled ones name an entry, and only they."""

TOO_LATE = "too late: its use was over before it could be sent"
"""Why a message has expired."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A message to be queued.

    `number` counts the invitee's messages; `message_id` was made from it. `entry` is the schedule's
    entry of a scheduled message. `uid` and `sequence` are those of its calendar entry; `uid` is
    empty where it has none.
    """

    email: str
    name: str
    kind: Kind
    number: int
    message_id: str
    facts: Facts
    due_at: datetime
    expires_at: datetime
    rehearsal_to: str = ""
    entry: str = ""
    uid: str = ""
    sequence: int = 0


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


def enqueue(
    connection: sa.Connection, session: int, new: Collection[NewDelivery], now: datetime
) -> None:
    """Queue messages, at most one with facts to a mailbox; one that is queued there is superseded.

    Scheduled messages replace none. Raises sqlalchemy's IntegrityError, and queues none, if a
    message with facts, or of the same entry, is just being sent to the same mailbox, or the number
    is taken. A caller that holds the session's lease and has loaded the mailboxes meets neither.
    """
    if not new:
        return
    # A rehearsal goes to another mailbox: it must replace no real message.
    real = [
        delivery.email
        for delivery in new
        if not delivery.rehearsal_to and tells_facts(delivery.kind)
    ]
    queued = (*is_queued(session), _is_to(real), TELLS_FACTS)
    # Before the insert: `uq_deliveries_open` allows one open message for each mailbox.
    move(connection, queued, State.SUPERSEDED, "newer facts", now)
    rows = [_build_row(session, delivery, now) for delivery in new]
    connection.exec_driver_sql(_compile_insert(connection.dialect), sql.pack(rows))


def record_told(
    connection: sa.Connection, session: int, new: Collection[NewDelivery], by: str, now: datetime
) -> None:
    """Record what mailboxes hold although nothing was sent from here: a person (`by`) said so.

    What is queued for them is superseded. Raises what `enqueue` raises.
    """
    if not new:
        return
    queued = (*is_queued(session), _is_to([delivery.email for delivery in new]), TELLS_FACTS)
    move(connection, queued, State.SUPERSEDED, "recorded as told", now)
    reason = f"as told, not sent from here (by {by})"
    rows = [
        _build_row(session, delivery, now)._replace(
            state=State.RECORDED, reason=reason, told=f"{delivery.kind}: {reason}"
        )
        for delivery in new
    ]
    connection.exec_driver_sql(_compile_insert(connection.dialect), sql.pack(rows))


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
    # its transactions that write come one after the other.
    ids = connection.execute(oldest.with_for_update(skip_locked=True)).scalars().all()
    if not ids:
        return []
    # Read again and not RETURNING: SQLite gives its rows in no certain order
    # (https://sqlite.org/lang_returning.html).
    claimed = deliveries.c.id.in_(ids)
    connection.execute(deliveries.update().where(claimed).values(holder=holder))
    in_order = select_deliveries(claimed).order_by(None).order_by(*_OLDEST_FIRST)
    return [build_delivery(row) for row in connection.execute(in_order).mappings()]


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
    scheduled = move(connection, (*overdue, ~TELLS_FACTS), State.SUPERSEDED, TOO_LATE, now)
    expired = move(connection, (*overdue, TELLS_FACTS), State.EXPIRED, TOO_LATE, now)
    return len(scheduled) + len(expired)


def cancel_for_removed(
    connection: sa.Connection, session: int, emails: Collection[str], now: datetime
) -> None:
    """Cancel what never arrived at people who are removed, so that no person has to decide it."""
    # `in_doubt` stays: the message may have arrived, so only a person can decide it.
    unheld = (deliveries.c.session == session, deliveries.c.state.in_(UNHELD), _is_to(emails), REAL)
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
    queued = (*is_queued(session), _is_to(emails), TELLS_FACTS)
    move(connection, queued, State.SUPERSEDED, reason, now)


def find_next_due(
    connection: sa.Connection, session: int, *, rehearsal: bool = False
) -> datetime | None:
    """Find when the earliest queued message is due; None if nothing is queued."""
    due_at = deliveries.c.due_at
    earliest = sa.select(sa.func.min(due_at, type_=due_at.type)).where(
        *is_queued(session, rehearsal=rehearsal)
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


def _is_to(emails: Collection[str]) -> sa.ColumnElement[bool]:
    return deliveries.c.key.in_([address_key(email) for email in emails])


def list_deliveries(connection: sa.Connection, session: int) -> Sequence[DeliveryRecord]:
    """List the deliveries of a session in the order in which they were queued, no rehearsals."""
    rows = connection.execute(select_deliveries(deliveries.c.session == session, REAL)).mappings()
    return [build_record(row) for row in rows]


def move(
    connection: sa.Connection,
    where: Sequence[sa.ColumnElement[bool]],
    state: State,
    reason: str,
    now: datetime,
    **also: Any,
) -> Sequence[str]:
    """Move all deliveries that match to a state, and set further columns (`also`).

    Returns their address keys.
    """
    # `told` feeds the trigger that writes history. Without a holder, no late write of a run fits.
    values = {"state": state, "reason": reason, "told": reason, "at": now, "holder": "", **also}
    moved = deliveries.update().where(*where).values(values).returning(deliveries.c.key)
    return connection.execute(moved).scalars().all()


# Each field is a column of `deliveries`, and its place is its place in the batch. Columns that are
# missing here (`attempt`, `holder`, `reply` ...) get the defaults of the table.
class _Row(NamedTuple):
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
    reason: str
    told: str
    entry: str
    uid: str
    sequence: int


def _build_row(session: int, new: NewDelivery, now: datetime) -> _Row:
    return _Row(
        session=session,
        key=address_key(new.email),
        email=new.email,
        name=new.name,
        kind=new.kind,
        number=new.number,
        state=State.QUEUED,
        queued_at=sql.encode_time(now),
        due_at=sql.encode_time(new.due_at),
        expires_at=sql.encode_time(new.expires_at),
        at=sql.encode_time(now),
        message_id=new.message_id,
        link=new.facts.link,
        role=new.facts.role,
        start=sql.encode_time(new.facts.start),
        duration=int(new.facts.duration.total_seconds()),
        rehearsal_to=new.rehearsal_to,
        reason="",
        # The trigger makes this the text of the event: history shows which kind was queued.
        told=f"{new.kind} {new.entry}".rstrip(),
        entry=new.entry,
        uid=new.uid,
        sequence=new.sequence,
    )


_BATCH = sql.batch_rows({name: deliveries.c[name].type for name in _Row._fields})
_CREATE = deliveries.insert().from_select(list(_Row._fields), sa.select(*_BATCH.c))


@cache
def _compile_insert(dialect: sa.Dialect) -> str:
    """Compile the statement once: SQLAlchemy needs more time for each row than a database."""
    return str(_CREATE.compile(dialect=dialect))


def select_deliveries(*where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select deliveries with their session's key, in the order in which they were queued."""
    return (
        sa.select(deliveries, sessions.c.server, sessions.c.webinar_id, sessions.c.session_id)
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
