"""Puts new messages into the ledger: queued to be sent, or recorded as held by a mailbox already.

At most one message with facts is open for a mailbox: a new one supersedes one that is queued there.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.deliveries import TELLS_FACTS, is_queued, is_to, move
from onboarding.ledger.schema import REAL, deliveries, uid_seeds
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import UNDER_WAY, State
from onboarding.model.kinds import Kind, tells_facts
from onboarding.model.sessions import Facts


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


def enqueue(
    connection: sa.Connection, session: int, new: Collection[NewDelivery], now: datetime
) -> Sequence[NewDelivery]:
    """Queue messages, at most one with facts to a mailbox; one that is queued there is superseded.

    Scheduled messages replace none. Where a message with facts, or of the same entry, is just being
    sent to the same mailbox, nothing is queued beside it: the next plan goes on from what comes of
    it. Returns what was queued. Raises sqlalchemy's IntegrityError, and queues none, if a
    number is taken. A caller that holds the session's lease and has loaded the mailboxes does not
    meet that.
    """
    if not new:
        return ()
    # A rehearsal goes to another mailbox: it must replace no real message.
    real = [
        delivery.email
        for delivery in new
        if not delivery.rehearsal_to and tells_facts(delivery.kind)
    ]
    queued = (*is_queued(session), is_to(real), TELLS_FACTS)
    # Before the insert: `uq_deliveries_open` allows one open message for each mailbox.
    move(connection, queued, State.SUPERSEDED, "newer facts", now)
    # After it: what a sender has begun meanwhile is no longer queued, and is seen here.
    open_places = _list_open_mailboxes(connection, session)
    queued_now = [
        delivery
        for delivery in new
        if delivery.rehearsal_to or (address_key(delivery.email), delivery.entry) not in open_places
    ]
    rows = [_build_row(session, delivery, now) for delivery in queued_now]
    connection.exec_driver_sql(_compile_insert(connection.dialect), sql.pack(rows))
    return queued_now


def _list_open_mailboxes(connection: sa.Connection, session: int) -> frozenset[tuple[str, str]]:
    """List the mailboxes of a session with a message under way, each with the message's entry."""
    query = sa.select(deliveries.c.key, deliveries.c.entry).where(
        deliveries.c.session == session, deliveries.c.state.in_(UNDER_WAY), REAL
    )
    return frozenset((row.key, row.entry) for row in connection.execute(query))


def record_told(
    connection: sa.Connection, session: int, new: Collection[NewDelivery], by: str, now: datetime
) -> None:
    """Record what mailboxes hold although nothing was sent from here: a person (`by`) said so.

    What is queued for them is superseded. Raises what `enqueue` raises.
    """
    if not new:
        return
    queued = (*is_queued(session), is_to([delivery.email for delivery in new]), TELLS_FACTS)
    move(connection, queued, State.SUPERSEDED, "recorded as told", now)
    reason = f"as told, not sent from here (by {by})"
    rows = [
        _build_row(session, delivery, now)._replace(
            state=State.RECORDED, reason=reason, told=f"{delivery.kind}: {reason}"
        )
        for delivery in new
    ]
    connection.exec_driver_sql(_compile_insert(connection.dialect), sql.pack(rows))


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
    at = sql.encode_time(now)
    return _Row(
        session=session,
        key=address_key(new.email),
        email=new.email,
        name=new.name,
        kind=new.kind,
        number=new.number,
        state=State.QUEUED,
        queued_at=at,
        due_at=sql.encode_time(new.due_at),
        expires_at=sql.encode_time(new.expires_at),
        at=at,
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


def load_uid_seed(connection: sa.Connection) -> str:
    """Load the ledger's random value from which the UIDs of new calendar entries are made.

    32 hex digits. With it no one can work out a person's UID from their address, and forge a
    calendar's answer. It is made with the ledger, by a migration, and never changes. UIDs
    themselves are stored with each delivery.
    """
    return str(connection.execute(sa.select(uid_seeds.c.seed)).scalar_one())
