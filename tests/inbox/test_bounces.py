"""What a report says, by a table of the shapes in which mail servers write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.inbox.bounces import ReportKind, read_mail_report, suppresses
from onboarding.inbox.incoming import read_incoming
from onboarding.inbox.mailboxes import StoredMessage
from onboarding.inbox.parts import MAX_BYTES, parse_incoming, read_field
from tests.inbox import reports
from tests.inbox.reports import ENVELOPE_ID, MESSAGE_ID, VERP

BOUNCED, DELAYED = ReportKind.BOUNCED, ReportKind.DELAYED
RELAYED, AUTO_REPLY = ReportKind.RELAYED, ReportKind.AUTO_REPLY

TABLE = [
    ("POSTFIX", BOUNCED, "5.1.1", True),
    ("POSTFIX_DELAYED", DELAYED, "4.4.1", False),
    ("POSTFIX_EXPIRED", BOUNCED, "4.4.1", False),
    ("POSTFIX_RELAYED", RELAYED, "2.0.0", False),
    ("EXCHANGE", BOUNCED, "5.1.10", True),
    ("EXCHANGE_GERMAN", BOUNCED, "5.2.2", False),
    ("EXCHANGE_POLICY", BOUNCED, "5.7.1", False),
    ("GMAIL", BOUNCED, "5.1.1", True),
    ("GMAIL_DELAYED", DELAYED, "4.4.1", False),
    ("GMAIL_OVER_QUOTA", BOUNCED, "5.2.2", False),
    ("EXIM", BOUNCED, "5.1.1", True),
    ("EXIM_OLD", BOUNCED, "5.1.1", True),
    ("EXIM_WARNING", DELAYED, "4.7.1", False),
    ("QMAIL", BOUNCED, "5.1.1", True),
    ("QMAIL_FULL", BOUNCED, "5.2.2", False),
    ("SENDMAIL", BOUNCED, "5.1.1", True),
    ("SENDMAIL_WARNING", DELAYED, "4.2.0", False),
    ("SES", BOUNCED, "4.4.7", False),
    ("ZIMBRA", BOUNCED, "5.2.1", True),
    ("FRENCH", BOUNCED, "5.4.4", True),
    ("JAPANESE", BOUNCED, "5.1.1", True),
    ("FORWARDED_AWAY", BOUNCED, "5.1.1", True),
    ("SENDER_REJECTED", BOUNCED, "5.1.8", False),
    ("NO_ACTION", BOUNCED, "5.1.1", True),
    ("GLOBAL", BOUNCED, "5.1.1", True),
    ("EXPANDED_LIST", BOUNCED, "5.7.1", False),
    ("MICROSOFT_PLAIN", BOUNCED, "5.1.1", True),
    ("BASE64_STATUS", BOUNCED, "5.1.1", True),
    ("OUTLOOK_AWAY", AUTO_REPLY, "", False),
    ("GMAIL_AWAY", AUTO_REPLY, "", False),
    ("GERMAN_AWAY", AUTO_REPLY, "", False),
    ("VACATION", AUTO_REPLY, "", False),
]

UNNAMED = {"JAPANESE", "MICROSOFT_PLAIN"}
"""They name their recipient in a sentence only."""


def read(name: str):
    return read_mail_report(parse_incoming(getattr(reports, name).encode()))


@pytest.mark.parametrize(("name", "kind", "status", "closes"), TABLE)
def test_report_is_read_in_every_shape(name, kind, status, closes):
    report = read(name)

    assert report is not None
    assert (report.kind, report.status) == (kind, status)
    assert suppresses(report.status) == closes


@pytest.mark.parametrize("name", [row[0] for row in TABLE])
def test_every_report_leads_to_its_message(name):
    report = read(name)

    assert report is not None
    names_message = MESSAGE_ID in report.clues.message_ids
    assert names_message or VERP in report.clues.addresses
    assert "ada@example.com" in report.clues.recipients or name in UNNAMED


@pytest.mark.parametrize("name", ["PERSON_QUOTES", "NEWSLETTER", "LETTER"])
def test_other_mail_is_no_report(name):
    assert read(name) is None


def test_clues_are_those_of_the_report():
    clues = read("POSTFIX").clues

    assert clues.addresses == (VERP,)
    assert clues.envelope_ids == (ENVELOPE_ID,)
    assert clues.message_ids == (MESSAGE_ID,)
    assert clues.queue_ids[0] == "4XkTq91Zz8"
    assert clues.recipients == ("ada@example.com",)


def test_provider_that_replaces_the_message_id_is_matched_by_its_own():
    assert (
        "010001865f3a9c2b-1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f-000000"
        in read("SES").clues.queue_ids
    )


def test_words_are_the_servers():
    assert read("POSTFIX").text == (
        "550 5.1.1 <ada@example.com>: Recipient address rejected: "
        "User unknown in virtual mailbox table"
    )
    assert read("QMAIL").text == "Sorry, no mailbox here by that name. (#5.1.1)"


def test_report_about_another_address_names_both():
    assert read("FORWARDED_AWAY").clues.recipients == (
        "ada@example.com",
        "ada.private@elsewhere.example",
    )


@pytest.mark.parametrize(
    ("status", "closes"),
    [
        ("5.1.1", True),
        ("5.1.2", True),
        ("5.1.10", True),
        ("5.1.8", False),
        ("5.2.1", True),
        ("5.2.2", False),
        ("5.4.4", True),
        ("5.4.1", False),
        ("5.7.1", False),
        ("4.1.1", False),
        ("", False),
    ],
)
def test_address_is_closed_by_few_codes_only(status, closes):
    assert suppresses(status) == closes


ODD_PARAMETERS = [
    b"From: MAILER-DAEMON@x\nContent-Type: %s\nContent-Disposition: %s\n\n550 5.1.1 \xff" % fields
    for fields in [
        (b"text/plain; charset*=a\0b'en'utf-8", b"inline"),
        (b"text/plain; charset=undefined", b"inline"),
        (b"text/plain; charset=idna", b"inline"),
        (b"text/plain; charset*=hex'en'utf-8", b"inline"),
        (b"text/plain; x*" + b"9" * 5000 + b"*=1", b"inline"),
        (b"multipart/report; boundary*=a\0b'en'b", b"inline"),
        (b"text/plain", b"attachment; filename*=a\0b'en'utf-8"),
        (b"text/plain", b"attachment; filename*=undefined'en'utf-8"),
    ]
]
"""Parameters for which the standard library's own methods raise errors of many kinds."""


def nested_parts(depth: int) -> bytes:
    """Parts within parts. Each has a boundary of its own, or they would stand beside each other."""
    heads = (
        f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
        for level in range(depth)
    )
    return "".join(heads).encode()


def nested_messages(depth: int) -> bytes:
    """A message in a message, and so on."""
    return b"From: mailer-daemon@x\n" + b"Content-Type: message/rfc822\n\n" * depth


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 1000,
        b"Content-Type: multipart/report; boundary=a\n\n" + b"--a\n" * 5000,
        b"From: MAILER-DAEMON@x\nContent-Type: text/plain; charset=\x00utf-8\n\n550 5.1.1",
        b"Return-Path: <>\nSubject: =?utf-8?b?/////w==?= =?nope?q?x?=\n\n550 \xff",
        b"From: mailer-daemon@x\nTo: " + b"<a@b>," * 50_000 + b"\n\n5.1.1",
        b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 2000,
        b"From: " + b"(" * 5000 + b"\n\nhello",
        b"From: " + b"a:" * 5000 + b"\n\nhello",
        reports.POSTFIX.replace("From: ", "From: " + "(" * 3000, 1).encode(),
        *(nested_parts(depth) for depth in (90, 150, 200, 300, 500, 1000, 3000)),
        *(nested_messages(depth) for depth in (90, 150, 200, 300, 500, 1000, 3000)),
        *ODD_PARAMETERS,
        reports.POSTFIX.replace("Action: failed", "Action: =?utf-8?q?_?=").encode(),
        reports.POSTFIX.encode()[: len(reports.POSTFIX) // 2],
        reports.POSTFIX.replace(
            "message/delivery-status", "message/delivery-status; x=\x00"
        ).encode(),
    ],
)
def test_hostile_message_is_read_without_an_error(content):
    read_incoming(StoredMessage("1", content))


@pytest.mark.parametrize("encoding", ["utf-7?q?%s+2AA-+AAA-", "unicode_escape?q?%s\\ud800\\0"])
def test_what_is_read_can_be_stored(encoding):
    name, _, body = encoding.partition("?q?")
    content = (
        f"From: mailer-daemon@x.example\nContent-Type: text/plain; charset={name}\n"
        f"X-Failed-Recipients: =?{encoding % 'ada'}?= <ada@example.com>, {'b'}@example.com\n"
        f"In-Reply-To: =?{encoding % '<1@x'}.example>?=\n\n550 5.1.1 {body % 'no'}\n"
    )

    report = read_mail_report(parse_incoming(content.encode()))

    said = [report.text, *report.clues.message_ids, *report.clues.recipients]
    assert len(said) > 2
    assert not [text for text in said if re.search("[\0\ud800-\udfff]", text)]


def test_encoded_line_end_makes_no_second_line():
    message = parse_incoming(b"Subject: =?utf-8?q?Away=0D=0A550_5.1.1?=\n\nx")
    assert read_field(message, "Subject") == "Away 550 5.1.1"


@given(st.binary(max_size=2000), st.integers(0, 3000), st.sampled_from([row[0] for row in TABLE]))
def test_no_damage_raises(noise, place, name):
    content = getattr(reports, name).encode()
    read_mail_report(parse_incoming(content[:place] + noise + content[place:]))


def test_of_a_huge_message_only_the_beginning_is_read():
    huge = reports.POSTFIX.encode() + b"x" * 40_000_000
    message = parse_incoming(huge)

    assert read_mail_report(message) is not None
    assert len(message.as_bytes()) < MAX_BYTES * 2
