"""The ledger and the schedule: what was seen, what was skipped, and that no entry comes twice."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from onboarding.ledger import deliveries, entries, mailboxes, operator_actions
from onboarding.ledger.entries import SkippedEntry
from onboarding.ledger.schema import events
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import UNDER_WAY, State
from onboarding.model.kinds import Kind
from tests.ledger.making import ADA, facts, mailbox, order, queue
from tests.samples import NOW, START

HOUR = timedelta(hours=1)


def reminder(number: int, entry: str = "reminder", **changes):
    return order(number=number, kind=Kind.SCHEDULED, **changes, entry=entry)


def states(connection) -> list[State]:
    rows = connection.execute(sa.text("SELECT state FROM deliveries ORDER BY id"))
    return [State(state) for state in rows.scalars()]


def move_all(connection, state: State) -> None:
    connection.execute(sa.text(f"UPDATE deliveries SET state = '{state}'"))


def test_an_entry_is_first_seen_once_for_each_start(connection, session_row):
    later = START + HOUR
    entries.record_seen(connection, session_row, ["a", "b"], START, NOW)
    entries.record_seen(connection, session_row, ["a"], START, NOW + HOUR)
    entries.record_seen(connection, session_row, ["a"], later, NOW + HOUR)
    assert entries.load_seen(connection, session_row) == {
        "a": {START: NOW, later: NOW + HOUR},
        "b": {START: NOW},
    }


def test_a_skipped_entry_has_one_event_and_counts_as_had(connection, session_row):
    queue(connection, session_row, order())
    skipped = SkippedEntry(address_key(ADA), "reminder", START, "too late")
    for _again in range(2):
        entries.record_skipped(connection, session_row, [skipped], NOW)
    told = connection.execute(
        sa.select(events.c.key, events.c.detail).where(events.c.what == "skipped")
    ).all()
    assert told == [(address_key(ADA), "reminder: too late")]
    assert mailbox(connection, session_row).entries == {"reminder": (START,)}


def test_what_a_clock_that_was_ahead_missed_counts_only_once_it_is_missed(connection, session_row):
    queue(connection, session_row, order())
    skipped = SkippedEntry(address_key(ADA), "reminder", START, "too late")
    entries.record_skipped(connection, session_row, [skipped], NOW + HOUR)

    def missed(now):
        return mailboxes.load_mailboxes(connection, session_row, now)[address_key(ADA)].entries

    assert missed(NOW) == {}
    entries.record_skipped(connection, session_row, [skipped], NOW)
    assert missed(NOW) == {"reminder": (START,)}


def test_a_scheduled_message_and_one_with_facts_are_under_way_side_by_side(connection, session_row):
    queue(connection, session_row, order(number=1))
    queue(connection, session_row, reminder(2))
    queue(connection, session_row, order(number=3, facts=facts("f2")))
    assert states(connection) == [State.SUPERSEDED, State.QUEUED, State.QUEUED]


@pytest.mark.parametrize("state", sorted({*State} - {State.SUPERSEDED} - UNDER_WAY))
def test_an_entry_comes_once_to_a_person_for_one_start(connection, session_row, state):
    queue(connection, session_row, reminder(1))
    move_all(connection, state)
    with pytest.raises(sa.exc.IntegrityError):
        queue(connection, session_row, reminder(2))


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_an_entry_that_is_under_way_is_not_queued_a_second_time(connection, session_row, state):
    queue(connection, session_row, reminder(1))
    move_all(connection, state)
    queue(connection, session_row, reminder(2))
    assert states(connection) == [state]


def test_one_that_was_superseded_may_be_queued_again(connection, session_row):
    queue(connection, session_row, reminder(1))
    move_all(connection, State.SUPERSEDED)
    assert mailbox(connection, session_row).entries == {}
    queue(connection, session_row, reminder(2))
    queue(connection, session_row, reminder(3, "other"))
    assert set(mailbox(connection, session_row).entries) == {"reminder", "other"}


def test_another_start_is_another_occasion(connection, session_row):
    queue(connection, session_row, reminder(1))
    move_all(connection, State.SENT)
    moved = replace(facts(), start=START + timedelta(days=1))
    queue(connection, session_row, reminder(2, facts=moved))
    assert mailbox(connection, session_row).entries == {"reminder": (START, moved.start)}


def test_rehearsals_are_not_counted(connection, session_row):
    for number in (1, 2):
        queue(connection, session_row, reminder(number, rehearsal_to="me@example.com"))
    queue(connection, session_row, reminder(1))
    assert mailbox(connection, session_row).messages == 1


def test_a_scheduled_message_does_not_count_as_newer(connection, session_row):
    """A person retries an invitation that was refused, although a reminder has left since."""
    queue(connection, session_row, order(number=1))
    move_all(connection, State.REJECTED)
    queue(connection, session_row, reminder(2))
    done = operator_actions.retry_unsent(connection, session_row, None, "Mia", NOW)
    assert len(done) == 1
    assert states(connection) == [State.QUEUED, State.QUEUED]


def test_one_that_comes_too_late_needs_no_person(connection, session_row):
    queue(connection, session_row, order(number=1, expires_at=NOW + HOUR))
    queue(connection, session_row, reminder(2, expires_at=NOW + HOUR))
    assert deliveries.expire_overdue(connection, session_row, NOW + HOUR) == 2
    assert states(connection) == [State.EXPIRED, State.SUPERSEDED]
