"""One row: everything wrong with it at once, each with the header as written and what to do."""

import pytest

from onboarding import roster
from onboarding.model.people import Invitee, LinkedUser, Role, Roster

ATTENDEE = (
    "Attendees are not invited from a roster: they register themselves on the webinar's page."
    " Delete the row, or make it Host, CoHost or Panelist."
)
EVERY_COLUMN = (
    "first_name,last_name,email,role,job_title,language,time_zone,account_id,user_id,domain",
    "T-Shirt",
)


def read(header: str, *rows: str) -> Roster:
    return roster.read("\n".join([header, *rows]).encode())


def faults(header: str, row: str) -> list[tuple[str | None, str]]:
    return [(problem.column, problem.message) for problem in read(header, row).problems]


def test_row_with_every_column_filled_in():
    people = read(
        ",".join(EVERY_COLUMN),
        "Ada,Lovelace,ada@example.com,co host,Analyst,en-gb,europe/london,"
        "62270350004,62270351004,ILM,M",
    )

    assert people == Roster(
        (
            Invitee(
                row=2,
                email="ada@example.com",
                role=Role.COHOST,
                first_name="Ada",
                last_name="Lovelace",
                job_title="Analyst",
                language="en-GB",
                time_zone="Europe/London",
                linked_user=LinkedUser("62270350004", "62270351004", "ilm"),
                extra={"t_shirt": "M"},
            ),
        ),
        (),
    )


def test_row_with_everything_wrong_names_it_all_at_once():
    people = read(
        "Vorname,Nachname,E-Mail,Rolle,Sprache,Zeitzone,account_id",
        f"{'A' * 65},,ada@,Speaker,Englisch,Berlin,1",
    )

    assert {(problem.row, problem.email) for problem in people.problems} == {(2, "ada@")}
    assert [(problem.column, problem.message) for problem in people.problems] == [
        ("Vorname", "This has 65 characters, RingCentral takes 64. Shorten it."),
        ("E-Mail", "There must be something after the @-sign. Correct the address."),
        ("Rolle", "'Speaker' is no role. Write Host, CoHost or Panelist."),
        ("Sprache", "'Englisch' is no language tag. Write en."),
        ("Zeitzone", "'Berlin' is no time zone. Did you mean Europe/Berlin?"),
        ("user_id", "A linked user has both account_id and user_id. Fill in both, or neither."),
    ]


@pytest.mark.parametrize("spelling", ["Attendee", "attendees", "Teilnehmerin"])
def test_attendee_is_a_problem_by_name(spelling: str):
    assert faults(
        "first_name,last_name,email,role", f"Ada,Lovelace,ada@example.com,{spelling}"
    ) == [("role", ATTENDEE)]


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        (
            ",Lovelace,ada@example.com,Panelist",
            "Vorname",
            "The first name is missing: a guest needs it.",
        ),
        (
            "Ada,,ada@example.com,Panelist",
            "Nachname",
            "The last name is missing: a guest needs it.",
        ),
        (
            "Ada,Lovelace,,Panelist",
            "E-Mail",
            "The address is missing. Fill it in, or the ids of a linked user.",
        ),
        (
            "Ada,Lovelace,ada@example.com,",
            "Rolle",
            "The role is missing. Write Host, CoHost or Panelist.",
        ),
        (
            "Ada,Lovelace",
            "E-Mail",
            "The address is missing. Fill it in, or the ids of a linked user.",
        ),
    ],
)
def test_guest_lacks_what_ringcentral_asks_for(row: str, column: str, message: str):
    assert faults("Vorname,Nachname,E-Mail,Rolle", row)[0] == (column, message)


def test_linked_user_needs_neither_names_nor_address():
    people = read("role,account_id,user_id", "Panelist,1,2")

    assert people == Roster(
        (Invitee(2, "", Role.PANELIST, linked_user=LinkedUser("1", "2", "pbx")),), ()
    )


@pytest.mark.parametrize("role", ["Host", "CoHost"])
def test_colleague_is_taken_by_address_alone(role: str):
    assert read("email,role", f"ada@example.com,{role}") == Roster(
        (Invitee(2, "ada@example.com", Role(role)),), ()
    )


@pytest.mark.parametrize(("ids", "column"), [("1,", "User ID"), (",2", "Account ID")])
def test_half_a_linked_user_is_a_problem_of_the_missing_half(ids: str, column: str):
    assert faults("email,role,Account ID,User ID", f"ada@example.com,CoHost,{ids}") == [
        (column, "A linked user has both account_id and user_id. Fill in both, or neither.")
    ]


def test_domain_without_ids_beside_it_is_some_companys():
    assert read("email,role,Domain", "ada@example.com,Host,example.com") == Roster(
        (Invitee(2, "ada@example.com", Role.HOST),), ()
    )


def test_domain_of_a_linked_user_is_one_of_two():
    assert faults("role,account_id,user_id,domain", "Host,1,2,example.com") == [
        (
            "domain",
            (
                "'example.com' is no domain of a linked user."
                " Write pbx or ilm, or leave it empty for pbx."
            ),
        )
    ]


def test_damaged_text_in_a_further_column_is_that_columns_problem():
    assert faults("email,role,Notes", "ada@example.com,Host,\x07") == [
        (
            "Notes",
            (
                "This cell holds a damaged or unprintable character (shown as \ufffd)."
                " Type its text again."
            ),
        )
    ]


def test_problem_can_be_printed_whatever_the_row_holds():
    people = read("email,role", "\x1b[31mada@example.com,Host")

    assert [problem.email for problem in people.problems] == ["\ufffd[31mada@example.com"]


def test_cells_are_quoted_in_problems_without_links_and_never_at_length():
    token = "8f3a9c0d1e2b4a5f6a7b8c9d"
    people = read(
        "first_name,last_name,email,role",
        f"Ada,Lovelace,https://v.example/join/{token},https://v.example/join/{token}",
        f"Ada,Lovelace,{'a' * 50_000}@example.com,{'r ' * 50_000}",
    )

    assert [problem.email for problem in people.problems[:2]] == ["(link to v.example)"] * 2
    assert (
        people.problems[1].message
        == "'(link to v.example)' is no role. Write Host, CoHost or Panelist."
    )
    assert token not in str(people)
    assert max(len(problem.email) + len(problem.message) for problem in people.problems) <= 754
