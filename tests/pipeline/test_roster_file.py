"""A roster of the panel that is registered: read back, it changes nothing at RingCentral."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding import roster
from onboarding.model.people import Role
from onboarding.model.registrations import Change, ManagedRegistration, Standing
from onboarding.pipeline.roster_file import find_problems, list_panel, render_roster
from onboarding.plan import Options, make_plan
from tests.plan.people import colleague, guest, host, linked, make_snapshot, odd, row

NAMES = (
    "Ada",
    "=1+1",
    "@SUM(A1)",
    "-2",
    "+49 30 1234",
    "\uff1dcmd",
    "O'Hara; Smith, Jr.",
    'Jörg "Joe"',
    "李",
    "N/A",
    "1E5",
    "007",
)
"""Names that a spreadsheet would run, quote or change, and usual ones."""

FILES = (None, Path("panel.csv"), Path("panel.xlsx"))
MADE_AT = datetime(2026, 9, 1, 9, tzinfo=UTC)


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=6),
    st.sampled_from(FILES),
)
def test_the_roster_read_back_changes_nothing(names: list[tuple[str, str]], file: Path | None):
    there = (
        host(email="henry@example.com"),
        linked("carlos", email="carlos@example.com"),
        *(
            guest(f"guest{number}", first_name=first, last_name=last, job_title=last)
            for number, (first, last) in enumerate(names)
        ),
    )
    snapshot = make_snapshot(there=there)

    content = render_roster(list_panel(snapshot), file, MADE_AT)
    read = roster.read(content)

    assert find_problems(content) == ()
    assert [person.role for person in read.invitees][:2] == [Role.HOST, Role.COHOST]
    for person, (first, last) in zip(read.invitees[2:], names, strict=True):
        assert (person.first_name, person.last_name, person.job_title) == (first, last, last)
    again = make_snapshot(*read.invitees, there=there)
    plan = make_plan(again, Options(adopt=True, as_told=True))
    assert (plan.change, plan.mail, plan.problems) == (Change(), (), ())


@pytest.mark.parametrize("file", FILES[1:])
def test_what_this_ledger_knows_of_a_person_is_written_too(file: Path):
    snapshot = make_snapshot(
        there=(linked("carlos"), guest("ada")),
        untouched=(odd(guest("tom"), ""),),
        known={"ada": _known("ada")},
        colleagues=(colleague("carlos"),),
    )

    carlos, ada = roster.read(render_roster(list_panel(snapshot), file, MADE_AT)).invitees

    assert (ada.language, ada.time_zone) == ("de", "Europe/Berlin")
    assert (carlos.email, carlos.first_name, carlos.linked_user) == (
        "carlos@example.com",
        "Carlos",
        linked("carlos").linked_user,
    )


def _known(name: str) -> ManagedRegistration:
    return ManagedRegistration(row(name, language="de", time_zone="Europe/Berlin"), Standing.ADDED)


def test_what_ringcentral_lacks_is_a_problem_by_row():
    snapshot = make_snapshot(there=(guest("ada"), guest("bob", last_name="")))

    (problem,) = find_problems(render_roster(list_panel(snapshot), None, MADE_AT))

    assert (problem.row, problem.column, problem.email) == (3, "last_name", "bob@example.com")
