"""The bytes that leave: commands, extensions, dots, line ends."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.errors import ConfigurationError
from onboarding.model.deliveries import Rejected
from onboarding.smtp.envelope import (
    EncodedMessage,
    build_envelope_id,
    dot_stuff,
    encode_address,
    encode_message,
    normalize_line_ends,
)
from onboarding.smtp.protocol import Capabilities
from tests.smtp.steps import BODY, message

EVERYTHING = Capabilities(
    pipelining=True, eight_bit=True, smtputf8=True, declares_size=True, size=1000
)
NOTHING = Capabilities()
JAPANESE = {"recipient": "花子@example.com", "needs_smtputf8": True}


@pytest.mark.parametrize(
    ("what", "capabilities", "mail", "rcpt"),
    [
        (
            message(),
            NOTHING,
            b"MAIL FROM:<events@example.com>\r\n",
            b"RCPT TO:<person1@example.com>\r\n",
        ),
        (
            message(),
            EVERYTHING,
            b"MAIL FROM:<events@example.com> SIZE=29\r\n",
            b"RCPT TO:<person1@example.com>\r\n",
        ),
        (
            message(body="Grüße\r\n".encode()),
            EVERYTHING,
            b"MAIL FROM:<events@example.com> SIZE=9 BODY=8BITMIME\r\n",
            b"RCPT TO:<person1@example.com>\r\n",
        ),
        (
            message(**JAPANESE),
            EVERYTHING,
            b"MAIL FROM:<events@example.com> SIZE=29 SMTPUTF8\r\n",
            "RCPT TO:<花子@example.com>\r\n".encode(),
        ),
        (
            message(recipient="jo@bücher.example"),
            NOTHING,
            b"MAIL FROM:<events@example.com>\r\n",
            b"RCPT TO:<jo@xn--bcher-kva.example>\r\n",
        ),
    ],
    ids=["plain server", "size", "8 bit", "letters beyond ASCII", "domain beyond ASCII"],
)
def test_extensions_are_asked_for_where_offered_and_needed(what, capabilities, mail, rcpt):
    assert encode_message(what, capabilities) == EncodedMessage(
        what, (mail, rcpt, b"DATA\r\n"), what.body
    )


BEYOND_ASCII = (
    "the mail server can't carry letters beyond ASCII in an address: ask for another address"
)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (message(**JAPANESE), BEYOND_ASCII),
        (message(recipient="花子@example.com"), BEYOND_ASCII),
        (
            message(body=b"\xff\r\n"),
            "the mail server can't carry a message with bytes beyond ASCII (8BITMIME)",
        ),
        (message(body=b"x" * 1001), "the message has 1,003 bytes, the mail server takes 1,000"),
        (
            message(recipient="nobody"),
            "the address can't be written on a mail's envelope: correct it in the roster",
        ),
    ],
)
def test_what_the_server_cannot_carry_is_that_persons_alone(what, reason):
    assert encode_message(what, Capabilities(declares_size=True, size=1000)) == Rejected(reason)


def test_sender_that_is_no_address_is_a_wrong_setting():
    with pytest.raises(ConfigurationError, match="The sender 'events' is no address"):
        encode_message(message(sender="events"), EVERYTHING)


def test_bounce_is_asked_to_hold_the_header_alone_where_the_server_offers_notifications():
    name = "0123456789abcdef0123456789abcdef01234567"
    prepared = encode_message(message(message_id=f"<{name}@example.com>"), Capabilities(dsn=True))

    assert prepared == EncodedMessage(
        prepared.message,
        (
            f"MAIL FROM:<events@example.com> RET=HDRS ENVID={name}\r\n".encode(),
            b"RCPT TO:<person1@example.com> NOTIFY=FAILURE,DELAY\r\n",
            b"DATA\r\n",
        ),
        BODY,
        asks_for_dsn=True,
    )


@pytest.mark.parametrize("name", ["<1@example.com>", "<ABC@example.com>", "odd", "<+=\x00@x>"])
def test_message_of_any_other_name_has_forty_hex_digits_too(name):
    assert re.fullmatch("[0-9a-f]{40}", build_envelope_id(name))


def test_bounces_go_to_the_envelope_sender():
    prepared = encode_message(message(), NOTHING, "bounces@bücher.example")

    assert prepared.commands[0] == b"MAIL FROM:<bounces@xn--bcher-kva.example>\r\n"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@example.com",
        "jo@",
        "jo@example.com\r\nDATA",
        "jo@example.com>\r\nRCPT TO:<eve@example.com",
        "jo@example.com> SIZE=1",
        "jo doe@example.com",
        "jo@ex\x00ample.com",
        "jo@-bücher-.example",
    ],
)
def test_address_that_could_smuggle_a_command_is_not_written(address):
    assert encode_address(address) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\rb", b"a\r\nb\r\n"),
        (b"a\r\n.\nb", b"a\r\n.\r\nb\r\n"),
        (b"a\r\r\nb", b"a\r\n\r\nb\r\n"),
        (b"", b""),
    ],
)
def test_every_line_ends_in_crlf(body, expected):
    assert normalize_line_ends(body) == expected


BYTES = st.lists(
    st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"a", b"\r\n.\r\n"]), max_size=30
).map(b"".join)


@settings(deadline=None)
@given(BYTES)
def test_no_body_can_end_before_its_own_final_dot(body):
    sent = dot_stuff(normalize_line_ends(body)) + b".\r\n"

    assert (b"\r\n" + sent).index(b"\r\n.\r\n") == len(sent) - 3
    assert b"\n" not in sent.replace(b"\r\n", b"")
    assert b"\r" not in sent.replace(b"\r\n", b"")


@settings(deadline=None)
@given(BYTES)
def test_receiver_gets_back_the_body_that_was_meant(body):
    lines = dot_stuff(normalize_line_ends(body)).split(b"\r\n")

    received = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)

    assert received == normalize_line_ends(body)


def test_body_that_is_in_order_is_not_touched():
    assert normalize_line_ends(BODY) is BODY
