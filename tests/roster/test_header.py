"""Which column means what: forgiving about spelling, never about doubt."""

import pytest

from onboarding import roster
from onboarding.errors import ConfigurationError
from onboarding.model.people import Invitee, Role, Roster
from onboarding.roster.header import template_name

ADA = Invitee(2, "ada@example.com", Role.PANELIST, "Ada", "Lovelace")


def read(*lines: str, **columns: str) -> Roster:
    return roster.read("\n".join(lines).encode(), columns=columns)


def stopped_by(*lines: str, **columns: str) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        read(*lines, **columns)
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    "header",
    [
        "first_name,last_name,email,role",
        "First Name,Last Name,E-Mail,Role",
        "firstName,lastName,E-mail address,ROLE",
        "FIRST-NAME, last  name ,e mail,Webinar role",
        "Given name,Surname,Mail,role",
        "Vorname,Nachname,E-Mail-Adresse,Rolle",
        "\ufeffVorname,Familienname,Mailadresse,Rolle:",
    ],
)
def test_header_is_understood_in_many_spellings(header: str):
    assert read(header, "Ada,Lovelace,ada@example.com,Panelist") == Roster((ADA,), ())


def test_columns_may_stand_in_any_order_with_nameless_ones_between():
    assert read(
        "role,,email,last_name,first_name,", "Panelist,?,ada@example.com,Lovelace,Ada,!"
    ) == Roster((ADA,), ())


@pytest.mark.parametrize(
    ("spelling", "value", "field"),
    [
        ("Job title", "Analyst", "job_title"),
        ("Position", "Analyst", "job_title"),
        ("Language", "de", "language"),
        ("Sprache", "de", "language"),
        ("Time zone", "Asia/Tokyo", "time_zone"),
        ("Zeitzone", "Asia/Tokyo", "time_zone"),
    ],
)
def test_optional_column_is_understood(spelling: str, value: str, field: str):
    read_roster = read(
        f"first_name,last_name,email,role,{spelling}", f"Ada,Lovelace,ada@example.com,Host,{value}"
    )

    assert [getattr(invitee, field) for invitee in read_roster.invitees] == [value]


def test_columns_of_the_configuration_win_over_the_spelling():
    people = read(
        "first_name,last_name,Contact mail,Email,role",
        "Ada,Lovelace,ada@example.com,office@example.com,Panelist",
        email="Contact Mail",
    )

    assert [(invitee.email, dict(invitee.extra)) for invitee in people.invitees] == [
        ("ada@example.com", {"email_2": "office@example.com"})
    ]


def test_columns_of_the_configuration_with_an_unknown_column_stop_the_run():
    message, hint = stopped_by("a,b", "1,2", emial="a")

    assert message == "[webinars.NAME.columns] names “emial”, which is no column of a roster."
    assert hint.startswith("The columns are first_name, last_name, email, role, job_title, ")
    assert hint.endswith(" Did you mean “email”?")


def test_columns_of_the_configuration_with_an_unknown_header_stop_the_run():
    assert stopped_by("name,Contact mail", "1,2", email="Contact mial") == (
        (
            "[webinars.NAME.columns] says email = “Contact mial”,"
            " but the roster standard input has no such header."
        ),
        "Its headers are name, Contact mail. Did you mean “Contact mail”?",
    )


def test_two_headers_for_one_column_stop_the_run():
    assert stopped_by("first_name,last_name,Mail address,Mail,role", "1,2,3,4,5") == (
        "The roster standard input has more than one column for email: “Mail address” and “Mail”.",
        'Rename one of them, or say which it is: [webinars.NAME.columns] email = "…".',
    )


def test_our_own_name_for_a_column_wins_over_another_spelling():
    people = read(
        "first_name,last_name,email,role,Job title,Position",
        "Ada,Lovelace,ada@example.com,Host,Analyst,7",
    )

    assert [(invitee.job_title, dict(invitee.extra)) for invitee in people.invitees] == [
        ("Analyst", {"position": "7"})
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("first_name,last_name,role", "There is no column email."),
        ("first_name,last_name,emial,role", "There is no column email; is it “emial”, misspelt?"),
        (
            "first_name,last_name,E-Mial Adress,role",
            "There is no column email; is it “E-Mial Adress”, misspelt?",
        ),
        ("first_name,last_name,email,rolle des Gastes", "There is no column role."),
        (
            "first_name,last_name,emial,roel",
            (
                "There is no column email; is it “emial”, misspelt?"
                " There is no column role; is it “roel”, misspelt?"
            ),
        ),
        ("account_id,user_id", "There is no column role."),
        ("account_id,role", "There is no column email."),
    ],
)
def test_missing_needed_column_stops_the_run_and_names_the_nearest_header(
    header: str, message: str
):
    stopped, hint = stopped_by(header, "1,2,3,4")

    assert stopped == f"The header of the roster standard input can't be understood. {message}"
    assert hint.startswith("The first row names the columns: first_name, last_name, email, role.")


def test_misspelt_name_column_is_named_in_each_guests_problem():
    people = read("frist_name,last_name,email,role", "Ada,Lovelace,ada@example.com,Panelist")

    assert [(problem.row, problem.column, problem.message) for problem in people.problems] == [
        (
            2,
            "first_name",
            (
                "The first name is missing: a guest needs it."
                " There is no column first_name; is it “frist_name”, misspelt?"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("T-Shirt size", "t_shirt_size"),
        ("shirtSize", "shirtsize"),
        ("Straße / Ort", "straße_ort"),
        ("  VIP? ", "vip"),
        ("2. Wahl", "column_2_wahl"),
        ("???", "column"),
        ("会社", "会社"),
    ],
)
def test_header_becomes_an_identifier_for_templates(header: str, word: str):
    assert template_name(header) == word


def test_further_columns_get_names_of_their_own():
    people = read(
        "first_name,last_name,email,role,T-Shirt,T Shirt,Items,values",
        "Ada,Lovelace,ada@example.com,Host,M,L,3,gold",
    )

    assert [dict(invitee.extra) for invitee in people.invitees] == [
        {"t_shirt": "M", "t_shirt_2": "L", "items_2": "3", "values_2": "gold"}
    ]
