"""What single cells may say: tables of good and bad cells, and the messages for the bad."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.people import Role
from onboarding.roster import cells


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  Ada \t Lovelace\u00a0", "Ada Lovelace"),
        ("Ada\r\nLove\u2028lace", "Ada Love lace"),
        ("Zoe\u0308", "Zoë"),
        ("'+49 30 123", "+49 30 123"),
        ("' =1+1", "=1+1"),
        ("'s-Gravenhage", "'s-Gravenhage"),
        ("\u202aada@example.com\u202c", "ada@example.com"),
        ("ada@exam\u200bple.com\ufeff", "ada@example.com"),
        ("soft\u00adhyphen", "softhyphen"),
        ("می\u200cخواهد", "می\u200cخواهد"),  # noqa: RUF001 - Persian
        ("bell\x07", "bell\ufffd"),
        ("half \ud83d of a smile", "half \ufffd of a smile"),
        ("İstanbul 東京 🎤", "İstanbul 東京 🎤"),
    ],
)
def test_clean_makes_text_that_looks_the_same_the_same(written: str, meant: str):
    assert cells.clean_cell(written) == meant


@given(st.text())
def test_clean_text_is_printable_and_stays_as_it_is(text: str):
    once = cells.clean_cell(text)

    assert cells.clean_cell(once) == once
    assert not any(control in once for control in "\r\n\t\0\x1b\u202e\u2066")


@pytest.mark.parametrize(
    ("written", "role"),
    [
        *((word, Role.HOST) for word in ("Host", "HOST", "Gastgeber", "Gastgeberin")),
        *(
            (word, Role.COHOST)
            for word in (
                "CoHost",
                "cohost",
                "Co-Host",
                "co host",
                "Co-Gastgeber",
                "\uff23\uff4f host",
            )
        ),
        *((word, Role.PANELIST) for word in ("Panelist", "panellist", "PANELISTIN")),
    ],
)
def test_role_is_understood_in_many_spellings(written: str, role: Role):
    assert cells.parse_role(written) is role


@pytest.mark.parametrize("written", ["Moderator", "Speaker", "Co", "Hosts", "-"])
def test_role_that_could_mean_several_is_asked_about(written: str):
    with pytest.raises(
        ValueError, match=f"^'{written}' is no role. Write Host, CoHost or Panelist.$"
    ):
        cells.parse_role(written)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("Ada.Lovelace@Example.COM", "Ada.Lovelace@Example.COM"),
        ("ada+stage@mail.example", "ada+stage@mail.example"),
        ("ada@rehearsal.test", "ada@rehearsal.test"),
        ("ada@Bücher.example", "ada@bücher.example"),
        ("jürgen@example.com", "jürgen@example.com"),
        ("花子@例え.テスト", "花子@例え.テスト"),
        ("a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 57 + ".de", None),
    ],
)
def test_address_is_kept_as_written(written: str, address: str | None):
    assert cells.parse_email(written) == (address or written)


@pytest.mark.parametrize(
    "written",
    [
        "ada",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "ada lovelace@example.com",
        "ada@example",
        "ada@example..com",
        "Ada <ada@example.com>",
        "mailto:ada@example.com",
        "ada@[192.0.2.1]",
        "ada@printer.local",
        "ada@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 63 + ".com",
    ],
)
def test_address_that_no_server_takes_is_refused(written: str):
    with pytest.raises(ValueError, match=r"Correct the address\.$"):
        cells.parse_email(written)


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("de", "de"),
        ("EN", "en"),
        ("en_us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("SR-latn", "sr-Latn"),
        ("es-419", "es-419"),
    ],
)
def test_language_tag_gets_its_customary_case(written: str, tag: str):
    assert cells.parse_language(written) == tag


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("German", "Write de."),
        ("Englisch", "Write en."),
        ("Klingon", "Write a tag such as en, en-GB or de."),
        ("de-XX", "Write a tag such as en, en-GB or de."),
        ("-", "Write a tag such as en, en-GB or de."),
    ],
)
def test_language_that_is_no_tag_is_told_the_nearest(written: str, advice: str):
    assert refusal(cells.parse_language, written) == f"{written!r} is no language tag. {advice}"


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("america/new york", "America/New_York"),
        ("utc", "UTC"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("GMT+2", "UTC+02:00"),
    ],
)
def test_time_zone_gets_its_own_spelling(written: str, zone: str):
    assert cells.parse_time_zone(written) == zone


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("Europe/Belin", "Did you mean Europe/Berlin?"),
        ("Berlin", "Did you mean Europe/Berlin?"),
        ("new york", "Did you mean America/New_York?"),
        ("CEST", "Write a name like Europe/Berlin."),
        ("GMT+15", "Write a name like Europe/Berlin."),
        ("Mars Standard Time", "Write a name like Europe/Berlin."),
        ("localtime", "Write a name like Europe/Berlin."),
    ],
)
def test_time_zone_that_is_none_is_told_the_nearest(written: str, advice: str):
    assert refusal(cells.parse_time_zone, written) == f"{written!r} is no time zone. {advice}"


@pytest.mark.parametrize("written", ["6.2270350004E+10", "6,22703E+10", "6E+15", "1e+16"])
def test_id_that_a_spreadsheet_has_shortened_is_refused(written: str):
    assert refusal(cells.parse_id, written) == (
        "The spreadsheet has shortened this number. Format the column as text and enter it again."
    )


@pytest.mark.parametrize(
    ("rule", "longest"), [(cells.parse_name, 64), (cells.parse_id, 256)], ids=["name", "id"]
)
def test_text_is_taken_up_to_ringcentrals_length(rule: Callable[[str], str], longest: int):
    assert rule("é" * longest) == "é" * longest
    assert refusal(rule, "é" * (longest + 1)).startswith(f"This has {longest + 1} characters")


@pytest.mark.parametrize(("written", "domain"), [("pbx", "pbx"), ("ILM", "ilm")])
def test_domain_is_one_of_two(written: str, domain: str):
    assert cells.parse_domain(written) == domain
    assert refusal(cells.parse_domain, "example.com").endswith(
        "Write pbx or ilm, or leave it empty for pbx."
    )


def refusal(rule: Callable[[str], str], text: str) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the caller compares the message
        rule(text)
    return str(caught.value)


@pytest.mark.parametrize(
    "between",
    [
        "; ",
        ";",
        ", ",
        ",",
        " / ",
        "/",
        " and ",
        " und ",
        " & ",
        " ",
        "|",
        "\n",
        "> <",
        "\u3000",
        "\u3001",
        "\uff1b",
    ],
)
def test_two_addresses_in_a_cell_are_told(between: str):
    assert refusal(cells.parse_email, f"ada@example.com{between}bob@example.com") == (
        "This cell holds 2 addresses. A row is one person: give each of them a row of their own."
    )


def test_three_addresses_with_names_are_counted():
    text = "Ada <ada@example.com>, Bob <bob@example.com>; eve@example.com"

    assert refusal(cells.parse_email, text).startswith("This cell holds 3 addresses.")


@pytest.mark.parametrize(
    "text", ["a/b@example.com", "a&b@example.com", "o'neil@example.com", "a|b@example.com"]
)
def test_separator_in_one_address_makes_no_two_of_it(text: str):
    assert cells.parse_email(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "#N/A",
            "#REF!",
            "#VALUE!",
            "#DIV/0!",
            "#NAME?",
            "#NUM!",
            "#NULL!",
            "#SPILL!",
            "#CALC!",
            "#n/a",
        ),
        *(
            "#NV",
            "#BEZUG!",
            "#WERT!",
            "#ZAHL!",
            "#ÜBERLAUF!",
            "#VALEUR!",
            "#NOM?",
            "#NOMBRE!",
            "#NUL!",
        ),
        *(
            "#¡VALOR!",
            "#¡REF!",
            "#¿NOMBRE?",
            "#N/D",
            "#VALORE!",
            "#RIF!",
            "#NÚM!",
            "#WAARDE!",
            "#VERW!",
            "#NAAM?",
        ),
        *(
            "#N/B",
            "#ARG!",
            "#ADR!",
            "#NAZWA?",
            "#N/D!",
            "#VÄRDEFEL!",
            "#REFERENS!",
            "#SAKNAS!",
            "#VÆRDI!",
            "#I/T",
        ),
        *(
            "#PUUTTUU!",
            "#\u041d/\u0414",
            "#HIÁNYZIK",
            "#DEĞER!",
            "#NENÍ_K_DISPOZICI",
            "#\u0391\u039d\u0391\u03a6!",
            "Loading...",
            "Err:502",
            "Fehler:508",
            "########",
        ),
    ],
)
def test_error_of_a_spreadsheet_is_no_text(text: str):
    assert refusal(cells.refuse_unusable, text).startswith(
        f"{text!r} is what a spreadsheet shows instead of a value."
    )


@pytest.mark.parametrize(
    "text", ["#1 Sales", "#TEAM!", "C#", "#", "##", "Err", "N/A", "#N/A or so", "Wert!"]
)
def test_text_that_only_looks_like_an_error_is_text(text: str):
    assert cells.refuse_unusable(text) == text


def test_cell_beyond_what_a_spreadsheet_holds_is_told():
    assert cells.refuse_unusable("x" * 32_767)
    assert refusal(cells.refuse_unusable, "x" * 32_768).startswith("This cell has 32768 characters")


@pytest.mark.parametrize("text", ["x" * 32_767, "x" * 30_000 + "@@", "a@" * 16_000, "@" * 32_767])
def test_long_address_is_refused_by_its_own_length(text: str):
    assert refusal(cells.parse_email, text).endswith("Correct the address.")
