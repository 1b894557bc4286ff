"""The roster of a session, as the last run read it: what changed is written, and nothing else."""

import sqlalchemy as sa

from onboarding.ledger import registrations, roster_rows, sessions
from onboarding.model.people import LinkedUser, Problem
from onboarding.model.registrations import Standing
from tests.ledger.making import MINUTE, invitee, seen
from tests.samples import NOW

ADA = invitee("Ada@example.com", row=3, job_title="Analyst", extra={"company": "Lovelace Ltd"})
LIN = invitee("lin@example.com", row=2, first_name="Lin", last_name="Ek")


class Written:
    """Counts the rows that statements write from now on."""

    def __init__(self, connection: sa.Connection) -> None:
        self.rows = 0
        sa.event.listen(connection, "after_cursor_execute", self._count)

    def _count(self, _connection, cursor, statement, *_) -> None:
        if not statement.startswith("SELECT"):
            self.rows += cursor.rowcount


def facts(person):
    """What the report needs of a person."""
    names = (person.first_name, person.last_name, person.job_title)
    return person.row, person.email, person.role, *names, dict(person.extra)


def test_a_roster_is_loaded_in_its_order_with_its_further_columns(connection, session_row):
    roster_rows.store_roster(connection, session_row, [ADA, LIN])

    loaded = roster_rows.load_roster(connection, session_row)

    assert list(loaded) == ["lin@example.com", "ada@example.com"]
    assert [facts(person) for person in loaded.values()] == [facts(LIN), facts(ADA)]


def test_the_same_roster_again_writes_nothing(connection, session_row):
    roster_rows.store_roster(connection, session_row, [ADA, LIN])
    written = Written(connection)

    roster_rows.store_roster(connection, session_row, [LIN, ADA])

    assert written.rows == 0


def test_only_the_changed_row_is_written_and_who_left_is_forgotten(connection, session_row):
    tim = invitee("tim@example.com", row=4)
    roster_rows.store_roster(connection, session_row, [ADA, LIN, tim])
    written = Written(connection)
    moved = invitee("Ada@example.com", row=3, job_title="Head of Analysis")

    roster_rows.store_roster(connection, session_row, [moved, LIN])

    loaded = roster_rows.load_roster(connection, session_row)
    assert {key: person.job_title for key, person in loaded.items()} == {
        "lin@example.com": "",
        "ada@example.com": "Head of Analysis",
    }
    assert written.rows == 3  # two are deleted, one is inserted


def test_a_person_without_an_address_is_kept_by_ids(connection, session_row):
    user = invitee("", linked_user=LinkedUser("800", "900"))

    roster_rows.store_roster(connection, session_row, [user])

    assert list(roster_rows.load_roster(connection, session_row)) == ["800/900"]


def test_rows_belong_to_their_session(connection, session_row):
    roster_rows.store_roster(connection, session_row, [ADA])
    roster_rows.store_roster(connection, seen(connection, 2), [])

    assert list(roster_rows.load_roster(connection, session_row)) == ["ada@example.com"]


def test_registered_at_is_when_the_person_was_last_added(connection, session_row):
    def stand(standing, at):
        registrations.set_standing(connection, session_row, [ADA], standing, at)

    stand(Standing.ADDED, NOW)
    stand(Standing.REMOVED, NOW + MINUTE)
    assert registrations.list_registered_at(connection, session_row) == {}

    stand(Standing.ADDED, NOW + 2 * MINUTE)
    stand(Standing.UPDATED, NOW + 3 * MINUTE)
    assert registrations.list_registered_at(connection, session_row) == {
        "ada@example.com": NOW + 2 * MINUTE
    }


def test_notes_of_a_run_can_be_listed_apart(connection, session_row):
    problem, note = Problem(2, "role", "", "bad"), Problem(None, None, "", "worth knowing")

    sessions.record_run_end(connection, session_row, [problem], 1, NOW, notes=[note])

    assert sessions.list_problems(connection, session_row) == [problem, note]
    assert sessions.list_problems(connection, session_row, only_notes=True) == [note]
