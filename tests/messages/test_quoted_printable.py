"""All pieces of a text give the same text, in lines that no mail server changes."""

import quopri

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from onboarding.messages.mime import is_canonical
from onboarding.messages.quoted_printable import (
    LONGEST_ENCODED_LINE,
    encode_fragment,
    encode_pieces,
)

LONG = ["x" * size for size in (74, 75, 76, 77)]
EDGES = st.sampled_from(
    ["", " ", "=", ".", "\n", ".\n", "=\n", "a \n", "\t", "\0", "ü" * 13, *LONG]
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200)
PIECES = st.lists(EDGES | EDGES.map(Markup) | TEXTS.map(Markup), max_size=12)


def read(encoded: bytes) -> str:
    """Decode by the standard library's reader, without the line end that every part gets."""
    return quopri.decodestring(encoded).replace(b"\r\n", b"\n").decode()


@given(PIECES)
def test_pieces_are_read_back_as_one_text(pieces):
    text = "".join(pieces)

    assert read(encode_pieces(pieces)) == (text if text.endswith("\n") else text + "\n")


@given(PIECES)
def test_lines_are_short_and_end_in_nothing_that_gets_lost(pieces):
    *lines, last = encode_pieces(pieces).split(b"\r\n")

    assert last == b""
    assert all(len(line) <= LONGEST_ENCODED_LINE for line in lines)
    assert not any(line.endswith((b" ", b"\t")) or b"\n" in line or b"\r" in line for line in lines)


@given(TEXTS)
def test_text_of_one_piece_reads_the_same(text):
    assert read(encode_pieces([text])) == read(encode_pieces(text))


def test_every_line_end_becomes_a_line_end_of_mail():
    assert encode_pieces(["a\rb\nc\r\nd"]) == b"a\r\nb\r\nc\r\nd=\r\n\r\n"


@given(TEXTS)
def test_piece_may_travel_as_it_is(text):
    assert is_canonical(encode_fragment(text) or b"\r\n")
