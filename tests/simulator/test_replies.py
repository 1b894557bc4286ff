"""What the simulator sends back is read by the inbox as what it is."""

from datetime import UTC, datetime

import pytest

from onboarding.inbox.answers import CalendarAnswer
from onboarding.inbox.bounces import MailReport, ReportKind
from onboarding.inbox.incoming import read_incoming
from onboarding.inbox.mailboxes import StoredMessage
from onboarding.simulator.replies import build_answer, build_bounce
from onboarding.simulator.smtp_catcher import CaughtMail

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
LETTER = """\
From: events@brightwater.example
To: ada@example.com
Subject: Your link
Message-ID: <1a2b@brightwater.example>
MIME-Version: 1.0
Content-Type: text/calendar; charset=utf-8; method=REQUEST

BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:0f0f@brightwater
 .example
SEQUENCE:2
DTSTART:20270311T090000Z
ORGANIZER;CN=Events:mailto:events@brightwater.example
END:VEVENT
END:VCALENDAR
"""


def caught(text: str = LETTER) -> CaughtMail:
    content = text.replace("\n", "\r\n").encode()
    return CaughtMail(1, "events@brightwater.example", ("ada@example.com",), content)


@pytest.mark.parametrize("participation", ["ACCEPTED", "TENTATIVE", "DECLINED"])
def test_answer_is_about_the_entry_of_the_message(participation):
    answer = build_answer(caught(), participation, NOW)

    said = read_incoming(StoredMessage("1", answer)).said

    assert isinstance(said, CalendarAnswer)
    assert (said.answer, said.uid, said.attendee, said.sequence, said.stamp) == (
        participation.lower(),
        "0f0f@brightwater.example",
        "ada@example.com",
        2,
        NOW,
    )


def test_message_without_an_entry_can_not_be_answered():
    with pytest.raises(ValueError, match="no calendar entry"):
        build_answer(caught("Subject: Thanks\n\nBye.\n"), "ACCEPTED", NOW)


def test_bounce_names_the_message_and_says_why():
    bounce = build_bounce(caught(), "5.1.1", "550 5.1.1 no such mailbox", NOW)

    said = read_incoming(StoredMessage("1", bounce)).said

    assert isinstance(said, MailReport)
    assert (said.kind, said.status) == (ReportKind.BOUNCED, "5.1.1")
    assert tuple(said.clues.message_ids) == ("<1a2b@brightwater.example>",)
    assert tuple(said.clues.recipients) == ("ada@example.com",)
