"""Second copies that a person asks for, sessions called off, replacements: as guarded writes."""

import pytest

from onboarding.ledger import (
    call_offs,
    events,
    new_deliveries,
    operator_actions,
    registrations,
    replacements,
)
from onboarding.ledger.schema import deliveries
from onboarding.model.deliveries import State, Transition
from onboarding.model.kinds import Kind
from onboarding.model.registrations import Standing
from onboarding.model.sessions import CallOff
from tests.ledger.making import (
    ADA,
    GRACE,
    MINUTE,
    NOW,
    happened,
    invitee,
    mailbox,
    offered,
    order,
    queue,
    seen,
    state_of,
    the_one,
)

KEY = ADA.lower()
SENT, REJECTED = Transition(State.SENT), Transition(State.REJECTED)


def resent(connection, session_row, number=2, latest=1, **changes):
    new = [order(number=number, **changes)]
    return operator_actions.queue_resends(
        connection, session_row, new, {KEY: latest}, "Mia", "asked by phone", NOW
    )


def test_second_copy_is_queued_with_the_act_in_the_history(connection, session_row):
    offered(connection, session_row, SENT)

    assert resent(connection, session_row) == [KEY]

    assert (state_of(connection, 1), state_of(connection, 2)) == (State.SENT, State.QUEUED)
    assert happened(connection)[-2:] == [
        ("queued", "invitation"),
        ("resend", "by Mia: asked by phone"),
    ]


@pytest.mark.parametrize("latest", [0, 2])
def test_second_copy_is_not_queued_beside_a_message_that_came_meanwhile(
    connection, session_row, latest
):
    offered(connection, session_row, SENT)
    before = happened(connection)

    assert resent(connection, session_row, latest=latest) == []
    assert (happened(connection), mailbox(connection, session_row).messages) == (before, 1)


@pytest.mark.parametrize("state", [State.IN_DOUBT, State.SENDING])
def test_second_copy_is_not_queued_while_the_first_may_be_on_its_way(
    connection, session_row, state
):
    offered(connection, session_row, Transition(State.IN_DOUBT))
    if state is State.SENDING:
        connection.exec_driver_sql("UPDATE deliveries SET state = 'sending'")

    assert resent(connection, session_row) == []
    assert state_of(connection) is state


def test_second_copy_for_one_person_is_queued_though_another_is_refused(connection, session_row):
    offered(connection, session_row, SENT)
    offered(connection, session_row, Transition(State.IN_DOUBT), GRACE)
    new = [order(number=2), order(GRACE, number=2)]

    assert operator_actions.queue_resends(
        connection, session_row, new, {KEY: 1, GRACE: 1}, "Mia", "", NOW
    ) == [KEY]


def test_queued_message_is_released_and_stays_the_same(connection, session_row):
    queue(connection, session_row, order(due_at=NOW + 10 * MINUTE))

    released = operator_actions.release_queued(connection, session_row, [ADA], "Mia", "", NOW)

    assert released == [KEY]
    assert (the_one(connection).due_at, the_one(connection).number) == (NOW, 1)
    assert happened(connection) == [("queued", "invitation"), ("resend", "by Mia")]


def test_nothing_is_released_for_a_person_without_a_queued_message(connection, session_row):
    offered(connection, session_row, SENT)

    assert operator_actions.release_queued(connection, session_row, [ADA], "Mia", "", NOW) == []
    assert ("resend", "by Mia") not in happened(connection)


def test_call_off_supersedes_what_is_queued_but_for_cancellations(connection, session_row):
    queue(connection, session_row, order(), order(GRACE, kind=Kind.CANCELLATION))

    call_offs.record_call_off(connection, session_row, "Mia", NOW)

    assert state_of(connection) is State.SUPERSEDED
    assert state_of(connection, email=GRACE) is State.QUEUED
    assert call_offs.load_call_off(connection, session_row) == CallOff(NOW, "Mia")
    (act,) = events.list_events(connection, events.WHOLE_SESSION)
    assert (act.what, act.detail) == ("call-off", "by Mia")


def test_second_call_off_keeps_the_first_persons_name(connection, session_row):
    call_offs.record_call_off(connection, session_row, "Mia", NOW)
    call_offs.record_call_off(connection, session_row, "Tom", NOW + MINUTE)

    assert call_offs.load_call_off(connection, session_row) == CallOff(NOW, "Mia")
    assert len(events.list_events(connection, events.WHOLE_SESSION)) == 1


def test_call_off_is_one_sessions_only(connection, session_row):
    other = seen(connection, 2)
    queue(connection, other, order())

    call_offs.record_call_off(connection, session_row, "Mia", NOW)

    assert (state_of(connection), call_offs.load_call_off(connection, other)) == (
        State.QUEUED,
        None,
    )


@pytest.mark.parametrize(
    ("kind", "state"), [(Kind.INVITATION, State.REJECTED), (Kind.CANCELLATION, State.QUEUED)]
)
def test_retry_queues_only_cancellations_of_a_session_that_is_called_off(
    connection, session_row, kind, state
):
    offered(connection, session_row, REJECTED)
    connection.execute(deliveries.update().values(kind=kind))
    call_offs.record_call_off(connection, session_row, "Mia", NOW)

    operator_actions.retry_unsent(connection, session_row, [ADA], "Mia", NOW)

    assert state_of(connection) is state


def test_undo_supersedes_waiting_cancellations_but_those_of_people_who_were_removed(
    connection, session_row
):
    registrations.set_standing(connection, session_row, [invitee(GRACE)], Standing.REMOVED, NOW)
    cancelled = {"kind": Kind.CANCELLATION}
    queue(connection, session_row, order(**cancelled), order(GRACE, **cancelled))
    call_offs.record_call_off(connection, session_row, "Mia", NOW)

    assert call_offs.remove_call_off(connection, session_row, "Mia", NOW)

    assert state_of(connection) is State.SUPERSEDED
    assert state_of(connection, email=GRACE) is State.QUEUED
    assert call_offs.load_call_off(connection, session_row) is None
    assert not call_offs.remove_call_off(connection, session_row, "Mia", NOW)


def test_replacement_is_known_until_it_is_done(connection, session_row):
    replacements.record_replacement(connection, session_row, KEY, GRACE, "Mia", NOW)
    assert replacements.load_replacements(connection, session_row) == {KEY: GRACE}
    assert replacements.load_replacements(connection, seen(connection, 2)) == {}

    replacements.record_replacement(connection, session_row, KEY, "lin@example.com", "Mia", NOW)
    assert replacements.load_replacements(connection, session_row) == {KEY: "lin@example.com"}

    replacements.remove_replacements(connection, session_row, [GRACE])
    assert replacements.load_replacements(connection, session_row) == {KEY: "lin@example.com"}
    replacements.remove_replacements(connection, session_row, [KEY])
    assert replacements.load_replacements(connection, session_row) == {}


def test_history_of_a_replacement_names_no_other_person(connection, session_row):
    replacements.record_replacement(connection, session_row, KEY, GRACE, "Mia", NOW)

    (old,), (new,) = (events.list_events(connection, key) for key in (KEY, GRACE))
    assert (old.what, old.detail) == ("replace", "by Mia: another person takes their place")
    assert (new.what, new.detail) == ("replace", "by Mia: takes another person's place")


def test_what_a_sender_has_just_begun_is_not_queued_again_and_not_said_to_be(
    connection, session_row
):
    """A sender needs no lease: it may begin a message after a person's request was looked at."""
    offered(connection, session_row, Transition(State.IN_DOUBT))
    connection.exec_driver_sql("UPDATE deliveries SET state = 'sending'")
    new = [order(number=2), order(GRACE)]

    assert new_deliveries.enqueue(connection, session_row, new, NOW) == new[1:]
