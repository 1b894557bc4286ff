"""The guide for producers says what the program does: columns, spellings, names, problems."""

from pathlib import Path

import pytest

from onboarding import roster
from onboarding.roster.header import Column, parse_header, template_name
from onboarding.roster.reader import FORMATS

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "roster.md").read_text(encoding="utf-8")


def table(first_header: str) -> list[list[str]]:
    """The cells of the table whose first header is this one."""
    lines = GUIDE.partition(f"\n| {first_header} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


SPELLINGS = [
    (column, spelling)
    for name, *_, spellings in table("column")
    for column in [name.strip("`")]
    for spelling in (column, *filter(None, spellings.split(", ")))
]


def test_guide_names_every_column():
    assert {column for column, _ in SPELLINGS} == set(Column)


@pytest.mark.parametrize(("column", "spelling"), SPELLINGS)
def test_spelling_in_the_guide_is_understood(column: str, spelling: str):
    others = [other for other in Column if other != column]

    assert parse_header([spelling, *others], {}, "guide").indexes[Column(column)] == 0


@pytest.mark.parametrize(("header", "expression"), table("header"))
def test_name_for_templates_in_the_guide_is_right(header: str, expression: str):
    assert f"`{{{{ invitee.extra.{template_name(header.strip('`'))} }}}}`" == expression


def test_problems_in_the_guide_are_those_of_the_program():
    rows = [
        "Vorname;Nachname;E-Mail;Rolle;Zeitzone",
        "Ada;Lovelace;ada@example.com;Host;",
        "Bob;Bauer;bob@example.com;Speaker;Berlin",
        *[";;;;"] * 3,
        "A.;Lovelace;ADA@example.com;Panelist;",
    ]

    problems = roster.read("\n".join(rows).encode()).problems

    shown = [
        f"row {problem.row}   {problem.column or '':<8}   {problem.message}" for problem in problems
    ]
    assert "\n".join(shown) in GUIDE


def test_json_in_the_guide_is_read():
    example = GUIDE.partition("```json\n")[2].partition("```")[0]

    people = roster.read(example.encode())

    assert [(invitee.row, invitee.name) for invitee in people.invitees] == [(2, "Ada Lovelace")]
    assert people.problems == ()


def test_guide_names_every_format():
    for form in FORMATS:
        ending = f"`.{form.name.lower().rpartition(' ')[2]}`"
        assert ending in GUIDE, (
            f"The format {form.name} is not in docs/guides/roster.md: name its ending {ending}."
        )
