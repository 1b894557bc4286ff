"""The rows of a roster that need correcting, as a roster that the reader takes back."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.errors import ConfigurationError
from onboarding.model.people import Problem
from onboarding.roster import find_failed_rows, read

HEADER = "Vorname,Nachname,E-Mail,Rolle,Wahl"
GOOD = "Ada,Lovelace,ada@example.com,Panelist,a"
BAD_ROLE = "Eve,Ek,eve@example.com,Speaker,b"
BAD_ADDRESS = "Bob,Bauer,bob@,Panelist,"


def failed_of(*lines: str, faults=()):
    return find_failed_rows("\n".join([HEADER, *lines]).encode(), faults=faults)


def test_rows_with_a_problem_keep_their_cells_and_get_the_error():
    failed = failed_of(GOOD, "", BAD_ROLE, BAD_ADDRESS)

    assert failed.header == ("Vorname", "Nachname", "E-Mail", "Rolle", "Wahl", "error")
    assert [row[:5] for row in failed.rows] == [
        ("Eve", "Ek", "eve@example.com", "Speaker", "b"),
        ("Bob", "Bauer", "bob@", "Panelist", ""),
    ]
    assert [row[5].split()[0] for row in failed.rows] == ["Rolle:", "E-Mail:"]


def test_all_that_is_wrong_with_a_row_is_in_one_cell():
    ((*_cells, error),) = failed_of(",,bob@,Speaker,").rows

    assert [error.count(f"{column}: ") for column in ("E-Mail", "Rolle")] == [1, 1]


def test_what_came_of_a_person_is_at_their_row():
    refused = Problem(None, None, "ADA@example.com", "RingCentral refused them.")
    other = Problem(None, None, "tim@example.com", "no row of this roster")

    failed = failed_of(GOOD, BAD_ROLE, faults=[refused, other])

    assert [row[-1].split(":")[0] for row in failed.rows] == ["RingCentral refused them.", "Rolle"]


def test_second_row_of_a_person_is_at_fault_and_not_the_first():
    (problem,) = read(f"{HEADER}\n{GOOD}\n{GOOD}".encode()).problems

    failed = failed_of(GOOD, GOOD, faults=[problem])

    assert len(failed.rows) == 1
    assert failed.rows[0][-1] == problem.message


def test_roster_that_has_the_column_already_gets_no_second_one():
    content = b"Error,E-Mail,Rolle\nold words,eve@example.com,Speaker\n"

    failed = find_failed_rows(content)

    assert failed.header == ("E-Mail", "Rolle", "error")
    assert "old words" not in failed.rows[0]


def test_roster_without_a_fault_has_no_failed_rows():
    assert failed_of(GOOD).rows == ()


def test_roster_that_can_not_be_read_is_refused_as_by_a_run():
    with pytest.raises(ConfigurationError, match="is empty"):
        find_failed_rows(b"", "invitees.csv")


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\t"), max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=6))
def test_every_failed_row_is_a_failed_row_again_when_it_is_read_back(rows):
    written = write(HEADER.split(","), rows)
    try:
        failed = find_failed_rows(written)
    except ConfigurationError:  # none of the rows has a person in it
        return
    if not failed.rows:
        return

    again = find_failed_rows(write(failed.header, failed.rows))

    assert [row[:-1] for row in again.rows] == [row[:-1] for row in failed.rows]


def write(header, rows) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([header, *rows])
    return stream.getvalue().encode("utf-8-sig")
