"""The check of a message without the middles of its long pieces passes no more than the whole one.

A differential fuzz: thousands of messages of pieces that are cut where it hurts, through both. It
is as good as the careless rules that it finds out.
"""

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from onboarding.messages import verify
from onboarding.messages.fragments import Fragments, Part
from onboarding.messages.mime import MessageParts, make_frame, own_fields
from onboarding.messages.quoted_printable import encode_pieces
from onboarding.messages.seams import is_in_one_piece, seams
from tests.messages.samples import BRAND, OTHERS, OWN, make_request, protect

MESSAGES = 3000
CONFIGURED = frozenset({"help@northwind.example", "webinars@northwind.example"})
FRAME = make_frame(BRAND, "REQUEST", None)
LETTER = make_request()
CALENDAR = f"BEGIN:VCALENDAR\r\nUID:{LETTER.uid}\r\nURL:{OWN}\r\nEND:VCALENDAR\r\n".encode()
FILLING = MessageParts(
    "Anna", "anna@example.com", "Welcome", "<1@northwind.example>", LETTER.date, "", (), ""
)
OTHER_PARTS = own_fields(FILLING) | {"text": encode_pieces([OWN]), "calendar": CALENDAR}
INERT = ("<td>", "<p>", "word ", "x=y ", "5 > 4 ", "é ", "\n", "<b>", "&#39;", "&amp;")
TAGS = (
    "</td>",
    '<td style="color:#1c2430;">',
    "<p class='x'>",
    "<br />",
    "<!--[if mso]>",
    "<![endif]-->",
)
RICH = (
    *(*INERT, *TAGS, f'<a href="{OWN}">', "https://example.com/ ", "help@northwind.example "),
    *("a:b ", "? ", "it's ", '"', "'", "='", "=# "),
)
OPENERS = (
    '<a href="',
    "<a href='",
    '<a href = "',
    '<img src="',
    "<a href=",
    '<b title="',
    '="',
    ' = "',
    "href",
    '"',
)
SCHEMES = (
    "javascript:",
    "data&colon;",
    "java&#115;cript&#58;",
    "x y:",
    "&#39;:",
    "ftp:",
    ":",
    "a?b:",
    "https:",
    "#:",
)
WORDS = (
    *(
        OTHERS,
        OTHERS.upper(),
        OWN,
        f"{OWN}x",
        f"{OWN}.x",
        "https%3A%2F%2Fv.example%2Fw%2Fjoin%2Fx",
        OTHERS[8:],
    ),
    *(
        "boris@example.com",
        "BORIS%40example.com",
        "http://example.com/",
        "HTTP&#58;//www.example.com",
        "x>y@z>",
    ),
    *(
        "https://v.example:443/w/join/x",
        "v.example.//w/./join/x",
        "v.example/x>y/../w/join/x",
        "v.ex\u00adample/w/join/x",
    ),
    *(
        f">{OTHERS[-20:]}",
        f"{OTHERS[-20:-9]}\u200b{OTHERS[-9:]}",
        ">\u0338/../w/join/x",
        "xn--v-.example/w/join/x",
    ),
    *(
        '="https://v.exa\nmple/w/join/x"',
        "='https://v.example/w/j&#10;oin/x'",
        f'="{OTHERS[-20:-9]}\t{OTHERS[-9:]}"',
    ),
)


def pieces(draw: random.Random) -> list[str]:
    """Make HTML of pieces that end within, or next to, what the check looks for."""

    def some(parts: tuple[str, ...], most: int) -> str:
        return "".join(draw.choices(parts, k=draw.randrange(most)))

    html, ends = some(RICH, 40), [0]
    for _ in range(draw.randrange(1, 3)):
        at = len(html)
        link = draw.choice(OPENERS) + some(INERT, 60) + draw.choice(SCHEMES)
        html += draw.choice(WORDS) if draw.random() < 0.3 else link
        ends += [draw.randrange(max(at - 4, 0), len(html) + 4) for _ in range(draw.randrange(3))]
        html += some(draw.choice((INERT, RICH)), 60)
    ends = sorted({*ends, len(html)})
    return [OWN, *(html[start:end] for start, end in pairwise(ends))]


def wrongly_passed(part: Part, seed: int, messages: int = MESSAGES) -> Iterator[list[str]]:
    """Give each message that passes the check in short, and not the whole one."""
    draw = random.Random(seed)
    known = protect()
    fragments = Fragments(known, CONFIGURED, part)
    for _ in range(messages):
        made = pieces(draw)
        html = fragments.html(made)
        short, whole = (
            verify.find_violation(
                FRAME.join(OTHER_PARTS | {"html": shown}),
                LETTER,
                "anna@example.com",
                known,
                CONFIGURED,
            )
            for shown in (html.checked, html.encoded)
        )
        if whole and not short:
            yield made


@pytest.mark.parametrize("seed", range(3))
def test_nothing_passes_in_short_that_the_whole_check_refuses(seed):
    assert list(wrongly_passed(seams, seed)) == []


def forgetful(html: str) -> tuple[int, int]:
    """A rule that takes each quote for the end of an attribute's value."""
    ends = [
        at + 1
        for at, character in enumerate(html)
        if character == ">" and {*html[:at]} & {*"\"':/?"}
    ]
    return (ends[0], ends[-1]) if ends else (0, 0)


CARELESS = {
    "an attribute's value may be open": lambda html: (html.find(">") + 1, html.rfind(">") + 1),
    "a quote may begin one": forgetful,
    "one that a piece before has begun is forgotten": lambda html: (
        html.find(">") + 1,
        seams(html)[1],
    ),
    "one that goes on behind the piece is forgotten": lambda html: (
        seams(html)[0],
        html.rfind(">") + 1,
    ),
    "a word may go on": lambda html: (seams(html)[0] - 1, len(html)),
    "no edges": lambda html: (0, len(html)),
}


@pytest.mark.parametrize("rule", CARELESS)
def test_careless_rule_is_found_out(rule):
    assert next(wrongly_passed(CARELESS[rule], seed=0), None)


@pytest.mark.parametrize(
    ("html", "first", "rest"),
    [
        ("</td><td>middle</td>x", "</td>", "x"),
        ('"><b class="x">middle</b><a href="', '"><b class="x">', '<a href="'),
        ("word>word>word</b>x", "word>word>word</b>", "x"),
        ('x</b>middle<i></i><a href="><td>', "x</b>", '<a href="><td>'),
        ("<a title = '><p>middle</p>", "<a title = '><p>middle</p>", ""),
        ("no seam", "", "no seam"),
        ("<td><td>", "", "<td><td>"),
        ("", "", ""),
    ],
)
def test_piece_is_parted_where_no_word_and_no_value_is_open(html, first, rest):
    start, end = seams(html)

    assert (html[:start], html[end:]) == (first, rest)


@pytest.mark.parametrize(
    ("link", "one"),
    [(b"https://v.example/a", True), (b"v.example/a>b", False), (b"v.example/a%253Eb", False)],
)
def test_link_that_a_seam_could_part_is_known(link, one):
    assert is_in_one_piece(link) is one
