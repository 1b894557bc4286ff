"""When a calendar's answer counts, and for whom."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.model.answers import Answer, PersonAnswer, classify_answer, replaces
from tests.samples import NOW

HELD = PersonAnswer(Answer.ACCEPTED, NOW, 1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("attendee", "senders", "judged"),
    [
        ("ada@example.com", ("ada@example.com",), Answer.DECLINED),
        ("ADA@EXAMPLE.COM", ("mail@cloud.example",), Answer.DECLINED),
        ("ada.l@example.com", ("Ada@example.com",), Answer.DECLINED),
        ("bob@example.com", ("bob@example.com",), Answer.FORWARDED),
        ("", (), Answer.FORWARDED),
    ],
)
def test_answer_counts_for_the_invited_address_alone(attendee, senders, judged):
    assert classify_answer(Answer.DECLINED, attendee, senders, "ada@example.com") is judged


@pytest.mark.parametrize(
    ("change", "held", "sequence", "counts"),
    [
        ({}, None, 0, True),
        ({}, None, 1, True),
        ({}, None, 2, False),
        ({"stamp": NOW + MINUTE}, HELD, 1, True),
        ({"stamp": NOW - MINUTE}, HELD, 1, False),
        ({}, HELD, 1, False),
        ({"stamp": NOW - MINUTE, "sequence": 2}, HELD, 1, False),
        ({"stamp": NOW + timedelta(days=2)}, HELD, 1, False),
    ],
)
def test_later_answer_to_the_version_of_today_holds(change, held, sequence, counts):
    assert replaces(replace(HELD, **change), held, sequence, NOW) == counts
