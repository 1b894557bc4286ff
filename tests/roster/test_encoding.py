"""One encoding or two: a row of Windows-1252 in a file of UTF-8 is read, and harms no other."""

import json
from codecs import BOM_UTF8

import pytest

from onboarding import roster
from onboarding.errors import ConfigurationError
from onboarding.roster.text_reader import MIXED

HEADER = b"first_name,last_name,email,role\n"
UTF8 = "Jörg,Müller,joerg@example.com,Panelist\n".encode()
CP1252 = "Zoë,Größe,zoe@example.com,Panelist\n".encode("cp1252")
BOTH = "Jürgen,".encode() + "Weiß,juergen@example.com,Panelist\n".encode("cp1252")


def names(content: bytes) -> list[str]:
    return [invitee.name for invitee in roster.read(content).invitees]


@pytest.mark.parametrize("rows", [UTF8 + CP1252, CP1252 + UTF8])
def test_row_of_another_encoding_spoils_no_other(rows: bytes):
    people = roster.read(HEADER + rows)

    assert sorted(invitee.name for invitee in people.invitees) == ["Jörg Müller", "Zoë Größe"]
    assert people.problems == ()


def test_row_of_another_encoding_in_a_file_with_a_byte_order_mark_is_read_too():
    """Excel's “CSV UTF-8” has the mark; what is written to its end later need not be UTF-8."""
    assert names(BOM_UTF8 + HEADER + UTF8 + CP1252) == ["Jörg Müller", "Zoë Größe"]
    assert names(BOM_UTF8 + HEADER + CP1252) == ["Zoë Größe"]
    assert [problem.message for problem in roster.read(BOM_UTF8 + HEADER + BOTH).problems] == [
        MIXED
    ]


def test_file_without_a_line_of_utf8_is_windows_1252_whatever_its_bytes_look_like():
    """“ß“” and “É»” happen to be valid UTF-8."""
    odd = "„Spaß“,É»,a@example.com,Panelist\n".encode("cp1252")

    assert names(HEADER + CP1252 + odd) == ["Zoë Größe", "„Spaß“ É»"]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(BOTH, id="in one line"),
        pytest.param(
            '"Jürgen\n'.encode() + 'Weiß",Ek,juergen@example.com,Panelist\n'.encode("cp1252"),
            id="in two lines",
        ),
    ],
)
def test_row_of_both_encodings_is_a_problem_that_names_it(row: bytes):
    people = roster.read(HEADER + UTF8 + row + CP1252)

    assert [invitee.name for invitee in people.invitees] == ["Jörg Müller", "Zoë Größe"]
    assert [
        (problem.row, problem.column, problem.email, problem.message) for problem in people.problems
    ] == [(3, None, "juergen@example.com", MIXED)]


def test_header_of_both_encodings_stops_the_run():
    header = "first_name,last_name,email,role,Straße,".encode() + "Größe\n".encode("cp1252")

    with pytest.raises(
        ConfigurationError, match="The header of the roster standard input can't be read"
    ):
        roster.read(header + UTF8)


def test_byte_that_windows_does_not_have_is_one_cells_problem():
    people = roster.read(HEADER + UTF8 + b"B\x81b,Bauer,bob@example.com,Panelist\n")

    assert [(problem.row, problem.column) for problem in people.problems] == [(3, "first_name")]


def test_json_with_two_encodings_is_read_person_by_person():
    def person(name: str, email: str, encoding: str) -> bytes:
        fields = {"first_name": name, "last_name": "Ek", "email": email, "role": "Panelist"}
        return json.dumps(fields, ensure_ascii=False).encode(encoding)

    people = [person("Jörg", "j@example.com", "utf-8"), person("Zoë", "z@example.com", "cp1252")]

    assert names(b"[" + b",\n".join(people) + b"]") == ["Jörg Ek", "Zoë Ek"]


def test_half_a_character_in_json_is_no_byte_of_windows():
    one = {"first_name": "\udcfc", "last_name": "Ek", "email": "u@example.com", "role": "Panelist"}

    assert [problem.column for problem in roster.read(json.dumps([one]).encode()).problems] == [
        "first_name"
    ]
