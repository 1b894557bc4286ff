"""What a mailbox holds, derived from its deliveries; rehearsals never count."""

import pytest

from onboarding.ledger import claims, deliveries, mailboxes, new_deliveries
from onboarding.model.deliveries import Mailbox, State, Transition
from onboarding.model.kinds import Kind
from tests.ledger.making import (
    ADA,
    GRACE,
    LATE,
    NOW,
    RUN,
    claimed,
    facts,
    happened,
    mailbox,
    order,
    queue,
    reach,
    record,
    seen,
    sending,
    state_of,
    the_one,
)


def _send(connection, session_row, number: int, **changes) -> None:
    queue(connection, session_row, order(number=number, **changes))
    delivery = claimed(connection, session_row)
    sending(connection, delivery, RUN, NOW)
    record(connection, delivery, RUN, Transition(State.SENT), NOW)


@pytest.mark.parametrize("state", [state for state in State if state is not State.SUPERSEDED])
def test_mailbox_was_told_only_what_was_sent_or_recorded_as_told(connection, session_row, state):
    reach(connection, session_row, state)

    told = facts() if state in {State.SENT, State.RECORDED} else None
    # A bounced invitation had left us, so it counts as one that entries may follow.
    is_invited = state in {State.SENT, State.RECORDED, State.BOUNCED}
    expected = Mailbox(told, the_one(connection), 1, NOW if is_invited else None)
    assert mailbox(connection, session_row) == expected


def test_mailbox_without_any_message_is_not_listed(connection, session_row):
    assert mailboxes.load_mailboxes(connection, session_row) == {}


def test_superseded_message_is_counted_and_never_the_last(connection, session_row):
    _send(connection, session_row, 1)
    queue(connection, session_row, order(number=2, facts=facts("f2")))
    queue(connection, session_row, order(number=3, facts=facts("f3")))

    box = mailbox(connection, session_row)

    assert (box.facts, box.last.number, box.messages) == (facts("f1"), 3, 3)


def test_mailbox_holds_the_facts_of_the_last_message_sent(connection, session_row):
    _send(connection, session_row, 1)
    _send(connection, session_row, 2, kind=Kind.UPDATE, facts=facts("f2"))

    assert mailbox(connection, session_row).facts == facts("f2")


def test_cancelled_person_holds_nothing(connection, session_row):
    _send(connection, session_row, 1)
    _send(connection, session_row, 2, kind=Kind.CANCELLATION)

    assert mailbox(connection, session_row).facts is None


def test_failed_update_leaves_the_facts_told_before(connection, session_row):
    _send(connection, session_row, 1)
    queue(connection, session_row, order(number=2, facts=facts("f2")))
    deliveries.expire_overdue(connection, session_row, LATE)

    box = mailbox(connection, session_row)
    assert (box.facts, box.last.state) == (facts("f1"), State.EXPIRED)


def test_rehearsals_never_count(connection, session_row):
    queue(connection, session_row, order(rehearsal_to="me@example.com"))
    (delivery,) = claims.claim(connection, session_row, RUN, NOW, 1, rehearsal=True)
    sending(connection, delivery, RUN, NOW)
    record(connection, delivery, RUN, Transition(State.SENT), NOW)

    assert mailboxes.load_mailboxes(connection, session_row) == {}
    assert list(deliveries.list_deliveries(connection, session_row)) == []


def test_rehearsal_supersedes_nothing(connection, session_row):
    queue(connection, session_row, order())
    queue(connection, session_row, order(number=2, rehearsal_to="me@example.com"))

    assert mailbox(connection, session_row).last.state is State.QUEUED


def test_mailboxes_are_of_one_session_and_by_address_key(connection, session_row):
    queue(connection, session_row, order(ADA), order(GRACE))
    queue(connection, seen(connection, 2), order("lin@example.com"))

    assert set(mailboxes.load_mailboxes(connection, session_row)) == {"ada@example.com", GRACE}


def test_standings_come_in_the_order_in_which_they_were_queued(connection, session_row):
    queue(connection, session_row, order(GRACE), order(ADA))

    assert [
        record.delivery.email for record in deliveries.list_deliveries(connection, session_row)
    ] == [
        GRACE,
        ADA,
    ]


def test_what_is_recorded_as_told_is_history_and_replaces_what_was_queued(connection, session_row):
    queue(connection, session_row, order())
    new_deliveries.record_told(connection, session_row, [order(number=2)], "Grace", NOW)

    assert state_of(connection, 1) is State.SUPERSEDED
    assert state_of(connection, 2) is State.RECORDED
    assert happened(connection) == [
        ("queued", "invitation"),
        ("superseded", "recorded as told"),
        ("recorded", "invitation: as told, not sent from here (by Grace)"),
    ]
    (record_of_ada,) = [
        shown
        for shown in deliveries.list_deliveries(connection, session_row)
        if shown.delivery.state is State.RECORDED
    ]
    assert record_of_ada.reason == "as told, not sent from here (by Grace)"


def test_entry_keeps_its_uid_and_counts_what_may_have_arrived(connection, session_row):
    _send(connection, session_row, 1, uid="a@old.example", sequence=0)
    _send(connection, session_row, 2, uid="a@old.example", sequence=1)
    # queued only: no mailbox can hold it
    queue(connection, session_row, order(number=3, uid="b@new.example", sequence=2))

    box = mailbox(connection, session_row)

    assert (box.uid, box.sequence, box.next_sequence) == ("a@old.example", 1, 2)


@pytest.mark.parametrize(
    ("state", "sequence"),
    [
        (state, 4 if state in {State.SENDING, State.SENT, State.IN_DOUBT} else None)
        for state in State
    ],
)
def test_version_counts_once_it_may_have_arrived(connection, session_row, state, sequence):
    reach(connection, session_row, state)
    connection.exec_driver_sql("UPDATE deliveries SET uid = 'a@example', sequence = 4")

    box = mailbox(connection, session_row)

    # Bounced: returned by a later server, which may have delivered a copy as well.
    expected = 4 if state is State.BOUNCED else sequence
    assert box.sequence == expected
    assert box.next_sequence == (0 if expected is None else 5)
