"""Our parser agrees with that of the `email` package on all that it reads; it refuses the rest."""

from collections import Counter
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.messages import mime_parser

LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=120), max_size=6
)
TEXTS = LINES.map("\n".join)
ENCODINGS = st.sampled_from(["base64", "quoted-printable"])
HEADERS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120
)


@st.composite
def messages(draw: st.DrawFn) -> EmailMessage:
    """Messages as the package builds them: one part, alternatives, attachments, pictures."""
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = draw(HEADERS)
    message.set_content(draw(TEXTS), cte=draw(ENCODINGS))
    match draw(st.sampled_from(["alone", "alternative", "related"])):
        case "alternative":
            message.add_alternative(draw(TEXTS), subtype="html", cte=draw(ENCODINGS))
        case "related":
            message.add_related(draw(st.binary(max_size=200)), "image", "png", cid="<x@y>")
    for text in draw(st.lists(TEXTS, max_size=2)):
        message.add_attachment(text, subtype="calendar", cte=draw(ENCODINGS), filename="x.ics")
    return message


@given(messages())
def test_leaves_equal_those_of_the_email_package(message):
    sent = message.as_bytes()

    _fields, leaves = mime_parser.parse_message(sent)

    whole = message_from_bytes(sent, policy=policy.default)
    expected = [part for part in whole.walk() if not part.is_multipart()]
    assert [(leaf.content_type, leaf.content()) for leaf in leaves] == [
        (part.get_content_type(), part.get_payload(decode=True)) for part in expected
    ]


@given(messages())
def test_header_fields_equal_those_of_the_email_package(message):
    sent = message.as_bytes()

    fields, _leaves = mime_parser.parse_message(sent)

    whole = message_from_bytes(sent, policy=policy.compat32)
    expected = [
        (name.lower(), str(make_header(decode_header(text)))) for name, text in whole.items()
    ]
    assert {name: len(values) for name, values in fields.items()} == Counter(
        name for name, _text in expected
    )
    assert _squeezed(
        mime_parser.decode_words(mime_parser.field_value(fields, "subject"))
    ) == _squeezed(dict(expected)["subject"])


def _squeezed(text: str) -> str:
    """The package and RFC 5322 differ on how much white space a fold stands for."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    "broken",
    [
        b"Subject: no end of header\r\n",
        b"no colon\r\n\r\nbody",
        b"Subject: \xff\r\n\r\nbody",
        b"Content-Type: multipart/mixed\r\n\r\nbody",
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nno end',
        (
            b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--bb\r\n\r\n'
            b"another boundary\r\n--b--\r\n"
        ),
    ],
)
def test_what_is_not_a_message_of_ours_is_refused(broken):
    with pytest.raises(mime_parser.UnreadableError):
        mime_parser.parse_message(broken)


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Transfer-Encoding: base64\r\n\r\nA",
        b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbody",
    ],
)
def test_a_transfer_encoding_that_cannot_be_undone_is_refused(part):
    _fields, [leaf] = mime_parser.parse_message(part)

    with pytest.raises(mime_parser.UnreadableError):
        leaf.content()


def test_a_field_that_is_there_twice_is_refused():
    fields, _leaves = mime_parser.parse_message(b"To: a@example.com\r\nTo: b@example.com\r\n\r\n")

    with pytest.raises(mime_parser.UnreadableError):
        mime_parser.field_value(fields, "to")
