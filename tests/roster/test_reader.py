"""A roster from its bytes to invitees and problems: formats, what stops everything, duplicates."""

from pathlib import Path

import pytest

from onboarding import roster
from onboarding.errors import ConfigurationError
from onboarding.model.people import Invitee, LinkedUser, Problem, Role, Roster

HEADER = "first_name,last_name,email,role\n"


def read_text(text: str, **columns: str) -> Roster:
    return roster.read(text.encode(), columns=columns)


def test_csv_file_becomes_invitees(tmp_path: Path):
    path = tmp_path / "invitees.csv"
    path.write_text(
        HEADER + "Ada,Lovelace,ada@example.com,Panelist\nGrace,Hopper,grace@example.com,CoHost\n"
    )

    assert roster.read(path.read_bytes()) == Roster(
        invitees=(
            Invitee(2, "ada@example.com", Role.PANELIST, "Ada", "Lovelace"),
            Invitee(3, "grace@example.com", Role.COHOST, "Grace", "Hopper"),
        ),
        problems=(),
    )


def test_bad_row_never_stops_the_good_ones():
    read = read_text(
        HEADER
        + "Ada,Lovelace,ada@example.com,Panelist\n"
        + "Bob,Bauer,bob,Speaker\n"
        + "Grace,Hopper,grace@example.com,Host\n"
    )

    assert [invitee.row for invitee in read.invitees] == [2, 4]
    assert [(problem.row, problem.column) for problem in read.problems] == [
        (3, "email"),
        (3, "role"),
    ]


def test_blank_rows_count_but_are_no_problem():
    read = read_text(
        "\n" + HEADER + "\n,,,\n  ,,\u200b,\nAda,Lovelace,ada@example.com,Panelist\n\n"
    )

    assert read == Roster((Invitee(6, "ada@example.com", Role.PANELIST, "Ada", "Lovelace"),), ())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada@example.com", "ADA@Example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_second_row_for_one_address_is_a_problem_naming_the_first(first: str, second: str):
    read = read_text(HEADER + f"Ada,Lovelace,{first},Panelist\nA.,Lovelace,{second},CoHost\n")

    assert read == Roster(
        (Invitee(2, first, Role.PANELIST, "Ada", "Lovelace"),),
        (
            Problem(
                3,
                None,
                second,
                "This person is already in row 2, which counts. Delete one of the two rows.",
            ),
        ),
    )


def test_second_row_for_one_linked_user_is_a_problem_naming_the_first():
    read = read_text(
        "email,role,account_id,user_id\n"
        ",CoHost,1,2\n"
        "ada@example.com,CoHost,1,2\n"
        ",CoHost,1,3\n"
        "ada@example.com,CoHost,,\n"
    )

    assert [invitee.linked_user for invitee in read.invitees] == [
        LinkedUser("1", "2"),
        LinkedUser("1", "3"),
        None,
    ]
    assert [(problem.row, problem.message.split(",")[0]) for problem in read.problems] == [
        (3, "This person is already in row 2")
    ]


def test_row_that_cannot_be_used_does_not_make_the_next_one_a_duplicate():
    read = read_text(
        HEADER + "Ada,Lovelace,ada@example.com,Speaker\nAda,Lovelace,ada@example.com,Panelist\n"
    )

    assert [invitee.row for invitee in read.invitees] == [3]


def test_file_is_known_by_its_content_not_by_its_name(tmp_path: Path):
    path = tmp_path / "invitees.xlsx"
    path.write_text(HEADER + "Ada,Lovelace,ada@example.com,Panelist\n")

    assert [invitee.name for invitee in roster.read(path.read_bytes()).invitees] == ["Ada Lovelace"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The roster standard input is empty."),
        (b"\xef\xbb\xbf\r\n,,\r\n", "The roster standard input is empty."),
        (HEADER.encode(), "The roster standard input has a header, but no people below it."),
        (
            HEADER.encode() + b",,,\n",
            "The roster standard input has a header, but no people below it.",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "The roster standard input is an Excel file of the old kind, or has a password.",
        ),
    ],
)
def test_roster_without_people_stops_everything(content: bytes, message: str):
    with pytest.raises(ConfigurationError) as caught:
        roster.read(content)

    assert caught.value.message == message
    assert caught.value.hint
