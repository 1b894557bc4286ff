"""JSON rosters: a list of objects, numbered as though it were a sheet."""

import json

import pytest

from onboarding import roster
from onboarding.errors import ConfigurationError
from onboarding.model.people import Invitee, LinkedUser, Role, Roster

ADA = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "role": "Panelist"}


def read(text: str, encoding: str = "utf-8") -> Roster:
    return roster.read(text.encode(encoding))


TOO_MUCH = "is JSON that nests too deeply, or has a number of thousands of digits."


@pytest.mark.parametrize(
    "wrapped", [[ADA], {"invitees": [ADA]}, {"webinar": "launch", "invitees": [ADA]}]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_list_of_people_is_read_with_or_without_its_wrapping(wrapped: object, encoding: str):
    people = read("\n " + json.dumps(wrapped), encoding)

    assert people == Roster((Invitee(2, "ada@example.com", Role.PANELIST, "Ada", "Lovelace"),), ())


def test_first_person_is_row_two_and_keys_are_columns():
    people = read(json.dumps([ADA, {}, ADA | {"email": "bob@example.com", "role": "Speaker"}]))

    assert [invitee.row for invitee in people.invitees] == [2]
    assert {(problem.row, problem.column) for problem in people.problems} == {(4, "role")}


def test_keys_may_differ_from_person_to_person():
    people = read(
        json.dumps(
            [
                {"role": "CoHost", "userId": 62270351004, "accountId": 62270350004},
                ADA | {"tier": "gold"},
            ]
        )
    )

    assert [(invitee.linked_user, dict(invitee.extra)) for invitee in people.invitees] == [
        (LinkedUser("62270350004", "62270351004"), {"tier": ""}),
        (None, {"tier": "gold"}),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("null", ""),
        ("true", "true"),
        ("62270350004.0", "62270350004"),
        ("1.5", "1.5"),
        ('["a", "ä"]', '["a", "ä"]'),
    ],
)
def test_value_becomes_text(value: str, text: str):
    person = json.dumps(ADA | {"further": "VALUE"}).replace('"VALUE"', value)

    assert [dict(invitee.extra) for invitee in read(f"[{person}]").invitees] == [{"further": text}]


def test_half_a_character_is_a_problem_and_no_crash():
    people = read(r'[{"email": "\ud83d@example.com", "role": "Host"}]')

    assert [(problem.row, problem.column, problem.email) for problem in people.problems] == [
        (2, "email", "\ufffd@example.com")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"email": }]', "is no valid JSON: Expecting value in line 1, column 12."),
        ('{"email": "ada@example.com"}', "is JSON, but no list of people."),
        ('{"invitees": {"email": "ada@example.com"}}', "is JSON, but no list of people."),
        ('["ada@example.com"]', "is JSON, but no list of people."),
        ("[]", "is empty."),
        ("[{}]", "is empty."),
        (
            "[" * 100_000,
            TOO_MUCH,
        ),
        (f'[{{"id": {"9" * 5000}}}]', TOO_MUCH),
    ],
)
def test_json_of_another_shape_stops_the_run(text: str, message: str):
    with pytest.raises(ConfigurationError) as caught:
        read(text)

    assert caught.value.message == f"The roster standard input {message}"
    assert caught.value.hint
