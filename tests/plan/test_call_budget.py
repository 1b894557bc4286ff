"""When `run --all` asks RingCentral who is registered: the rules of the call budget, as tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.model.looks import Look
from onboarding.plan.call_budget import (
    ListReason,
    Sight,
    find_list_interval,
    find_reason,
    is_asked_for,
)
from tests.samples import HOUR, NOW, START

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LISTED = NOW - 5 * MINUTE
LOOK = Look("digest", LISTED, None, "roster", "inputs", 0)
SIGHT = Sight("digest", "inputs", start=START, end=START + HOUR)


@pytest.mark.parametrize(
    ("look", "sight", "reason"),
    [
        ({}, {}, None),
        ({"listed_at": None}, {}, ListReason.NEW),
        ({}, {"digest": "another"}, ListReason.MOVED),
        ({}, {"digest": ""}, None),
        ({}, {"inputs": "another"}, ListReason.INPUTS),
        ({"inputs": ""}, {}, ListReason.INPUTS),
        ({}, {"message_due": True}, ListReason.MESSAGE),
        ({"exit_code": 1}, {}, ListReason.UNFINISHED),
        ({"exit_code": 75}, {}, ListReason.UNFINISHED),
        ({"exit_code": 1, "is_settled": True}, {}, None),
        ({"exit_code": 1, "is_settled": True}, {"is_unfinished": True}, ListReason.UNFINISHED),
        ({"exit_code": 1, "is_settled": True}, {"message_due": True}, ListReason.MESSAGE),
        ({"exit_code": None}, {}, ListReason.UNFINISHED),
        ({}, {"is_unfinished": True}, ListReason.UNFINISHED),
        ({"listed_at": NOW - DAY}, {}, ListReason.REGULAR),
        ({"listed_at": NOW - DAY + MINUTE}, {}, None),
        ({"listed_at": NOW + DAY}, {}, ListReason.REGULAR),
        # Over: nothing but a due message has it listed again.
        ({"listed_at": NOW - DAY}, {"start": NOW - 3 * HOUR, "end": NOW}, None),
        ({}, {"start": NOW - 3 * HOUR, "end": NOW, "message_due": True}, ListReason.MESSAGE),
        # The first reason counts.
        ({"listed_at": None, "exit_code": 1}, {"digest": "another"}, ListReason.NEW),
    ],
)
def test_invitees_are_listed_for_a_reason(look, sight, reason):
    assert find_reason(replace(LOOK, **look), replace(SIGHT, **sight), NOW) is reason


@pytest.mark.parametrize(
    ("before_start", "interval"),
    [
        (10 * DAY, DAY),
        (DAY + MINUTE, DAY),
        (DAY, HOUR),
        (2 * HOUR + MINUTE, HOUR),
        (2 * HOUR, 15 * MINUTE),
        (-59 * MINUTE, 15 * MINUTE),
        (-HOUR, None),
        (-DAY, None),
    ],
)
def test_lists_come_more_often_near_the_start_and_end_with_the_session(before_start, interval):
    assert find_list_interval(START, START + HOUR, START - before_start) == interval


@pytest.mark.parametrize(
    ("list_every", "before_start", "interval"),
    [
        (6 * HOUR, 10 * DAY, 6 * HOUR),
        (6 * HOUR, DAY, HOUR),
        (10 * MINUTE, DAY, 10 * MINUTE),
        (10 * MINUTE, HOUR, 10 * MINUTE),
    ],
)
def test_list_every_counts_where_it_is_shorter(list_every, before_start, interval):
    found = find_list_interval(START, START + HOUR, START - before_start, list_every)

    assert found == interval


@pytest.mark.parametrize(
    ("asked_ago", "before_start", "gone", "is_asked"),
    [
        (None, 10 * DAY, False, True),
        (5 * MINUTE, 10 * DAY, False, False),
        (HOUR, 10 * DAY, False, True),
        (5 * MINUTE, 2 * HOUR, False, True),
        (5 * MINUTE, MINUTE, False, True),
        (5 * MINUTE, timedelta(), False, False),
        (5 * MINUTE, HOUR, True, False),
        (-HOUR, 10 * DAY, False, True),
    ],
)
def test_session_that_is_not_in_the_list_is_asked_for(asked_ago, before_start, gone, is_asked):
    now = START - before_start
    asked_at = None if asked_ago is None else now - asked_ago
    look = replace(LOOK, asked_at=asked_at, gone_at=now if gone else None)

    assert is_asked_for(look, START, now) is is_asked
