"""The `email` package reads names, subjects and addresses exactly as they went in."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onboarding.messages import headers
from onboarding.messages.context import plain_text

PLAIN = st.text(max_size=200).map(plain_text)
HOSTILE = [
    '"><img src=x onerror=1>',
    "{{7*7}}",
    "=?utf-8?q?x?=",
    'O\'Brien "Bob" <b@example.com>',
    "a\\b",
    "山田さくら",
]


def read(field: bytes):
    """Let the package read a header block."""
    return message_from_bytes(field + b"\r\n\r\n", policy=policy.default)


def words(field: bytes) -> str:
    """Let the package decode a field's encoded words.

    Not by its newer parser: that shows a space between two encoded words of a name, which RFC 2047
    6.2 forbids.
    """
    [text] = message_from_bytes(field + b"\r\n\r\n", policy=policy.compat32).values()
    return str(make_header(decode_header(text.replace("\r\n", ""))))


@given(PLAIN)
@example("x" * 66 + " =?")
@example("e\u0301" * 40)
def test_a_subject_comes_back_as_it_was(text):
    assert read(b"Subject: " + headers.encode_subject(text))["Subject"] == text


@given(PLAIN.filter(lambda name: 0 < len(name) <= 130))
@example(HOSTILE[0])
@example(HOSTILE[2])
@example(HOSTILE[3])
@example(HOSTILE[4])
@example("\u202b\u05d3\u05d2\u05dd" * 8)
@example("w" * 64)
def test_a_recipients_name_comes_back_as_it_was(name):
    field = b"To: " + headers.format_mailbox(name, "anna@example.com")

    [address] = read(field)["To"].addresses
    assert address.addr_spec == "anna@example.com"
    shown, _space, angle = words(field).rpartition(" ")
    assert angle == "<anna@example.com>"
    assert name in {shown, address.display_name}


@given(st.text(max_size=100), st.text(max_size=100))
def test_no_text_can_begin_a_header_of_its_own(name, subject):
    written = (
        b"To: "
        + headers.format_mailbox(name, "anna@example.com")
        + b"\r\nSubject: "
        + headers.encode_subject(subject)
    )

    assert read(written).keys() == ["To", "Subject"]


@given(PLAIN)
def test_lines_stay_within_76_characters_where_encoded(text):
    field = b"Subject: " + headers.encode_subject(text)

    assert max(map(len, field.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("name", ["", "anna@example.com"])
def test_a_recipient_without_name_is_the_bare_address(name):
    assert headers.format_mailbox(name, "anna@example.com") == b"anna@example.com"


@pytest.mark.parametrize(
    ("written", "travels"),
    [
        ("anna@example.com", "anna@example.com"),
        (" anna@example.com ", "anna@example.com"),
        ("anna@müller.example", "anna@xn--mller-kva.example"),
        ("änna@example.com", "änna@example.com"),
    ],
)
def test_an_address_travels_with_its_domain_as_a_label(written, travels):
    assert headers.transport_address(written) == travels


@pytest.mark.parametrize(
    "written",
    [
        "",
        "anna",
        "@example.com",
        "anna@",
        "a b@example.com",
        "a\r\nBcc: b@example.com",
        "<a>@example.com",
    ],
)
def test_what_is_no_address_does_not_travel(written):
    with pytest.raises(ValueError, match="address"):
        headers.transport_address(written)


def test_the_date_is_written_as_rfc_5322_wants_it():
    assert (
        headers.format_date(datetime(2026, 5, 1, 9, 30, tzinfo=UTC))
        == b"Fri, 01 May 2026 09:30:00 +0000"
    )
