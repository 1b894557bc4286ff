"""Every transition of a delivery: what is allowed from which state, and what a guard refuses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from onboarding.ledger import claims, deliveries, leases, operator_actions
from onboarding.ledger.leases import TERM
from onboarding.ledger.schema import deliveries as table
from onboarding.model.deliveries import Delivery, Reply, State, Transition
from onboarding.model.kinds import Kind
from tests.ledger.making import (
    ADA,
    GRACE,
    LATE,
    LIN,
    MINUTE,
    NOW,
    RUN,
    TAKEN,
    claimed,
    happened,
    order,
    queue,
    reach,
    record,
    requeue_last,
    seen,
    sending,
    state_of,
    the_one,
)

INSTANT = timedelta(microseconds=1)

Act = Callable[[sa.Connection, int, Delivery], object]


def _record(state: State) -> Act:
    return lambda c, _, delivery: record(c, delivery, RUN, Transition(state), NOW)


ACTS: dict[str, Act] = {
    "enqueue": lambda c, session_row, _: queue(c, session_row, order(number=3)),
    "sending": lambda c, _, delivery: sending(c, delivery, RUN, NOW),
    "record sent": _record(State.SENT),
    "record queued": _record(State.QUEUED),
    "record rejected": _record(State.REJECTED),
    "record failed": _record(State.FAILED),
    "record in doubt": _record(State.IN_DOUBT),
    "put last": lambda c, _, delivery: requeue_last(c, delivery, RUN, NOW),
    "take over": lambda c, session_row, _: claims.recover_stalled(c, session_row, NOW),
    "expire": lambda c, session_row, _: deliveries.expire_overdue(c, session_row, LATE),
    "withdraw": lambda c, session_row, _: deliveries.cancel_for_removed(c, session_row, [ADA], NOW),
    "give back": lambda c, _, __: claims.release_claims(c, RUN),
    "resolve sent": lambda c, session_row, _: operator_actions.resolve_sent(
        c, session_row, None, "Mia", NOW
    ),
    "resolve resend": lambda c, session_row, _: operator_actions.resolve_resend(
        c, session_row, None, "Mia", NOW
    ),
    "retry": lambda c, session_row, _: operator_actions.retry_unsent(
        c, session_row, None, "Mia", NOW
    ),
    "cancel": lambda c, session_row, _: operator_actions.cancel_queued(
        c, session_row, None, "Mia", NOW
    ),
    "cancel for one": lambda c, session_row, _: operator_actions.cancel_queued(
        c, session_row, [ADA], "Mia", NOW
    ),
}

ARROWS = {
    (State.QUEUED, "enqueue"): State.SUPERSEDED,
    (State.QUEUED, "expire"): State.EXPIRED,
    (State.QUEUED, "withdraw"): State.CANCELLED,
    (State.QUEUED, "cancel"): State.CANCELLED,
    (State.QUEUED, "cancel for one"): State.CANCELLED,
    (State.BOUNCED, "cancel for one"): State.CANCELLED,
    (State.SENDING, "put last"): State.QUEUED,
    (State.SENDING, "record sent"): State.SENT,
    (State.SENDING, "record queued"): State.QUEUED,
    (State.SENDING, "record rejected"): State.REJECTED,
    (State.SENDING, "record failed"): State.FAILED,
    (State.SENDING, "record in doubt"): State.IN_DOUBT,
    (State.SENDING, "take over"): State.IN_DOUBT,
    (State.IN_DOUBT, "resolve sent"): State.SENT,
    (State.IN_DOUBT, "resolve resend"): State.QUEUED,
    (State.REJECTED, "retry"): State.QUEUED,
    (State.REJECTED, "withdraw"): State.CANCELLED,
    (State.FAILED, "withdraw"): State.CANCELLED,
    (State.BOUNCED, "withdraw"): State.CANCELLED,
    (State.FAILED, "retry"): State.QUEUED,
}
"""Every arrow of the drawing in `model.deliveries`; all else moves nothing."""


CASES = tuple(product(State, ACTS))


@pytest.mark.parametrize(("state", "act"), CASES)
def test_delivery_moves_only_along_an_arrow(connection, session_row, state, act):
    delivery = replace(reach(connection, session_row, state), attempt=0)

    ACTS[act](connection, session_row, delivery)

    assert state_of(connection) is ARROWS.get((state, act), state)


@pytest.mark.parametrize(("state", "act"), CASES)
def test_history_gains_one_event_for_each_move_and_none_without(
    connection, session_row, state, act
):
    delivery = replace(reach(connection, session_row, state), attempt=0)
    before = len(_of(connection, delivery.id))

    ACTS[act](connection, session_row, delivery)

    target = ARROWS.get((state, act))
    assert _of(connection, delivery.id)[before:] == ([str(target)] if target else [])


def _of(connection: sa.Connection, delivery: int) -> list[str]:
    query = sa.text("SELECT what FROM events WHERE delivery = :delivery ORDER BY id")
    return list(connection.execute(query, {"delivery": delivery}).scalars())


@pytest.mark.parametrize("state", [State.REJECTED, State.FAILED, State.QUEUED, State.CANCELLED])
def test_refused_envelope_is_recorded_without_sending(connection, session_row, state):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)

    assert record(connection, delivery, RUN, Transition(state, due_at=NOW + MINUTE), NOW)

    assert (state_of(connection), the_one(connection).attempt) == (state, 1)


@pytest.mark.parametrize("state", [State.SENT, State.IN_DOUBT])
def test_outcome_of_a_body_is_refused_where_no_body_left(connection, session_row, state):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)

    assert not record(connection, delivery, RUN, Transition(state), NOW)

    assert state_of(connection) is State.QUEUED


def test_record_keeps_reply_reason_and_next_time(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)
    sending(connection, delivery, RUN, NOW)
    reply = Reply(451, "greylisted", "4.7.1", "9XYZ")

    record(connection, delivery, RUN, Transition(State.QUEUED, "later", reply, NOW + MINUTE), NOW)

    (standing,) = deliveries.list_deliveries(connection, session_row)
    assert (standing.reply, standing.queue_id, standing.reason) == (
        "451 4.7.1 greylisted",
        "9XYZ",
        "later",
    )
    assert (standing.delivery.due_at, standing.delivery.attempt, standing.at) == (
        NOW + MINUTE,
        1,
        NOW,
    )
    assert happened(connection)[-1] == ("queued", "later | 451 4.7.1 greylisted")


def test_message_that_is_put_last_comes_after_the_others_and_keeps_its_attempts_and_its_age(
    connection, session_row
):
    queue(connection, session_row, order(), order(GRACE))
    delivery = claimed(connection, session_row)
    sending(connection, delivery, RUN, NOW)

    assert requeue_last(connection, delivery, RUN, NOW + MINUTE)
    assert [
        delivery.email
        for delivery in claims.claim(connection, session_row, "run-2", NOW + 2 * MINUTE, 9)
    ] == [GRACE]
    claims.release_claims(connection, RUN)
    claims.release_claims(connection, "run-2")

    again = claims.claim(connection, session_row, RUN, NOW + 2 * MINUTE, 9)
    assert [delivery.email for delivery in again] == [GRACE, ADA]
    assert again[1] == replace(delivery, due_at=NOW + MINUTE)


def test_message_is_put_last_by_its_holder_at_its_attempt_alone(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)

    assert not requeue_last(connection, delivery, "run-2", NOW)
    assert not requeue_last(connection, replace(delivery, attempt=1), RUN, NOW)
    assert requeue_last(connection, delivery, RUN, NOW)
    assert sending(connection, delivery, RUN, NOW)


# --- guards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{"attempt": 1}, {"attempt": -1}, {"id": 99}],
    ids=["a later attempt", "an earlier attempt", "another delivery"],
)
def test_sending_and_record_are_refused_for(connection, session_row, change):
    queue(connection, session_row, order())
    wrong = replace(claimed(connection, session_row), **change)

    assert not sending(connection, wrong, RUN, NOW)
    assert not record(connection, wrong, RUN, Transition(State.REJECTED), NOW)
    assert state_of(connection) is State.QUEUED


def test_sending_is_refused_to_another_holder(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)

    assert not sending(connection, delivery, "run-2", NOW)
    assert not record(connection, delivery, "run-2", Transition(State.REJECTED), NOW)


def test_record_is_refused_to_another_holder_of_a_message_being_sent(connection, session_row):
    delivery = replace(reach(connection, session_row, State.SENDING), attempt=0)

    assert not record(connection, delivery, "run-2", Transition(State.SENT, reply=TAKEN), NOW)
    assert state_of(connection) is State.SENDING


def test_sending_twice_is_refused(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)

    assert sending(connection, delivery, RUN, NOW)
    assert not sending(connection, delivery, RUN, NOW)


def test_sending_is_refused_after_a_take_over(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)
    claims.recover_stalled(connection, session_row, NOW)

    assert not sending(connection, delivery, RUN, NOW)


def test_late_answer_after_a_take_over_leaves_the_doubt(connection, session_row):
    delivery = replace(reach(connection, session_row, State.SENDING), attempt=0)
    claims.recover_stalled(connection, session_row, NOW)

    assert not record(connection, delivery, RUN, Transition(State.SENT, reply=TAKEN), NOW)
    assert state_of(connection) is State.IN_DOUBT


def test_late_write_of_an_earlier_attempt_never_fits_the_next_one_of_the_same_run(
    connection, session_row
):
    delivery = replace(reach(connection, session_row, State.SENDING), attempt=0)
    claims.recover_stalled(connection, session_row, NOW)
    operator_actions.resolve_resend(connection, session_row, None, "Mia", NOW)
    claimed(connection, session_row)

    assert not record(connection, delivery, RUN, Transition(State.REJECTED), NOW)
    assert state_of(connection) is State.QUEUED


def test_late_write_of_an_earlier_attempt_never_fits_a_message_being_sent_again(
    connection, session_row
):
    first = replace(reach(connection, session_row, State.SENDING), attempt=0)
    record(connection, first, RUN, Transition(State.QUEUED, due_at=NOW), NOW)
    sending(connection, claimed(connection, session_row), RUN, NOW)

    assert not record(connection, first, RUN, Transition(State.SENT, reply=TAKEN), NOW)
    assert state_of(connection) is State.SENDING


# --- claiming -------------------------------------------------------------------------------------


def test_claim_takes_the_oldest_first_and_no_more_than_asked(connection, session_row):
    queue(connection, session_row, order(ADA, due_at=NOW), order(LIN, due_at=NOW - MINUTE))
    queue(connection, session_row, order(GRACE, due_at=NOW - 2 * MINUTE))

    got = claims.claim(connection, session_row, RUN, NOW, 2)

    assert [delivery.email for delivery in got] == [GRACE, LIN]


@pytest.mark.parametrize(
    "changes",
    [{"due_at": NOW + MINUTE}, {"expires_at": NOW}, {"rehearsal_to": "me@example.com"}],
    ids=["not due", "too late", "a rehearsal"],
)
def test_claim_leaves_what_is(connection, session_row, changes):
    queue(connection, session_row, order(**changes))

    assert list(claims.claim(connection, session_row, RUN, NOW, 10)) == []


def test_claim_keeps_to_the_people_named(connection, session_row):
    queue(connection, session_row, order(ADA), order(GRACE))

    got = claims.claim(connection, session_row, RUN, NOW, 10, only={"grace@example.com"})

    assert [delivery.email for delivery in got] == [GRACE]
    assert list(claims.claim(connection, session_row, RUN, NOW, 10, only=set())) == []


def test_claim_leaves_what_another_run_holds_and_other_sessions(connection, session_row):
    queue(connection, session_row, order(ADA))
    queue(connection, seen(connection, 2), order(GRACE))
    claimed(connection, session_row)

    assert list(claims.claim(connection, session_row, "run-2", NOW, 10)) == []


def test_given_back_message_can_be_claimed_by_the_next_run(connection, session_row):
    queue(connection, session_row, order())
    claimed(connection, session_row)

    claims.release_claims(connection, RUN)

    assert claimed(connection, session_row, "run-2").attempt == 0


def test_give_back_leaves_what_other_runs_hold(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row, "run-2")

    claims.release_claims(connection, RUN)

    assert sending(connection, delivery, "run-2", NOW)


# --- the mailbox ----------------------------------------------------------------------------------


def test_database_refuses_two_open_messages_to_one_mailbox(connection, session_row):
    queue(connection, session_row, order(number=1))

    with pytest.raises(IntegrityError):
        connection.execute(table.insert().values(_copy(connection, number=2)))


def test_database_refuses_two_messages_of_one_number(connection, session_row):
    reach(connection, session_row, State.SENT)

    with pytest.raises(IntegrityError):
        connection.execute(table.insert().values(_copy(connection, state="cancelled")))


def test_database_allows_rehearsals_of_any_number(connection, session_row):
    queue(connection, session_row, order())

    connection.execute(table.insert().values(_copy(connection, rehearsal_to="me@example.com")))

    assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 2


def _copy(connection: sa.Connection, **changes) -> dict:
    row = dict(connection.execute(sa.select(table)).mappings().one())
    del row["id"]
    return row | changes


def test_newer_message_supersedes_a_queued_one_even_if_leased(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)

    queue(connection, session_row, order(number=2, kind=Kind.UPDATE))

    assert (state_of(connection, 1), state_of(connection, 2)) == (State.SUPERSEDED, State.QUEUED)
    assert not sending(connection, delivery, RUN, NOW)


def test_two_spellings_of_an_address_are_one_mailbox(connection, session_row):
    queue(connection, session_row, order("ada@EXAMPLE.com"))
    queue(connection, session_row, order("Ada@example.com", number=2))

    assert state_of(connection, 1) is State.SUPERSEDED


def test_messages_to_others_and_in_other_sessions_are_not_superseded(connection, session_row):
    queue(connection, session_row, order(ADA))
    queue(connection, session_row, order(GRACE))
    queue(connection, seen(connection, 2), order(ADA, message_id="<other>"))

    states = connection.execute(sa.select(table.c.state)).scalars().all()
    assert states == ["queued"] * 3


@pytest.mark.parametrize(
    ("expires_at", "state"), [(NOW, State.EXPIRED), (NOW + MINUTE, State.QUEUED)]
)
def test_expire_takes_what_is_of_no_use_any_more(connection, session_row, expires_at, state):
    queue(connection, session_row, order(expires_at=expires_at))

    count = deliveries.expire_overdue(connection, session_row, NOW)

    assert (state_of(connection), count) == (state, int(state is State.EXPIRED))


def test_take_over_frees_what_was_leased_and_counts_what_came_into_doubt(connection, session_row):
    queue(connection, session_row, order(ADA), order(GRACE))
    for delivery in claims.claim(connection, session_row, RUN, NOW, 1):
        sending(connection, delivery, RUN, NOW)
    claims.claim(connection, session_row, RUN, NOW, 1)

    assert claims.recover_stalled(connection, session_row, NOW) == 1
    assert [
        delivery.email for delivery in claims.claim(connection, session_row, "run-2", NOW, 9)
    ] == [GRACE]


def test_take_over_is_of_every_session_that_the_dead_run_worked_on(connection, session_row):
    other = seen(connection, 2)
    for row in (session_row, other):
        queue(connection, row, order())
        sending(connection, claimed(connection, row), RUN, NOW)

    assert claims.recover_stalled(connection, session_row, NOW) == 1
    (record_of_other,) = deliveries.list_deliveries(connection, other)
    assert record_of_other.delivery.state is State.IN_DOUBT


@pytest.mark.parametrize("crossed", [False, True])
def test_take_over_leaves_the_messages_of_a_holder_that_lives(connection, session_row, crossed):
    sender = leases.new_holder()
    leases.acquire(connection, f"sender {sender.name}", sender, NOW)
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row, sender.name)
    if crossed:
        sending(connection, delivery, sender.name, NOW)

    assert claims.recover_stalled(connection, session_row, NOW) == 0
    assert claims.list_stalled(connection, session_row, NOW) == frozenset()
    assert sending(connection, delivery, sender.name, NOW) is not crossed


@pytest.mark.parametrize(("after", "is_dead"), [(TERM - INSTANT, False), (TERM, True)])
def test_holder_on_another_machine_is_dead_after_its_term_and_can_not_come_back(
    connection, session_row, after, is_dead
):
    sender = leases.Holder("sender-1", "another machine", 4711, "100")
    leases.acquire(connection, "sender", sender, NOW)
    queue(connection, session_row, order())
    sending(connection, claimed(connection, session_row, sender.name), sender.name, NOW)

    stalled = claims.list_stalled(connection, session_row, NOW + after)

    assert len(stalled) == is_dead
    assert claims.recover_dead(connection, NOW + after).total() == is_dead
    assert state_of(connection) is (State.IN_DOUBT if is_dead else State.SENDING)
    assert leases.renew(connection, "sender", sender, NOW + after) is not is_dead


@pytest.mark.parametrize("crossed", [False, True])
def test_broken_off_rehearsal_is_over_and_in_nobodys_doubt(connection, session_row, crossed):
    queue(connection, session_row, order(rehearsal_to="me@example.com"))
    (delivery,) = claims.claim(connection, session_row, RUN, NOW, 1, rehearsal=True)
    if crossed:
        sending(connection, delivery, RUN, NOW)

    assert claims.recover_stalled(connection, session_row, NOW) == 0
    assert connection.execute(sa.select(table.c.state)).scalar() == "cancelled"


def test_withdraw_takes_back_only_the_named_people(connection, session_row):
    queue(connection, session_row, order(ADA), order(GRACE))

    deliveries.cancel_for_removed(connection, session_row, ["ADA@example.com"], NOW)

    assert (state_of(connection), state_of(connection, email=GRACE)) == (
        State.CANCELLED,
        State.QUEUED,
    )


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([], None),
        ([order(ADA, due_at=NOW + MINUTE), order(GRACE, due_at=NOW)], NOW),
        ([order(rehearsal_to="me@example.com")], None),
    ],
    ids=["nothing queued", "the earliest", "rehearsals aside"],
)
def test_next_due_is(connection, session_row, orders, expected):
    queue(connection, session_row, *orders)

    assert deliveries.find_next_due(connection, session_row) == expected
