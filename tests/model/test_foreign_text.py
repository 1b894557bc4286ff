"""What may be stored and shown of text from outside, by tables of attacks and for every secret."""

import base64
import html
import json
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from onboarding.model.foreign_text import (
    LONGEST_TEXT,
    MAX_MARKS,
    clean,
    error_code,
    oauth_error,
    printable,
    visible,
)
from onboarding.model.known_secrets import LINK_PART, Secrets, link_parts, squeeze

TOKEN = "8f3a9c0d1e2b4a5f6a7b8c9d0e1f2a3b"
LINK = f"https://v.ringcentral.example/join/{TOKEN}?pw=AbCdEfGhIjKl"
PASSWORD = "p4ssword-of-the-mail-server"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI2MjI3In0.c2lnbmF0dXJl"
SECRETS = Secrets.of(SecretStr(PASSWORD), "pin4", JWT, links=[SecretStr(LINK)])
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
SHOWN = "(link to v.ringcentral.example)"


def wide(text: str) -> str:
    """Full-width letters, as East Asian keyboards write them."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Links of any kind, known or not.
        ("see https://v.example/j/abc now.", "see (link to v.example) now."),
        ("see <HTTPS://V.Example:443/J/abc>", "see <(link to v.example)>"),
        ("(https://v.example/j/abc)", "((link to v.example))"),
        ("hxxps://v.example/j/abc", "(link to v.example)"),
        ("https:\\\\v.example\\j\\abc", "(link to v.example)"),
        ("https:\\/\\/v.example\\/j\\/abc", "(link to v.example)"),
        ("https://user:pw@v.example/j", "(link to v.example)"),
        ("https://[2001:db8::1]:8443/j", "(link to [2001:db8::1])"),
        ("https://[::1/j", "(link)"),
        ("https://v.example./j/abc", "(link to v.example)"),
        ("https://bücher.example/j", "(link to bücher.example)"),
        ("v.example/j/abc", "(link to v.example)"),
        ("v.example?tk=abc", "(link to v.example)"),
        ("at //v.example/j/abc", "at //(link to v.example)"),
        ("localhost:8031/join/abc", "(link to localhost)"),
        ("127.0.0.1/join/abc", "(link to 127.0.0.1)"),
        ("https://v.example/a https://w.example/b", "(link to v.example) (link to w.example)"),
        # The same, encoded.
        ("https%3A%2F%2Fv.example%2Fj%2Fabc", "(link to v.example)"),
        (quote(quote("https://v.example/j?a=b", safe=""), safe=""), "(link to v.example)"),
        ('<a href=3D"https://v.example/j?tk=3Dabc">', '<a href=3D"(link to v.example)">'),
        ("https=3A//v.example/j/ab= cd", "(link to v.example)"),
        ("https&#58;&#x2f;&sol;v.example/j", "(link to v.example)"),
        ("\\u0068ttps\\u003a//v.example/j", "(link to v.example)"),
        ("\\u{68}ttps\\U0000003a\\u{00002f}/v.example/j", "(link to v.example)"),
        ("\\150ttps%u003a\\\\x2f\\057v.example/j", "(link to v.example)"),
        ("https&#x0000003a&#47/v.example&amp;amp;#47;j", "(link to v.example)"),
        ("https%2525252525253A//v.example%25252Fj", "(link to v.example)"),
        (wide("https://v.example/j/abc"), "(link to v.example)"),
        ("h\u200bttps://v.exa\x1b[31mmple/j\x00/abc", "(link to v.example)"),
        ("h\u0336ttps://v.example/j", "(link to v.example)"),
        # This run's secrets.
        (f"554 {LINK} is spam", f"554 {SHOWN} is spam"),
        (f"token {TOKEN}.", "token (removed)."),
        (f"token {TOKEN.upper()}", "token (removed)"),
        (f"token {TOKEN[:16]} {TOKEN[16:]}", "token (removed)"),
        (f"token {TOKEN[:16]}= {TOKEN[16:]}", "token (removed)"),
        (f"token {TOKEN[3:18]}... is odd", "token (removed)... is odd"),
        (f"{LINK[:50]} {LINK[50:]} is spam", f"{SHOWN} is spam"),
        (f"/join/{TOKEN}", "/join/(removed)"),
        (f"https://{TOKEN}.example/j", "(link)"),
        (f"cut at {base64_of('xx' + LINK)[:30]} {base64_of('xx' + LINK)[30:]}", "cut at (removed)"),
        (f"password {PASSWORD}", "password (removed)"),
        (f"password {PASSWORD[3:15]}...", "password (removed)..."),
        (f"AUTH PLAIN {base64_of(chr(0) + 'me' + chr(0) + PASSWORD)[:38]}", "AUTH PLAIN (removed)"),
        (f"hex {PASSWORD[:18].encode().hex()}", "hex (removed)"),
        (f"hex {PASSWORD.encode().hex(':').upper()}", "hex (removed)"),
        (f"hex {PASSWORD.encode().hex(' ')}", "hex (removed)"),
        ("pin4 is wrong, pin42 is not", "(removed) is wrong, pin42 is not"),
        (f"assertion={JWT}", "(removed)"),
        # What looks like a secret.
        ("x" * 39, "x" * 39),
        ("x" * 40, "(removed)"),
        (f"{'Ab1+' * 19}= cd==", "(removed)"),
        (f"key {'Ab1-_' * 8}.", "key (removed)."),
        ("eyJhbGciOi.eyJzdWI", "(removed)"),
        # What is none.
        (
            "5.1.1 The account does not exist, see mail.log",
            "5.1.1 The account does not exist, see mail.log",
        ),
        (
            "[192.0.2.0/24] is listed by TCP/IP and/or us",
            "[192.0.2.0/24] is listed by TCP/IP and/or us",
        ),
        ("<a@example.com>: Sender address rejected", "<a@example.com>: Sender address rejected"),
        ("the mail server is busy; the password too", "the mail server is busy; the password too"),
        ("Ok: queued as 4XyZ1Bq2cFz9", "Ok: queued as 4XyZ1Bq2cFz9"),
        ("Ok 0100018e3a5b6c7d-1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000",) * 2,
        ("-" * 60, "-" * 60),
        ("100% sure; a=b; R&D; C:\\new", "100% sure; a=b; R&D; C:\\new"),
    ],
)
def test_link_or_secret_is_taken_out_and_nothing_else(text, shown):
    assert clean(text, SECRETS) == shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "one\r\ntwo\tthree\u2028four\u2029five\x85six\x0bseven",
            "one two three four five six seven",
        ),
        ("red \x1b[31malert\x07\x1b[0m", "red alert"),
        ("\x1b]8;;https://evil.example/\x1b\\click\x1b]8;;\x07", "click"),
        ("\x9b31mred\x9d0;title\x9c", "red"),
        ("\x1b", ""),
        ("\x1b]0;never ended", "0;never ended"),
        ("\u202egpj.exe\u2066a\u2069\u200e\u061c", "gpj.exea"),
        ("ze\u200bro\ufeff wi\u00addth\u2060", "zero width"),
        ("Ze\u200dro", "Zero"),
        ("\U000e0041\U000e0042x", "x"),
        ("a\u3164b\u034f\u2800c", "abc"),
        ("half \ud83d", "half \ufffd"),
        ("private \ue000", "private \ufffd"),
        ("no\u00a0break\u3000space", "no break space"),
        ("T\u0335" + "\u0301" * 50 + "a", "T\u0335" + "\u0301" * (MAX_MARKS - 1) + "a"),
        ("Jo\u0308rg", "Jörg"),
        (PERSIAN, PERSIAN),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        ("O'Brien & Søn <x>", "O'Brien & Søn <x>"),
    ],
)
def test_text_becomes_one_line_that_does_nothing_to_a_terminal(text, line):
    assert printable(text) == line
    assert clean(text) == line


def test_columns_of_a_line_stay_where_they_are():
    assert visible("a   b\x1b[2J  ü\tc") == "a   b  ü c"


@pytest.mark.parametrize(
    "text", ["a" * 5000, "ä" * 5000, "a b " * 10_000_000, "\x1b]" * 100_000, "\x9d" * 100_000]
)
def test_length_is_bounded_however_long_the_text(text):
    assert len(clean(text)) <= LONGEST_TEXT
    assert len(printable(text, 10)) <= 10


@pytest.mark.parametrize(
    "text",
    [
        "a." * 4000,
        "1" * 8000,
        "a-" * 4000,
        "=3D" * 2700,
        "%25" * 2700,
        "\\" * 8000,
        "&" + "amp;" * 2000,
        "https:" * 1300,
    ],
)
def test_no_text_takes_long(text):
    """A pattern that tries again from every character would not come to an end here."""
    assert len(clean(text, SECRETS)) <= LONGEST_TEXT


def test_a_link_at_the_end_of_what_is_kept_is_no_half_link():
    assert LINK[:20] not in clean("x " * 495 + LINK, SECRETS)


WORDS = st.text(
    st.characters(codec="ascii", categories=["L", "N"]), min_size=LINK_PART, max_size=60
)
ENCODINGS = {
    "as it is": str,
    "percent signs": lambda text: "".join(f"%{ord(char):02x}" for char in text),
    "quoted-printable": lambda text: "".join(f"={ord(char):02X}" for char in text),
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "entities without an end": lambda text: "".join(f"&#{ord(char)}" for char in text),
    "percent signs, five times": lambda text: "".join(f"%25252525{ord(char):02x}" for char in text),
    "octal": lambda text: "".join(f"\\{ord(char):03o}" for char in text),
    "entities of HTML": html.escape,
    "wrapped": " ".join,
    "soft line breaks": "= ".join,
    "zero-width": "\u200b".join,
    "full width": wide,
    "base64": base64_of,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(before=st.text(max_size=20), token=WORDS, after=st.text(max_size=20))
def test_every_part_of_a_link_is_found_however_it_is_encoded(encoding, before, token, after):
    secrets = Secrets.of(links=[SecretStr(f"https://v.example/{token}")])
    text = f"{before} {ENCODINGS[encoding](f'v.example/{token}')} {after}"

    shown = clean(text, secrets)

    assert ENCODINGS[encoding](token) not in shown
    assert not parts_of(token) & parts_of(shown)


def parts_of(text: str) -> set[str]:
    squeezed, _ = squeeze(text)
    return {squeezed[start : start + LINK_PART] for start in range(len(squeezed) - LINK_PART + 1)}


@given(st.text(), st.lists(st.text(max_size=40), max_size=3))
def test_every_text_comes_out_harmless_and_stays_as_it_is(text, values):
    shown = clean(text, Secrets.of(*values))

    json.dumps(shown, ensure_ascii=False).encode()
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}
    assert printable(shown) == shown
    assert clean(shown) == shown


@given(
    st.lists(
        st.sampled_from(["https://v.example/", TOKEN, PASSWORD, "%2F", "=3D", " ", "a", ".", "eyJ"])
    ).map("".join)
)
def test_every_clean_text_is_clean(text):
    shown = clean(text, SECRETS)

    assert clean(shown, SECRETS) == shown
    assert TOKEN not in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    ("given_as_code", "code"),
    [
        ("CMN-101", "CMN-101"),
        ("ErrorCode{code='ADG-100', httpStatus=403}", "ADG-100"),
        ("cmn-101", "no code"),
        ("TOOLONG-1", "no code"),
        ("CMN-123456", "no code"),
        ("xCMN-101x", "no code"),
        ("", "no code"),
        (JWT, "no code"),
    ],
)
def test_a_code_is_shown_in_its_own_form_or_not_at_all(given_as_code, code):
    assert error_code(given_as_code) == code


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("invalid_grant", "invalid_grant"),
        ("Invalid grant", "no code"),
        ("invalid_grant\n", "no code"),
        (JWT, "no code"),
        ("x" * 41, "no code"),
    ],
)
def test_an_oauth_error_is_shown_in_its_own_form_or_not_at_all(error, shown):
    assert oauth_error(error) == shown


def test_printing_secrets_shows_none():
    assert PASSWORD not in repr(SECRETS)
    assert TOKEN not in repr(SECRETS)


def test_parts_that_tell_a_link_lie_behind_its_host():
    assert link_parts(LINK) == [TOKEN, "abcdefghijkl"]
    assert link_parts("https://a-very-long-host.example/j/short") == []
    assert link_parts("https://v.example/j/ab-cd_ef.gh~ij?x=%41bcdefghij") == [
        "abcdefghij",
        "abcdefghij",
    ]


def test_two_runs_secrets_are_put_together():
    both = Secrets.of("first-secret") | Secrets.of("second-secret", links=[SecretStr(LINK)])

    assert clean(f"first-secret second-secret {TOKEN}", both) == "(removed) (removed) (removed)"
