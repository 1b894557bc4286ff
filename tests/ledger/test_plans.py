"""The queries that run for every message, or over the whole history, are answered from an index."""

import pytest
import sqlalchemy as sa

from onboarding.ledger import (
    claims,
    deliveries,
    events,
    mailboxes,
    operator_actions,
    registrations,
    roster_rows,
    sessions,
    sql,
)
from onboarding.ledger.schema import HELD, REAL
from onboarding.model.accounts import AccountKey
from onboarding.model.deliveries import State, Transition
from tests.ledger.making import (
    ADA,
    GRACE,
    LATE,
    MINUTE,
    NOW,
    RUN,
    claimed,
    order,
    queue,
    record,
    seen,
    sending,
)
from tests.samples import SERVER


@pytest.fixture
def filled(connection):
    """A ledger with messages. SQLite plans by the indexes alone, as it does in a user's ledger.

    PostgreSQL would read so small a table through, so it is asked what it does where it can avoid
    that.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    session_row = seen(connection)
    queue(connection, session_row, *(order(f"person{number}@example.com") for number in range(20)))
    return connection, session_row


EXPLAIN = {"sqlite": ("EXPLAIN QUERY PLAN", 3), "postgresql": ("EXPLAIN", 0)}
"""How each database is asked for its plan, and the place of a step in a row of the answer."""


def _plans(connection: sa.Connection, statement, *args) -> list[str]:
    """Run a statement; returns how each table was looked up. `rows` are those of a batch."""
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(_c, _cursor, asked_now, parameters, _context, _many):
        asked.append((asked_now, parameters))

    sa.event.listen(connection, "before_cursor_execute", note)
    statement(connection, *args)
    sa.event.remove(connection, "before_cursor_execute", note)
    steps: list[str] = []
    explain, place = EXPLAIN[connection.dialect.name]
    for words, parameters in asked:
        steps += [
            row[place] for row in connection.exec_driver_sql(f"{explain} {words}", parameters)
        ]
    return steps


def _sending(connection, session_row):
    delivery = claimed(connection, session_row)
    sending(connection, delivery, RUN, NOW)
    record(connection, delivery, RUN, Transition(State.SENT), NOW)


CASES = {
    "claim": lambda c, session_row: claims.claim(c, session_row, RUN, NOW, 5),
    "sending and record": _sending,
    "give back": lambda c, _: claims.release_claims(c, RUN),
    "take over": lambda c, session_row: (
        claimed(c, session_row),
        claims.recover_stalled(c, session_row, NOW),
    ),
    "expire": lambda c, session_row: deliveries.expire_overdue(c, session_row, LATE),
    "withdraw": lambda c, session_row: deliveries.cancel_for_removed(
        c, session_row, [ADA, GRACE], NOW
    ),
    "next due": deliveries.find_next_due,
    "mailboxes": mailboxes.load_mailboxes,
    "standings": deliveries.list_deliveries,
    "enqueue": lambda c, session_row: queue(c, session_row, order()),
    "resend": lambda c, session_row: operator_actions.resolve_resend(
        c, session_row, [ADA], "Mia", NOW
    ),
    "retry": lambda c, session_row: operator_actions.retry_unsent(c, session_row, None, "Mia", NOW),
    "history": lambda c, _: events.list_events(c, "person1@example.com"),
    "history of a webinar": lambda c, _: events.list_session_events(c, AccountKey(SERVER), "1", ""),
    "problems": sessions.list_problems,
    "roster": roster_rows.load_roster,
    "registered at": registrations.list_registered_at,
    "end of a run": lambda c, session_row: sessions.record_run_end(c, session_row, [], 4, NOW),
    "forgetting": lambda c, session_row: c.exec_driver_sql(
        f"DELETE FROM events WHERE session = {sql.mark(c.dialect)}", (session_row,)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_no_table_is_read_through_by(filled, name):
    steps = _plans(filled[0], CASES[name], filled[1])

    # Leases are as many as there are runs at work; a claim has found the oldest in an index.
    small = ("SCAN rows ", "SCAN oldest", "SCAN leases", "Seq Scan on leases")
    read_through = [step.strip(" ->") for step in steps if "SCAN " in step or "Seq Scan" in step]
    assert [step for step in read_through if not step.startswith(small)] == []
    assert [step for step in steps if step.startswith("SEARCH") or "Index" in step] != []


DUE_FIRST = {
    "sqlite": "ix_deliveries_due (session=? AND state=? AND due_at<?)",
    "postgresql": "Presorted Key: deliveries_1.due_at\n"
    "                      ->  Index Scan using ix_deliveries_due on deliveries deliveries_1",
}
"""What a plan says that takes the messages from the index by which they are due."""


def test_claim_reads_only_what_is_due_and_in_its_order(connection):
    session_row = seen(connection)
    later = [
        order(f"later{number}@example.com", due_at=LATE, expires_at=LATE + MINUTE)
        for number in range(2000)
    ]
    queue(connection, session_row, *later, *(order(f"now{number}@example.com") for number in "abc"))
    if connection.dialect.name == "postgresql":
        # As autovacuum does. With these figures, this index is certainly the cheapest.
        connection.exec_driver_sql("ANALYZE deliveries")
    steps = _plans(connection, CASES["claim"], session_row)

    assert DUE_FIRST[connection.dialect.name] in "\n".join(steps)
    assert [step for step in steps if "B-TREE" in step or "Seq Scan on deliveries" in step] == []


def test_conditions_of_partial_indexes_need_no_planning_at_each_run():
    """A parameter in their place costs three times as much: SQLite plans again for its value."""
    assert [str(REAL), str(HELD)] == ["deliveries.rehearsal_to = ''", "deliveries.holder != ''"]
