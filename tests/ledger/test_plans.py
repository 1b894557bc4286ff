"""The queries that run for every message, or over the whole history, are answered from an index."""

import pytest
import sqlalchemy as sa

from onboarding.ledger import deliveries, events, mailboxes, operator_actions, sessions
from onboarding.ledger.schema import HELD, REAL
from onboarding.model.deliveries import State, Transition
from tests.ledger.making import (
    ADA,
    GRACE,
    LATE,
    NOW,
    RUN,
    claimed,
    order,
    queue,
    record,
    seen,
    sending,
)


@pytest.fixture
def filled(connection):
    """A ledger with some messages; SQLite plans by the indexes alone, as it does in a user's ledger."""
    place = seen(connection)
    queue(connection, place, *(order(f"person{number}@example.com") for number in range(20)))
    return connection, place


def _plans(connection: sa.Connection, statement, *args) -> list[str]:
    """Run a statement; returns how SQLite looked up each table that it read. `rows` are a batch's own."""
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(_c, _cursor, sql, parameters, _context, _many):
        asked.append((sql, parameters))

    sa.event.listen(connection, "before_cursor_execute", note)
    statement(connection, *args)
    sa.event.remove(connection, "before_cursor_execute", note)
    steps: list[str] = []
    for sql, parameters in asked:
        steps += [
            row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
        ]
    return steps


def _sending(connection, place):
    delivery = claimed(connection, place)
    sending(connection, delivery, RUN, NOW)
    record(connection, delivery, RUN, Transition(State.SENT), NOW)


CASES = {
    "claim": lambda c, place: deliveries.claim(c, place, RUN, NOW, 5),
    "sending and record": _sending,
    "give back": lambda c, _: deliveries.release_claims(c, RUN),
    "take over": lambda c, place: deliveries.recover_stalled(c, place, NOW),
    "expire": lambda c, place: deliveries.expire_overdue(c, place, LATE),
    "withdraw": lambda c, place: deliveries.cancel_for_removed(c, place, [ADA, GRACE], NOW),
    "next due": deliveries.find_next_due,
    "mailboxes": mailboxes.load_mailboxes,
    "standings": deliveries.list_deliveries,
    "enqueue": lambda c, place: queue(c, place, order()),
    "resend": lambda c, place: operator_actions.resolve_resend(c, place, [ADA], NOW),
    "retry": lambda c, place: operator_actions.retry_unsent(c, place, None, NOW),
    "history": lambda c, _: events.list_events(c, "person1@example.com"),
    "problems": sessions.list_problems,
    "end of a run": lambda c, place: sessions.finish_run(c, place, [], 4, NOW),
    "forgetting": lambda c, place: c.exec_driver_sql(
        "DELETE FROM events WHERE session = ?", (place,)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_no_table_is_read_through_by(filled, name):
    steps = _plans(filled[0], CASES[name], filled[1])

    assert [
        step for step in steps if step.startswith("SCAN") and not step.startswith("SCAN rows ")
    ] == []
    assert [step for step in steps if step.startswith("SEARCH")] != []


def test_claim_reads_the_due_messages_in_their_order(filled):
    steps = _plans(filled[0], CASES["claim"], filled[1])

    assert (
        steps[0]
        == "SEARCH deliveries USING INDEX ix_deliveries_due (session=? AND state=? AND due_at<?)"
    )
    assert not steps[1].startswith("USE TEMP B-TREE")


def test_conditions_of_partial_indexes_need_no_planning_at_each_run():
    """A parameter in their place costs three times as much: SQLite plans anew for its value."""
    assert [str(REAL), str(HELD)] == ["deliveries.rehearsal_to = ''", "deliveries.holder != ''"]
