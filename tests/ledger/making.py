"""Fictional sessions, people and messages, and the ways of a delivery into each of its states."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from onboarding.ledger import (
    claims,
    deliveries,
    mailboxes,
    migrations,
    new_deliveries,
    sessions,
    transitions,
)
from onboarding.ledger.new_deliveries import NewDelivery
from onboarding.ledger.places import LedgerPlace
from onboarding.ledger.schema import deliveries as table
from onboarding.ledger.schema import events as history
from onboarding.ledger.sqlite import open_engine
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Delivery, Mailbox, Reply, State, Transition
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import Facts, Session, SessionKey
from tests import samples
from tests.samples import NOW, START

MINUTE = timedelta(minutes=1)
LATE = START + timedelta(hours=1)
ADA, GRACE, LIN = "Ada@example.com", "grace@example.com", "lin@example.com"
RUN = "run-1"
TAKEN = Reply(250, "2.0.0 queued as 4ABC", "2.0.0", "4ABC")


def as_setting(place: LedgerPlace) -> str:
    """The place as `[ledger] database` names it."""
    return f"sqlite:///{place}" if isinstance(place, Path) else str(place)


def session(number: int = 1, start: datetime = START) -> Session:
    return replace(
        samples.SPRING_LAUNCH,
        key=SessionKey(samples.SERVER, "webinar-1", f"session-{number}"),
        start=start,
    )


def seen(connection: sa.Connection, number: int = 1, start: datetime = START) -> int:
    return sessions.upsert(connection, session(number, start))


def invitee(email: str = ADA, **changes) -> Invitee:
    return samples.ADA.as_invitee(**{"email": email, "language": "de"} | changes)


def facts(link: str = "f1") -> Facts:
    return Facts(link, Role.PANELIST, START, timedelta(hours=1))


def order(email: str = ADA, number: int = 1, **changes) -> NewDelivery:
    made = NewDelivery(
        email=email,
        name="Ada Lovelace",
        kind=Kind.INVITATION,
        number=number,
        message_id=f"<{number}.{email}>",
        facts=facts(),
        due_at=NOW,
        expires_at=LATE,
    )
    return replace(made, **changes)


def queue(
    connection: sa.Connection, session_row: int, *orders: NewDelivery, now: datetime = NOW
) -> None:
    new_deliveries.enqueue(connection, session_row, orders, now)


def claimed(
    connection: sa.Connection, session_row: int, holder: str = RUN, now: datetime = NOW
) -> Delivery:
    (delivery,) = claims.claim(connection, session_row, holder, now, 1)
    return delivery


def sending(connection: sa.Connection, delivery: Delivery, holder: str, now: datetime) -> bool:
    """Cross the point of no return with a message."""
    return transitions.write_transitions(
        connection, [transitions.start_sending(delivery, holder, now)]
    )[0]


def record(
    connection: sa.Connection,
    delivery: Delivery,
    holder: str,
    transition: Transition,
    now: datetime,
) -> bool:
    """Record what became of a message."""
    return transitions.write_transitions(
        connection, [transitions.record_outcome(delivery, holder, transition, now)]
    )[0]


def requeue_last(connection: sa.Connection, delivery: Delivery, holder: str, now: datetime) -> bool:
    """The server refused us in reply to a message."""
    return transitions.write_transitions(
        connection,
        [transitions.requeue_last(delivery, holder, "not now, says the server to us", now)],
    )[0]


def offered(
    connection: sa.Connection,
    session_row: int,
    transition: Transition,
    email: str = ADA,
    number: int = 1,
) -> None:
    """Queue a message, bring it to `sending` and record what became of it."""
    queue(connection, session_row, order(email, number))
    delivery = claimed(connection, session_row)
    assert sending(connection, delivery, RUN, NOW)
    assert record(connection, delivery, RUN, transition, NOW)


def reach(connection: sa.Connection, session_row: int, state: State) -> Delivery:
    """Bring Ada's first message into a state, by the steps that lead there in real life."""
    if state is State.RECORDED:
        new_deliveries.record_told(connection, session_row, [order()], "Grace", NOW)
        return the_one(connection)
    queue(connection, session_row, order())
    match state:
        case State.QUEUED:
            return the_one(connection)
        case State.SUPERSEDED:
            queue(connection, session_row, order(number=2))
            deliveries.cancel_for_removed(connection, session_row, [ADA], NOW)
        case State.EXPIRED:
            deliveries.expire_overdue(connection, session_row, LATE)
        case State.CANCELLED:
            deliveries.cancel_for_removed(connection, session_row, [ADA], NOW)
        case State.SENDING:
            sending(connection, claimed(connection, session_row), RUN, NOW)
        case State.BOUNCED:
            _settled(connection, session_row, State.SENT)
            connection.execute(table.update().values(state=State.BOUNCED))
        case _:
            _settled(connection, session_row, state)
    return the_one(connection)


def _settled(connection: sa.Connection, session_row: int, state: State) -> None:
    delivery = claimed(connection, session_row)
    sending(connection, delivery, RUN, NOW)
    assert record(connection, delivery, RUN, Transition(state), NOW)


def the_one(connection: sa.Connection, number: int = 1) -> Delivery:
    row = (
        connection.execute(deliveries.select_deliveries(table.c.number == number)).mappings().one()
    )
    return deliveries.build_delivery(row)


def state_of(connection: sa.Connection, number: int = 1, email: str = ADA) -> State:
    where = (
        table.c.number == number,
        table.c.key == address_key(email),
        table.c.rehearsal_to == "",
    )
    return State(connection.execute(sa.select(table.c.state).where(*where)).scalar_one())


def in_doubt(connection: sa.Connection, session_row: int) -> list[deliveries.DeliveryRecord]:
    return [
        row
        for row in deliveries.list_deliveries(connection, session_row)
        if row.delivery.state is State.IN_DOUBT
    ]


def happened(connection: sa.Connection) -> list[tuple[str, str]]:
    return [
        tuple(row)
        for row in connection.execute(sa.select(history.c.what, history.c.detail).order_by("id"))
    ]


def mailbox(connection: sa.Connection, session_row: int, email: str = ADA) -> Mailbox:
    return mailboxes.load_mailboxes(connection, session_row)[address_key(email)]


def migrate_to(connection: sa.Connection, revision: str) -> None:
    """Make the tables as the version with this revision made them."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    command.upgrade(config, revision)


def make_old_ledger(path: Path, revision: str) -> None:
    """Make a ledger of an older version, with one session."""
    engine = open_engine(path, 1.0)
    with engine.begin() as connection:
        migrate_to(connection, revision)
        connection.exec_driver_sql(
            "INSERT INTO sessions (server, webinar_id, session_id, start, duration)"
            " VALUES ('s', '1', '1', '2026-12-01 09:00:00.000000', 1)"
        )
    engine.dispose()
