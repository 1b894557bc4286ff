"""Who has joined: participants matched with records, and what stays true without a new look."""

from datetime import UTC, datetime, timedelta

import pytest

from onboarding.model.attendance import (
    AttendanceReading,
    Participant,
    PersonAttendance,
    can_be_known,
    match_participants,
)
from onboarding.model.entries import Attendance
from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import Registration, Session, SessionKey, SessionStatus

START = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
CARLOS_IDS = LinkedUser("800", "12")
RECORDS = {
    "host@example.com": Registration("1", Role.HOST, linked_user=LinkedUser("800", "11")),
    "carlos@example.com": Registration("2", Role.COHOST, linked_user=CARLOS_IDS),
    "ada@example.com": Registration("3", Role.PANELIST, "Ada@example.com"),
    "bob@example.com": Registration("4", Role.PANELIST, "bob@example.com"),
}
WORDS = {Attendance.JOINED: "j", Attendance.MISSING: "m", Attendance.UNKNOWN: "u"}


def panelist(**fields) -> Participant:
    return Participant(Role.PANELIST, **fields)


@pytest.mark.parametrize(
    ("participants", "expected"),
    [
        ([], "mmmm"),
        ([panelist(invitee_id="3")], "mmjm"),
        ([panelist(email="ADA@Example.com")], "mmjm"),
        ([Participant(Role.COHOST, linked_user=CARLOS_IDS)], "mjmm"),
        # The host's record has no address, but the roster's key for it has.
        ([Participant(Role.HOST, email="host@example.com")], "jmmm"),
        # The id of the record counts more than an address.
        ([panelist(invitee_id="4", email="ada@example.com")], "mmmj"),
        # An id that no record has: the next sign decides.
        ([panelist(invitee_id="999", email="ada@example.com")], "mmjm"),
        # One that is no one's may be any of its role, also of those who were found.
        ([panelist(invitee_id="3"), panelist(email="eve@example.com")], "mmuu"),
        ([panelist(invitee_id="3"), panelist()], "mmuu"),
        ([panelist(invitee_id="3"), Participant(Role.COHOST, email="eve@example.com")], "mujm"),
        ([panelist(invitee_id="3"), Participant(None)], "uuuu"),
        # A role that is not understood does no harm where the person is found.
        ([Participant(None, invitee_id="3")], "mmjm"),
    ],
)
def test_participants_are_matched_with_records(participants, expected: str):
    found = match_participants(participants, RECORDS)

    assert list(found) == list(RECORDS)
    assert "".join(WORDS[person.attendance] for person in found.values()) == expected


def test_a_person_who_comes_twice_is_there_since_the_first_time_by_the_better_door():
    wrong = panelist(invitee_id="3", as_attendee=True, joined_at=START)
    right = panelist(invitee_id="3", joined_at=START + timedelta(minutes=4))

    assert match_participants([wrong], RECORDS)["ada@example.com"] == PersonAttendance(
        Attendance.JOINED, START, wrong_door=True
    )
    assert match_participants([right, wrong], RECORDS)["ada@example.com"] == PersonAttendance(
        Attendance.JOINED, START
    )


@pytest.mark.parametrize(("is_final", "certain"), [(False, "j"), (True, "jmu")])
def test_missing_is_certain_only_once_the_session_is_over(is_final, certain: str):
    people = {word: PersonAttendance(attendance) for attendance, word in WORDS.items()}

    assert "".join(AttendanceReading(START, is_final, people=people).certain) == certain


@pytest.mark.parametrize(
    ("status", "minutes", "known"),
    [
        (SessionStatus.ACTIVE, -16, False),
        (SessionStatus.ACTIVE, -15, True),
        (SessionStatus.FINISHED, 90, True),
        (SessionStatus.SCHEDULED, 5, False),
        (SessionStatus.UNKNOWN, 5, False),
    ],
)
def test_who_has_joined_can_be_known_from_the_arrival_on_in_a_session_that_began(
    status, minutes: int, known
):
    session = Session(
        SessionKey("https://rc.example", "1", "2"),
        "Tides",
        START,
        timedelta(hours=1),
        "UTC",
        status,
        join_offset=timedelta(minutes=15),
    )

    assert can_be_known(session, START + timedelta(minutes=minutes)) is known
