"""What only a person decides: doubts settled, messages tried again, messages called off."""

import pytest

from onboarding.ledger import claims, deliveries, operator_actions
from onboarding.model.deliveries import Deferred, RetryPolicy, State, Transition, settle
from tests.ledger.making import (
    ADA,
    GRACE,
    LATE,
    MINUTE,
    NOW,
    RUN,
    claimed,
    facts,
    happened,
    in_doubt,
    mailbox,
    offered,
    order,
    queue,
    reach,
    record,
    seen,
    sending,
    state_of,
    the_one,
)

DOUBT = Transition(State.IN_DOUBT, "the line was lost after the final dot")
REQUEUING = {
    State.IN_DOUBT: operator_actions.resolve_resend,
    State.FAILED: operator_actions.retry_unsent,
    State.REJECTED: operator_actions.retry_unsent,
}


def test_in_doubt_lists_message_id_time_and_reason(connection, session_row):
    offered(connection, session_row, DOUBT)
    offered(connection, session_row, Transition(State.SENT), GRACE)

    (record,) = in_doubt(connection, session_row)

    assert (record.delivery.email, record.delivery.message_id, record.at, record.reason) == (
        ADA,
        f"<1.{ADA}>",
        NOW,
        DOUBT.reason,
    )


def test_in_doubt_leaves_rehearsals_and_other_sessions_aside(connection, session_row):
    offered(connection, seen(connection, 2), DOUBT)
    queue(connection, session_row, order(rehearsal_to="me@example.com"))
    (delivery,) = claims.claim(connection, session_row, RUN, NOW, 1, rehearsal=True)
    sending(connection, delivery, RUN, NOW)
    record(connection, delivery, RUN, DOUBT, NOW)

    assert list(in_doubt(connection, session_row)) == []


def test_resolved_as_sent_means_that_the_mailbox_holds_its_facts(connection, session_row):
    offered(connection, session_row, DOUBT)

    assert operator_actions.resolve_sent(connection, session_row, None, "Mia", NOW + MINUTE) == [
        "ada@example.com"
    ]

    assert mailbox(connection, session_row).facts == facts()
    assert happened(connection)[-1] == ("sent", "by Mia: a person found that it was sent")


def test_resend_keeps_the_message_id_and_is_due_at_once(connection, session_row):
    offered(connection, session_row, DOUBT)
    before = the_one(connection)

    assert operator_actions.resolve_resend(connection, session_row, None, "Mia", NOW + MINUTE) == [
        "ada@example.com"
    ]

    again = claimed(connection, session_row, now=NOW + MINUTE)
    assert (again.message_id, again.number, again.due_at) == (
        before.message_id,
        before.number,
        NOW + MINUTE,
    )
    assert happened(connection)[-1] == ("queued", "by Mia: a person asked to send it again")


@pytest.mark.parametrize("state", [State.FAILED, State.REJECTED])
def test_retry_starts_the_time_after_which_we_give_up_anew(connection, session_row, state):
    reach(connection, session_row, state)
    later = NOW + RetryPolicy().give_up_after

    operator_actions.retry_unsent(connection, session_row, None, "Mia", later)

    again = claimed(connection, session_row, now=later)
    after = settle(again, Deferred("not now"), RetryPolicy(), later, 0.5)
    assert (again.queued_at, again.due_at, after.state) == (later, later, State.QUEUED)
    assert happened(connection)[-1] == ("queued", "by Mia: a person asked to try again")


def test_retry_goes_on_counting_attempts(connection, session_row):
    reach(connection, session_row, State.FAILED)

    operator_actions.retry_unsent(connection, session_row, None, "Mia", NOW)

    assert the_one(connection).attempt == 1


@pytest.mark.parametrize("state", REQUEUING)
def test_message_of_no_more_use_is_not_queued_again(connection, session_row, state):
    reach(connection, session_row, state)

    assert list(REQUEUING[state](connection, session_row, None, "Mia", LATE)) == []

    assert state_of(connection) is state


@pytest.mark.parametrize("state", REQUEUING)
@pytest.mark.parametrize("newer", [State.QUEUED, State.SENT, State.FAILED, State.EXPIRED])
def test_message_is_not_queued_again_after_a_newer_one(connection, session_row, state, newer):
    reach(connection, session_row, state)
    if newer is State.QUEUED:
        queue(connection, session_row, order(number=2))
    elif newer is State.EXPIRED:
        queue(connection, session_row, order(number=2))
        deliveries.expire_overdue(connection, session_row, LATE)
    else:
        offered(connection, session_row, Transition(newer), number=2)

    REQUEUING[state](connection, session_row, None, "Mia", NOW)

    assert state_of(connection) is state


@pytest.mark.parametrize("state", REQUEUING)
def test_message_is_queued_again_where_the_newer_one_was_called_off(connection, session_row, state):
    reach(connection, session_row, state)
    queue(connection, session_row, order(number=2))
    operator_actions.cancel_queued(connection, session_row, None, "Mia", NOW)

    assert REQUEUING[state](connection, session_row, None, "Mia", NOW) == ["ada@example.com"]


@pytest.mark.parametrize(
    ("decide", "state"),
    [
        (operator_actions.resolve_sent, State.IN_DOUBT),
        (operator_actions.resolve_resend, State.IN_DOUBT),
        (operator_actions.retry_unsent, State.FAILED),
        (operator_actions.retry_unsent, State.REJECTED),
    ],
)
def test_decision_concerns_only_the_people_named(connection, session_row, decide, state):
    offered(connection, session_row, Transition(state), ADA)
    offered(connection, session_row, Transition(state), GRACE)

    assert decide(
        connection, session_row, ["ADA@Example.com", "nobody@example.com"], "Mia", NOW
    ) == ["ada@example.com"]

    assert state_of(connection, email=GRACE) is state


def test_cancelled_message_is_not_sent_even_if_leased(connection, session_row):
    queue(connection, session_row, order(ADA), order(GRACE))
    delivery = claimed(connection, session_row)

    assert operator_actions.cancel_queued(connection, session_row, [ADA], "Mia", NOW) == [
        "ada@example.com"
    ]

    assert not sending(connection, delivery, RUN, NOW)
    assert (state_of(connection), state_of(connection, email=GRACE)) == (
        State.CANCELLED,
        State.QUEUED,
    )
    assert happened(connection)[-1] == ("cancelled", "by Mia: cancelled by a person")


@pytest.mark.parametrize(
    "decide",
    [
        operator_actions.resolve_sent,
        operator_actions.resolve_resend,
        operator_actions.retry_unsent,
        operator_actions.cancel_queued,
    ],
)
def test_decision_leaves_other_sessions_and_rehearsals_alone(connection, session_row, decide):
    other = seen(connection, 2)
    for number, state in enumerate((State.IN_DOUBT, State.FAILED), 1):
        offered(connection, other, Transition(state), number=number)
    queue(connection, session_row, order(rehearsal_to="me@example.com"))

    assert list(decide(connection, session_row, None, "Mia", NOW)) == []
