"""What a calendar's answer says, by a table of the shapes in which calendars write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.inbox.answers import read_answer
from onboarding.inbox.parts import parse_incoming
from onboarding.model.answers import Answer
from tests.inbox import replies, reports
from tests.inbox.replies import UID

STAMP = datetime(2027, 3, 1, 13, tzinfo=UTC)

TABLE = [
    ("OUTLOOK_ACCEPTED", Answer.ACCEPTED, "ada@example.com"),
    ("OUTLOOK_DECLINED", Answer.DECLINED, "ada@example.com"),
    ("OUTLOOK_TENTATIVE", Answer.TENTATIVE, "ada@example.com"),
    ("OUTLOOK_PROPOSES", Answer.COUNTER, "ada@example.com"),
    ("GMAIL_ACCEPTED", Answer.ACCEPTED, "ada@example.com"),
    ("GMAIL_DECLINED", Answer.DECLINED, "ada@example.com"),
    ("GMAIL_GUEST", Answer.ACCEPTED, "bob@example.com"),
    ("APPLE_ACCEPTED", Answer.ACCEPTED, "ada@example.com"),
    ("APPLE_UPPER_CASE", Answer.TENTATIVE, "ada@example.com"),
    ("THUNDERBIRD_ACCEPTED", Answer.ACCEPTED, "ada@example.com"),
    ("THUNDERBIRD_DECLINED", Answer.DECLINED, "ada@example.com"),
    ("NEXTCLOUD_ACCEPTED", Answer.ACCEPTED, "ada@example.com"),
    ("NEXTCLOUD_ALIAS", Answer.ACCEPTED, "ada.l@example.com"),
    ("DELEGATED", Answer.DELEGATED, "ada@example.com"),
    ("LATER_VERSION", Answer.DECLINED, "ada@example.com"),
    ("NO_SEQUENCE", Answer.ACCEPTED, "ada@example.com"),
]


def read(text: str):
    return read_answer(parse_incoming(text.encode()))


@pytest.mark.parametrize(("name", "answer", "attendee"), TABLE)
def test_answer_is_read_in_every_shape(name, answer, attendee):
    found = read(getattr(replies, name))

    assert found is not None
    assert (found.uid, found.answer, found.attendee) == (UID, answer, attendee)


def test_version_time_and_proposal_are_those_of_the_answer():
    later, proposal = read(replies.LATER_VERSION), read(replies.OUTLOOK_PROPOSES)

    assert (later.sequence, later.stamp) == (3, datetime(2027, 3, 2, 8, tzinfo=UTC))
    assert (proposal.sequence, proposal.stamp) == (0, STAMP)
    assert proposal.start == datetime(2027, 3, 12, 9, tzinfo=UTC)
    assert later.start is None


def test_person_who_is_sent_in_place_is_named():
    assert read(replies.DELEGATED).delegates == ("bob@example.com",)


def test_senders_are_those_of_the_mail():
    assert read(replies.NEXTCLOUD_ALIAS).senders == ("ada@example.com",)


@pytest.mark.parametrize("text", [replies.OUR_OWN_ENTRY, replies.NOT_YET, reports.EXCHANGE, ""])
def test_what_answers_nothing_is_no_answer(text):
    assert read(text) is None


@pytest.mark.parametrize("sequence", ["9" * 12, "-1", "9" * 4000, "x"])
def test_answer_to_a_version_that_can_not_be_is_none(sequence):
    assert read(replies.mail(replies.calendar("ACCEPTED", sequence=f"SEQUENCE:{sequence}"))) is None


def test_answer_within_a_returned_message_is_none():
    returned = reports.standard(
        reports.status("failed", "5.1.1"),
        returned=replies.OUTLOOK_DECLINED,
        returned_type="message/rfc822",
    )

    assert read(returned) is None


def test_answer_in_the_name_of_the_whole_panel_counts_for_its_sender_alone():
    panel = "\n".join(
        f"ATTENDEE;PARTSTAT=DECLINED:mailto:{name}@example.com" for name in ("bob", "eve")
    )
    forged = replies.mail(replies.calendar("DECLINED", more=panel), sender="Eve <eve@example.com>")

    assert read(forged).attendee == "eve@example.com"


@pytest.mark.parametrize(
    "text",
    [
        replies.mail("BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n"),
        replies.mail("BEGIN:VCALENDAR\r\n" * 5000),
        replies.mail(replies.calendar("ACCEPTED", stamp="DTSTAMP:soon")),
        replies.mail(replies.calendar("ACCEPTED", sequence="SEQUENCE:" + "9" * 5000)),
        replies.mail(replies.calendar("ACCEPTED", more="X:" + "a" * 200_000)),
        replies.mail(replies.calendar("ACCEPTED", more="RRULE:FREQ=SECONDLY;COUNT=999999999")),
        replies.mail(replies.calendar("ACCEPTED"), content_type="text/calendar; charset=nope"),
    ],
)
def test_hostile_calendar_is_read_without_an_error(text):
    read(text)


@given(st.text(max_size=200), st.integers(0, 900))
def test_no_damage_raises(noise, place):
    content = replies.OUTLOOK_ACCEPTED
    read(content[:place] + noise.encode("utf-8", "replace").decode() + content[place:])
