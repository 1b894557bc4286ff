"""What an outcome means for a delivery, how long to wait, and the name that a message keeps."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.deliveries import (
    NEEDS_A_PERSON,
    UNDER_WAY,
    Deferred,
    Delivery,
    InDoubt,
    Rejected,
    Reply,
    RetryPolicy,
    Sent,
    State,
    Transition,
    message_id,
    retry_delay,
    settle,
)
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.sessions import Facts, SessionKey

NOW = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
POLICY = RetryPolicy()
KEY = SessionKey("https://ringcentral.example", "webinar-1", "session-1")
OK = Reply(250, "queued as 4ABC", "2.0.0", "4ABC")
BUSY = Reply(451, "try later", "4.7.1")
NO = Reply(550, "no such user", "5.1.1")
DELIVERY = Delivery(
    id=1,
    session=KEY,
    email="ada@example.com",
    kind=Kind.INVITATION,
    number=1,
    state=State.SENDING,
    attempt=0,
    queued_at=NOW,
    due_at=NOW,
    expires_at=NOW + 10 * DAY,
    message_id="<1@example.com>",
    facts=Facts("f1", Role.PANELIST, NOW + 9 * DAY, HOUR),
)


@pytest.mark.parametrize(
    ("outcome", "transition"),
    [
        (Sent(OK), Transition(State.SENT, reply=OK)),
        (Rejected("no such user", NO), Transition(State.REJECTED, "no such user", NO)),
        (Rejected("the proof failed"), Transition(State.REJECTED, "the proof failed")),
        (InDoubt("the line was lost"), Transition(State.IN_DOUBT, "the line was lost")),
        (Deferred("greylisted", BUSY), Transition(State.QUEUED, "greylisted", BUSY, NOW + MINUTE)),
        (Deferred("line lost"), Transition(State.QUEUED, "line lost", None, NOW + MINUTE)),
        (Deferred("full", BUSY, 300.0), Transition(State.QUEUED, "full", BUSY, NOW + 5 * MINUTE)),
    ],
)
def test_outcome_means(outcome, transition):
    assert settle(DELIVERY, outcome, POLICY, NOW, 0.5) == transition


@pytest.mark.parametrize(
    ("change", "retry_after", "state"),
    [
        ({"expires_at": NOW + MINUTE + timedelta(seconds=1)}, None, State.QUEUED),
        ({"expires_at": NOW + MINUTE}, None, State.FAILED),
        ({"queued_at": NOW - 2 * DAY + MINUTE}, None, State.FAILED),
        ({"queued_at": NOW - 2 * DAY + MINUTE + timedelta(seconds=1)}, None, State.QUEUED),
        ({}, 2 * 86400.0, State.FAILED),
        ({}, 2 * 86400.0 - 1, State.QUEUED),
    ],
    ids=[
        "just before its use is over",
        "when its use is over",
        "after two days",
        "just within two days",
        "the server asks for too long a wait",
        "the server asks for a long wait",
    ],
)
def test_deferred_message_is_given_up(change, retry_after, state):
    outcome = Deferred("not now", BUSY, retry_after)

    assert settle(replace(DELIVERY, **change), outcome, POLICY, NOW, 0.5).state is state


def test_given_up_message_says_how_often_it_was_tried():
    late = replace(DELIVERY, attempt=11, queued_at=NOW - 3 * DAY)

    assert settle(late, Deferred("greylisted", BUSY), POLICY, NOW, 0.5) == Transition(
        State.FAILED, "greylisted; tried 12 times", BUSY
    )


@given(
    attempt=st.integers(0, 10**6),
    waited=st.timedeltas(timedelta(), 3 * DAY),
    use=st.timedeltas(timedelta(), 10 * DAY),
    draw=st.floats(0, 1, exclude_max=True),
    retry_after=st.none() | st.floats(0, 10**7),
)
def test_every_deferred_message_comes_back_while_of_use_or_is_given_up(
    attempt, waited, use, draw, retry_after
):
    delivery = replace(DELIVERY, attempt=attempt, queued_at=NOW - waited, expires_at=NOW + use)

    after = settle(delivery, Deferred("not now", None, retry_after), POLICY, NOW, draw)

    if after.state is State.QUEUED:
        assert (
            NOW < after.due_at < min(delivery.expires_at, delivery.queued_at + POLICY.give_up_after)
        )
    else:
        assert (after.state, after.due_at) == (State.FAILED, None)


@pytest.mark.parametrize(
    ("attempt", "draw", "retry_after", "wait"),
    [
        (1, 0.5, None, MINUTE),
        (1, 0.0, None, 0.75 * MINUTE),
        (2, 0.5, None, 2 * MINUTE),
        (5, 0.5, None, 16 * MINUTE),
        (7, 0.5, None, HOUR),
        (7, 0.0, None, 0.75 * HOUR),
        (10**9, 0.5, None, HOUR),
        (1, 0.5, 30.0, MINUTE),
        (1, 0.5, 7200.0, 2 * HOUR),
    ],
    ids=[
        "the first",
        "the least",
        "doubled",
        "and again",
        "at most an hour",
        "the least of an hour",
        "however often",
        "the server asks for less",
        "the server asks for more",
    ],
)
def test_retry_waits(attempt, draw, retry_after, wait):
    assert retry_delay(attempt, POLICY, draw, retry_after) == wait


@given(
    attempt=st.integers(1, 10**6),
    draw=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.floats(0, 10**6),
)
def test_every_wait_is_within_its_bounds_and_never_less_than_asked(attempt, draw, asked):
    wait = retry_delay(attempt, POLICY, draw, asked)

    assert wait >= max(0.75 * POLICY.first, timedelta(seconds=asked or 0))
    assert wait <= max(1.25 * POLICY.longest, timedelta(seconds=asked or 0))


@pytest.mark.parametrize(
    "changed",
    [
        {"session": replace(KEY, server="https://other.example")},
        {"session": replace(KEY, webinar_id="webinar-2")},
        {"session": replace(KEY, session_id="session-2")},
        {"email": "grace@example.com"},
        {"kind": Kind.UPDATE},
        {"number": 2},
        {"domain": "example.org"},
        {"rehearsal": "rehearsal"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_message_id_differs_by(changed):
    what = {
        "session": KEY,
        "email": "ada@example.com",
        "kind": Kind.INVITATION,
        "number": 1,
        "domain": "example.com",
    }

    assert message_id(**what) != message_id(**what | changed)


def test_message_id_is_the_same_for_every_spelling_of_the_address():
    first = message_id(KEY, "ada@example.com", Kind.INVITATION, 1, "example.com")

    assert message_id(KEY, " ADA@Example.com", Kind.INVITATION, 1, "example.com") == first


@given(
    email=st.emails(),
    kind=st.sampled_from(Kind),
    number=st.integers(1, 10**6),
    rehearsal=st.text(max_size=20),
)
def test_every_message_id_is_well_formed_and_names_nobody(email, kind, number, rehearsal):
    """RFC 5322 3.6.4; its readers are many, so nothing of the address stands in it."""
    assert re.fullmatch(
        r"<[0-9a-f]{40}@example\.com>",
        message_id(KEY, email, kind, number, "example.com", rehearsal),
    )


@given(
    first=st.tuples(
        st.sampled_from(["ada@example.com", "grace@example.com"]),
        st.sampled_from(Kind),
        st.integers(1, 9),
    ),
    second=st.tuples(
        st.sampled_from(["ada@example.com", "grace@example.com"]),
        st.sampled_from(Kind),
        st.integers(1, 9),
    ),
)
def test_two_messages_have_one_message_id_only_if_they_are_one(first, second):
    assert (message_id(KEY, *first, "example.com") == message_id(KEY, *second, "example.com")) is (
        first == second
    )


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (OK, "250 2.0.0 queued as 4ABC"),
        (Reply(354, "go ahead"), "354 go ahead"),
        (Reply(421, ""), "421"),
    ],
)
def test_reply_reads(reply, text):
    assert str(reply) == text


def test_no_state_waits_for_a_person_and_goes_on_by_itself():
    assert NEEDS_A_PERSON.isdisjoint(UNDER_WAY)
