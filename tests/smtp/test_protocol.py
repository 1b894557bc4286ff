"""Reading replies off the wire, however they are cut into pieces, and waiting for them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.model.deliveries import Reply
from onboarding.smtp.protocol import LONGEST_REPLY, Capabilities, MalformedReply, ReplyReader

STREAM = (
    b"220 mail.example.com\r\n250-2.1.0 one\r\n250-2.1.0 two\r\n250 2.1.0 three\r\n"
    b"354\r\n550 5.1.1 no\n250-\r\n250 \r\n"
)
REPLIES = [
    Reply(220, "mail.example.com"),
    Reply(250, "one two three", "2.1.0"),
    Reply(354, ""),
    Reply(550, "no", "5.1.1"),
    Reply(250, ""),
]


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=20).map(sorted))
def test_replies_are_the_same_however_the_stream_is_cut(cuts):
    reader = ReplyReader()
    pieces = [
        STREAM[start:end] for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)
    ]

    assert [reply for piece in pieces for reply in reader.feed(piece)] == REPLIES


@pytest.mark.parametrize(
    "nonsense",
    [
        b"hello\r\n",
        b"\r\n",
        b"25\r\n",
        b"2500 four digits\r\n",
        b"250_fine\r\n",
        b"099 low\r\n",
        b"600 high\r\n",
        b"250-one\r\n251 two\r\n",
        b"250-one\r\nHTTP/1.1 400 Bad Request\r\n",
        b"\xff\xfe\r\n",
    ],
)
def test_nonsense_is_unreadable(nonsense):
    with pytest.raises(MalformedReply):
        list(ReplyReader().feed(nonsense))


def test_replies_before_the_nonsense_are_read():
    reader = ReplyReader().feed(b"250 fine\r\nnonsense\r\n")

    assert next(reader) == Reply(250, "fine")
    with pytest.raises(MalformedReply):
        next(reader)


@pytest.mark.parametrize("endless", [b"x" * (LONGEST_REPLY + 1), b"250-more\r\n" * LONGEST_REPLY])
def test_reply_without_end_is_unreadable(endless):
    with pytest.raises(MalformedReply):
        list(ReplyReader().feed(endless))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_every_stream_is_read_or_unreadable(stream):
    try:
        replies = list(ReplyReader().feed(stream))
    except MalformedReply:
        return
    assert len(replies) <= stream.count(b"\n")


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ({}, Capabilities()),
        (
            {"pipelining": "", "8bitmime": "", "smtputf8": ""},
            Capabilities(pipelining=True, eight_bit=True, smtputf8=True),
        ),
        ({"size": "10240000"}, Capabilities(declares_size=True, size=10_240_000)),
        ({"size": "0"}, Capabilities(declares_size=True)),
        ({"size": ""}, Capabilities(declares_size=True)),
        ({"size": "lots"}, Capabilities(declares_size=True)),
        ({"size": "9" * 5_000}, Capabilities(declares_size=True)),
    ],
)
def test_capabilities_are_read_from_ehlo(extensions, expected):
    assert Capabilities.parse(extensions) == expected
