"""Whatever the pieces, the bytes say the same text, in lines that every mail server passes on as they are."""

import quopri

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from onboarding.letters import quoted as room
from onboarding.letters.quoted import LONGEST_LINE, quoted, quoted_once
from onboarding.model.deliveries import Message
from tests.letters.making import guarded, invitee, letter

LONG = ["x" * size for size in (74, 75, 76, 77)]
EDGES = st.sampled_from(["", " ", "=", ".", "\n", ".\n", "=\n", "a \n", "\t", "\0", "ü" * 13, *LONG])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200)
PIECES = st.lists(EDGES | EDGES.map(Markup) | TEXTS.map(Markup), max_size=12)


def read(encoded: bytes) -> str:
    """Decode by the standard library's reader, without the line end that every part gets."""
    return quopri.decodestring(encoded).replace(b"\r\n", b"\n").decode()


@given(PIECES)
def test_pieces_are_read_back_as_one_text(pieces):
    text = "".join(pieces)

    assert read(quoted(pieces)) == (text if text.endswith("\n") else text + "\n")


@given(PIECES)
def test_lines_are_short_and_end_in_nothing_that_gets_lost(pieces):
    *lines, last = quoted(pieces).split(b"\r\n")

    assert last == b""
    assert all(len(line) <= LONGEST_LINE for line in lines)
    assert not any(line.endswith((b" ", b"\t")) or b"\n" in line or b"\r" in line for line in lines)


@given(TEXTS)
def test_text_of_one_piece_reads_the_same(text):
    assert read(quoted_once(text)) == read(quoted([Markup(text)]))


def test_every_line_end_becomes_a_line_end_of_mail():
    assert quoted_once("a\rb\nc\r\nd") == b"a\r\nb\r\nc\r\nd=\r\n\r\n"


def test_only_the_templates_own_text_is_remembered():
    room._remembered.cache_clear()

    for person in ("ada", "grace"):
        quoted(["<p>", Markup(person), "</p>"])

    assert (room._remembered.cache_info().currsize, room._remembered.cache_info().hits) == (2, 2)


def test_letters_values_are_not_remembered(stationery):
    """What a template yields for a value has a type of its own: without that, join links would stay in memory."""
    room._remembered.cache_clear()
    kept = []
    for number in range(20):
        person = invitee(email=f"person{number}@example.com", first_name=f"Ada{number}")
        one = letter(person=person, link=f"https://v.example/w/join/{number:020}")
        assert isinstance(stationery.compose(one, guarded()), Message)
        kept.append(room._remembered.cache_info().currsize)

    assert kept[0] == kept[-1] > 0
