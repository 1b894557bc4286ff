"""What `send-test --round-trip` finds changed, by what servers on the way do."""

import email
import email.policy
import re
from urllib.parse import quote

import pytest

from onboarding.inbox.round_trip import MARK_FIELD, compare_messages, is_trial
from onboarding.model.checks import CheckResult

LINK = "https://join.example/made-up-link/abc?x=1&y=2"
ENTRY = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//EN
METHOD:REQUEST
BEGIN:VEVENT
UID:entry-1@example.com
SEQUENCE:0
DTSTAMP:20270301T120000Z
DTSTART:20270302T130000Z
DTEND:20270302T140000Z
SUMMARY:Town Hall
LOCATION:https://join.example/made-up-link/abc?x=1&y=2
END:VEVENT
END:VCALENDAR
"""


def build(entry: str = ENTRY) -> bytes:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = "Events <events@example.com>"
    message["To"] = "me@example.com"
    message["Subject"] = "You are on stage"
    message["Message-ID"] = "<trial-1@example.com>"
    message[MARK_FIELD] = "mark-1"
    message.set_content(f"Join here: {LINK}.\n")
    linked = LINK.replace("&", "&amp;")
    message.add_alternative(
        f'<p>\n<a href="{linked}">Join</a>\nor <b>{linked}</b></p>', subtype="html"
    )
    message.add_alternative(entry, subtype="calendar", params={"method": "REQUEST"})
    message.add_attachment(entry, subtype="calendar", filename="invite.ics")
    return message.as_bytes()


SENT = build()


def compare(arrived: bytes) -> list[CheckResult]:
    return compare_messages(SENT, arrived, LINK)


def faults(arrived: bytes) -> list[str]:
    return [f"{result.what}: {result.detail}" for result in compare(arrived) if not result.ok]


def change(old: str, new: str, count: int = -1) -> bytes:
    text = SENT.decode()
    assert old in text
    return text.replace(old, new, count).encode()


def test_message_that_arrives_as_it_was_sent_is_good_in_every_line():
    assert compare(b"Received: from a.example\r\n" + SENT) == [
        CheckResult("join link", ok=True, detail="untouched in the text"),
        CheckResult("join link", ok=True, detail="untouched in the HTML"),
        CheckResult("calendar", ok=True, detail="the invitation is still a calendar entry"),
        CheckResult("calendar", ok=True, detail="the attached file is still a calendar entry"),
        CheckResult("Message-ID", ok=True, detail="kept"),
        CheckResult("sender", ok=True, detail="still events@example.com"),
        CheckResult(
            "authentication", ok=True, detail="the receiving server does not say what it found"
        ),
    ]


def rewrite(pattern: str, host: str) -> bytes:
    """Put a link to another host in place of the join link."""
    text = SENT.decode()
    linked = LINK.replace("&", "&amp;")
    for written in (linked, LINK):
        target = f"https://{host}/?url={quote(written, safe='')}"
        text = re.sub(pattern.format(link=re.escape(written)), target, text)
    return text.encode()


SAFE_LINKS = "nam02.safelinks.protection.outlook.com"


def test_safe_links_are_named_with_what_to_do():
    arrived = rewrite("{link}", SAFE_LINKS)
    found = compare(arrived)[:2]
    assert [result.detail for result in found] == [
        f"in the text it leads to {SAFE_LINKS} instead (Microsoft Safe Links)",
        f"in the HTML it leads to {SAFE_LINKS} instead (Microsoft Safe Links)",
    ]
    assert found[0].hint == (
        "Ask the administrator of the receiving company to exempt the join links."
    )


def test_click_tracking_in_the_buttons_alone_is_found():
    arrived = rewrite('(?<=href="){link}', "click.provider.example")
    (found,) = [result for result in compare(arrived) if not result.ok]
    assert found.detail == "in a part of the HTML it leads to click.provider.example instead"
    assert "click tracking" in found.hint


def test_link_that_another_link_holds_whole_is_not_the_link():
    arrived = change(f"Join here: {LINK}", f"Join here: https://click.example/?to={LINK}")
    assert faults(arrived) == ["join link: in the text it leads to click.example instead"]


def test_text_that_is_gone_has_lost_the_link():
    message = email.message_from_bytes(SENT, policy=email.policy.SMTP)
    alternative = message.get_payload()[0]
    alternative.set_payload(alternative.get_payload()[1:])
    assert faults(message.as_bytes()) == ["join link: missing in the text"]


@pytest.mark.parametrize(
    ("gone", "found"),
    [
        (
            "text/calendar",
            ["calendar: the invitation is gone", "calendar: the attached file is gone"],
        ),
    ],
)
def test_calendar_that_was_stripped_is_missed(gone, found):
    message = email.message_from_bytes(SENT, policy=email.policy.SMTP)
    for holder in (message, message.get_payload()[0]):
        kept = [part for part in holder.get_payload() if part.get_content_type() != gone]
        holder.set_payload(kept)
    assert faults(message.as_bytes()) == found


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('text/calendar; charset="utf-8"; method="REQUEST"', "text/calendar", "METHOD"),
        ("UID:entry-1@example.com", "UID:other", "UID"),
        ("DTSTART:20270302T130000Z", "DTSTART:20270302T120000Z", "DTSTART"),
        ("LOCATION:https", "LOCATION:http", "LOCATION"),
    ],
)
def test_invitation_that_was_changed_says_in_what(old, new, fault):
    assert f"calendar: the invitation is changed: another {fault}" in faults(change(old, new, 1))


def test_calendar_that_can_not_be_read_is_none():
    arrived = change("BEGIN:VCALENDAR", "BEGIN:NONSENSE")
    assert faults(arrived)[0] == (
        "calendar: the invitation is no entry that a calendar program could read"
    )


def test_entry_in_other_lines_and_order_is_the_same_entry():
    other = ENTRY.replace("SUMMARY:Town Hall\n", "").replace(
        "UID:", "SUMMARY:Town\n  Hall\nX-ADDED:1\nUID:"
    )
    assert faults(build(other)) == []


@pytest.mark.parametrize(
    ("new", "detail"),
    [
        ("Message-ID: <other@provider.example>", "Message-ID: replaced by another"),
        ("X-Old-ID: <trial-1@example.com>", "Message-ID: removed"),
    ],
)
def test_message_id_that_was_not_kept_is_said(new, detail):
    assert faults(change("Message-ID: <trial-1@example.com>", new)) == [detail]


def test_sender_that_was_replaced_is_said():
    arrived = change("Events <events@example.com>", "events <events@5.provider.example>")
    assert faults(arrived) == ["sender: replaced by events@5.provider.example"]


def test_failed_authentication_is_said_and_points_at_the_dns():
    arrived = b"Authentication-Results: mx.example.net; spf=fail; dmarc=fail\r\n" + SENT
    found = compare(arrived)[-1]
    assert (found.ok, found.detail) == (False, "mx.example.net says: SPF failed, DMARC failed")
    assert "check --dns" in found.hint


def test_cancellation_without_link_and_invitation_has_nothing_to_lose():
    sent = b"From: events@example.com\r\nMessage-ID: <a@b.example>\r\n\r\nIt is off.\r\n"
    assert [result.what for result in compare_messages(sent, sent, "")] == [
        "Message-ID",
        "sender",
        "authentication",
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (SENT, True),
        (change("Message-ID: <trial-1@example.com>", "X: y"), True),
        (change(f"{MARK_FIELD}: mark-1", "X: y"), True),
        (change(f"{MARK_FIELD}: mark-1", "X: y").replace(b"trial-1", b"trial-2"), False),
        (b"", False),
        (b"\xff\x00" * 400, False),
    ],
)
def test_message_is_known_by_its_mark_or_its_id(content, found):
    assert is_trial(content, "mark-1", "<trial-1@example.com>") is found
