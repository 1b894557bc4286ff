"""Other spellings of a join link are found everywhere, and so is its word that is one person's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from onboarding.messages import calendar, normal_form
from onboarding.messages.join_links import leads_below
from onboarding.messages.normal_form import normal_key, normalize
from onboarding.messages.request import ProtectedValues
from tests.messages.samples import OWN, make_request
from tests.messages.test_verify import GOOD, SKELETON, TOKEN, changed, fault


def wide(text: str) -> str:
    """Write ASCII in full-width letters."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


LATE = "w/join/late"
"""A link of a person who has left: its place is guarded, and no word in it."""


@pytest.mark.parametrize(
    "spelling",
    [
        f"https://v.example:443/{LATE}",
        f"https://v.example:00443/{LATE}",
        f"https://v.example:/{LATE}",
        f"https://v.example:8443/{LATE}",
        f"https://v.example./{LATE}",
        f"https://v.example.:443//{LATE}",
        f"https://v.example//{LATE}",
        f"https://v.example/./{LATE}",
        f"https://v.example/x/../{LATE}",
        f"https://v.example/../../{LATE}",
        "https://v.example/w/x/y/../../join/late",
        "https://v.example/w/join/late/..",
        "https://v.example/w//join///late",
        "https:\\\\v.example\\w\\join\\late",
        f"https:v.example/{LATE}",
        f"https:///v.example/{LATE}",
        f"https://somebody@v.example/{LATE}",
        f"https://somebody:secret@v.example:443/{LATE}",
        f"HTTPS://V.Example/{LATE}",
        f"https://v%2eexample%3a443/{LATE}",
        "https://v.example/w/%2e%2e/w/%6aoin/late",
        "https://v.example/w%25252fjoin/late",
        f"https://{wide('v.example/w/join')}/late",
        "https://v\u3002example/w/join/late",
        "https://v\uff61example/w/join/late",
        "https://\U0001d42f.ex\u24d0mple/\U0001d568/j\u2092in/late",
        "https://v.ex\u00adample/w/jo\u200bin/late",
        "https://v.ex\u2060amp\ufeffle/w/\u200djoin/late",
        "https://v.exa%E2%80%8Bmple/w/join/late",
        "https://v.example/w/join\ufe0f/late",
        "https://xn--v-.example/w/join/late",
        "https://v.xn--example-/w/join/late",
    ],
)
@pytest.mark.parametrize("part", ["text", "html", "calendar", "subject", "name"])
def test_another_spelling_of_a_link_is_found_in_every_part(part, spelling):
    line = calendar.escape(f"DESCRIPTION:{spelling}") if part == "calendar" else f" {spelling} "

    assert fault(changed(**{part: getattr(GOOD, part) + line})).endswith(
        "a join link that isn't this person's"
    )


@pytest.mark.parametrize(
    "written",
    [
        "https://v.example/",
        "https://v.example",
        "https://v.example/w/join",
        "https://v.example/w/joiner/x",
        "https://v.example/w/x/join/",
        "https://v.example.org/w/join/x",
        "https://v.example:x/w/join/x",
        "https://v.example?x=/w/join/",
        "https://wv.example.com/w/join/x",
    ],
)
def test_what_leads_elsewhere_on_the_same_host_may_stand(written):
    assert fault(changed(text=f"{GOOD.text} {written} ")) == ""


@pytest.mark.parametrize(
    "spelling",
    [
        "https://bücher.example/j/late",
        "https://BÜCHER.example/j/late",
        "https://xn--bcher-kva.example/j/late",
        "https://XN--BCHER-KVA.example/j/late",
        f"https://{wide('xn--')}bcher-kva.example/j/late",
        "https://bu\u0308cher.example/j/late",
        "https://b%C3%BCcher.example/j/late",
    ],
)
@pytest.mark.parametrize("host", ["bücher.example", "xn--bcher-kva.example"])
def test_another_spelling_of_a_host_beyond_ascii_is_found(host, spelling):
    known = ProtectedValues.of(
        map(SecretStr, (OWN, f"https://{host}/j/a1", f"https://{host}/j/b2")), []
    )

    assert fault(changed(text=f"{GOOD.text} {spelling} "), known=known).endswith(
        "a join link that isn't this person's"
    )


@pytest.mark.parametrize(
    "given",
    ["https://v.example:443/w/join/", "https://v.example//w/./join/", "HTTPS://V.EXAMPLE./w/join/"],
)
def test_link_that_ringcentral_spells_unusually_is_guarded_in_all_spellings(given):
    own, others = given + "own0aa11bb22cc33dd44", given + "late"
    known = ProtectedValues.of(map(SecretStr, (own, others)), [])
    good = changed(text=own, html=own, calendar=GOOD.calendar.replace(OWN, own))

    assert fault(good, make_request(link=own), known) == ""
    for spelling in (others, f"https://v.example/{LATE}", "v.example/w//join/x"):
        assert fault(replace(good, text=f"{own} {spelling}"), make_request(link=own), known) != ""


@pytest.mark.parametrize(
    "written",
    [
        wide(TOKEN),
        f"{TOKEN[:7]}\u00ad{TOKEN[7:]}",
        f"\u200b{TOKEN[:7]}\u2060{TOKEN[7:]}",
        f"—{TOKEN}…",
        f"ä{TOKEN}ß",
        f"_{TOKEN}_",
        "".join(f"%{ord(character):02X}" for character in TOKEN),
        "".join(f"%25{ord(character):02X}" for character in TOKEN),
        f"https://elsewhere.example/?to={TOKEN}&x=1",
        f"https://elsewhere.example/{TOKEN}",
    ],
)
@pytest.mark.parametrize("part", ["text", "html", "calendar", "subject", "name"])
def test_word_that_only_anothers_link_has_is_found_by_itself(part, written):
    assert fault(changed(**{part: f"{getattr(GOOD, part)} {written} "})).endswith(
        "a join link that isn't this person's"
    )


@pytest.mark.parametrize(
    "hidden",
    [
        TOKEN.replace("o", "&#111;"),
        TOKEN.replace("9", "&#x39;"),
        f"<!-- {TOKEN} -->",
        f"<b title='{TOKEN}'>x</b>",
        f"<b data-x={TOKEN}>x</b>",
        '<a href="https://v.exam\nple/w/jo\r\n\tin/late">x</a>',
        '<a href="https://v.exam&#10;ple/w/jo&Tab;in/late">x</a>',
        "<a href = '\nhttps://v.example/w/jo\nin/late'>x</a>",
        f'<a href="https://elsewhere.example/{TOKEN[:5]}\n{TOKEN[5:]}">x</a>',
        f'<a href="https://elsewhere.example/{TOKEN[:5]}&#x0a;{TOKEN[5:]}">x</a>',
        f"{TOKEN[:5]}&shy;{TOKEN[5:]}",
        f"{TOKEN[:5]}&ZeroWidthSpace;{TOKEN[5:]}",
    ],
)
def test_link_and_word_are_found_behind_entities_in_attributes_and_comments(hidden):
    assert (
        fault(changed(html=GOOD.html + hidden))
        == "its HTML part holds a join link that isn't this person's"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Auto-Submitted: auto-generated", b"X-Note: " + TOKEN.encode()),
        (b"Auto-Submitted: auto-generated", b"X-Note: =?utf-8?q?other=39zz88yy77xx66ww?="),
        (b"<1@northwind.example>", f"<{TOKEN}@northwind.example>".encode()),
        (b'filename="invite.ics"', f'filename="{TOKEN}.ics"'.encode()),
    ],
)
def test_word_that_only_anothers_link_has_is_found_in_every_header_field(old, new):
    body = SKELETON.fill(GOOD)
    assert old in body

    assert (
        fault(body=body.replace(old, new))
        == "its header holds a join link that isn't this person's"
    )


@pytest.mark.parametrize(
    "written", ["own0aa11bb22cc33dd44", "OWN0AA11BB22CC33DD44", "other9zz8", "v.example", "w/join"]
)
def test_ones_own_word_and_parts_that_are_no_ones_may_stand(written):
    assert (
        fault(changed(text=f"{GOOD.text} {written} ", html=f"{GOOD.html}<!-- {written} -->")) == ""
    )


def test_words_that_are_in_the_place_of_links_or_in_several_are_no_ones():
    links = [
        "https://webinarhost.example/registration/moderation/a1b2c3d4e5",
        "https://webinarhost.example/registration/",
    ]
    known = ProtectedValues.of(
        map(SecretStr, [*links, "https://webinarhost.example/registration/moderation/z9y8x7w6v5"]),
        [],
    )

    assert known.tokens.words == {b"a1b2c3d4e5", b"z9y8x7w6v5"}
    assert ProtectedValues.of([SecretStr(links[0])], []).tokens.words == {b"a1b2c3d4e5"}


def test_word_that_is_part_of_ones_own_may_stand():
    known = ProtectedValues.of(map(SecretStr, (OWN, "https://v.example/w/join/aa11bb22cc")), [])

    assert fault(known=known) == ""
    assert fault(changed(text=f"{GOOD.text} aa11bb22cc "), known=known) == ""


@pytest.mark.parametrize(
    "written",
    [
        f"boris{wide('@')}example.com",
        f"{wide('boris')}@example.com",
        "bo\u00adris@exam\u200bple.com",
        "boris@example\u3002com",
        "boris%E2%80%8B@example.com",
    ],
)
def test_another_spelling_of_an_address_is_found(written):
    assert (
        fault(changed(text=f"{GOOD.text} {written} "))
        == "its text part holds somebody else's address"
    )


@pytest.mark.parametrize(
    "address",
    [f"{wide('boris')}@example.com", "\ufb01ona@b\u00fccher.example", "a%2bb@example.com"],
)
def test_address_that_the_roster_spells_unusually_is_guarded_and_may_stand_in_its_own_letter(
    address,
):
    known = ProtectedValues.of([], [address])
    text = changed(text=f"{GOOD.text} {address} ")

    assert fault(text, known=known) == "its text part holds somebody else's address"
    assert (
        fault(text, make_request(person=replace(make_request().invitee, email=address)), known)
        == ""
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain text: a/b?c=d&e", "Plain text: a/b?c=d&e"),
        ("%2525%32%46", "%2F"),
        ("b\u00fccher B\u00dcCHER bu\u0308cher", "b\u00fccher B\u00fcCHER b\u00fccher"),
        (wide("Ab9/%2F"), "Ab9//"),
        ("a\u00adb\u200b\u2060c\ufeff\u034f", "abc"),
        ("a\u00a0b\u3002c", "a b.c"),
        ("stra\u00dfe", "strasse"),
        ("xn--bcher-kva.example XN--bcher-kva xn--", "b\u00fccher.example b\u00fccher xn--"),
        ("xn--zzzzzzzz---999999999999", "xn--zzzzzzzz---999999999999"),
        (">\u0338 =\u0338 a\u0338", ">\u0338 =\u0338 a\u0338"),
    ],
)
def test_normal_form(text, expected):
    assert normalize(text.encode()).decode() == expected


@given(
    st.text(st.characters(codec="utf-8") | st.sampled_from("%25aAxn-.>\u0338\u00ad"), max_size=30)
)
def test_what_ends_a_word_stays_in_normal_form(text):
    assert normalize(text.encode()).count(b">") >= text.count(">")


@given(
    st.text(
        st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="%-"), max_size=30
    )
)
def test_plain_text_is_in_normal_form(text):
    assert normalize(text.encode()) == text.encode()
    assert normal_key(f"x{text}@example.com") == normal_key(f"X{text}@EXAMPLE.com")


def test_long_words_full_of_hosts_are_looked_through_quickly():
    """What is looked at behind a host is bounded: this would take minutes otherwise."""
    assert not leads_below(b"v.example/" * 20_000, b"v.example/w/")


def test_link_at_the_very_beginning_is_found():
    assert leads_below(b"v.example//w/x", b"v.example/w/")


@given(
    st.text(
        st.characters(codec="utf-8")
        | st.sampled_from("aé\u0301\u0338 \u00a0\u200b\uff21\uac00\u1161\u11a8…ß¨"),
        max_size=20,
    )
)
def test_character_folded_by_itself_is_as_in_its_run(text):
    assert normal_form._fold_text(text.encode()) == normal_form._fold_runs(text.encode())


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["%C3", "%A9", "%E2%82", "%AC", "a", "\u00e9", "\u0301", "&#xe9;", "?"]
            ),
            st.text(max_size=3),
        ),
        max_size=8,
    )
)
def test_every_text_has_a_normal_form_also_with_bytes_of_a_letter_apart(parts):
    text = "".join(parts).encode("utf-8", "replace")

    assert normalize(text) == normalize(text)


def test_bytes_of_a_letter_with_another_between_them_are_no_letter():
    assert "\u00e9" not in normalize(b"https://x.example/?q=%C3a%A9").decode(errors="replace")
