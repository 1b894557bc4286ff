"""What previews are made from: the people, what is known, and what is a sample and says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onboarding.config import Config, load
from onboarding.ledger.sessions import StoredSession
from onboarding.model.kinds import Kind
from onboarding.model.people import Colleague, Invitee, LinkedUser, Problem, Role, Roster
from onboarding.model.sessions import SessionKey, SessionStatus
from onboarding.pipeline.preview_messages import (
    LINKS,
    PHONE_CODE,
    SAMPLE_PEOPLE,
    KnownFacts,
    build_preview,
)
from onboarding.pipeline.target import find_target
from onboarding.reports.preview import Preview
from tests.stage import CONFIG, NAME

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
USER = LinkedUser("800100200", "800100202")
GUEST = Invitee(2, "anna@example.com", Role.PANELIST, "Anna", "Author")
COLLEAGUE = Invitee(3, "", Role.COHOST, linked_user=USER)
SEEN = StoredSession(
    id=1,
    key=SessionKey("https://platform.example", "123456789012", "5550001"),
    title="The Launch",
    start=datetime(2027, 4, 6, 9, 30, tzinfo=UTC),
    duration=timedelta(minutes=45),
    time_zone="Asia/Tokyo",
    status=SessionStatus.SCHEDULED,
    run_at=NOW,
    heavy_calls=4,
)


MESSAGES = ["invitation", "update", "cancellation", "call-off"]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    return load(tmp_path / "config.toml", {})


def made(
    config: Config, facts: KnownFacts, *people: Invitee, problems: tuple[Problem, ...] = ()
) -> Preview:
    return build_preview(config, find_target(config, NAME), Roster(people, problems), facts, NOW)


def test_every_person_has_a_letter_of_every_kind_with_a_made_up_link_of_their_own(config):
    preview = made(config, KnownFacts(), GUEST, COLLEAGUE)
    assert list(preview.requests) == [(row, name) for row in (2, 3) for name in MESSAGES]
    links = {
        key: request.join_link.get_secret_value()
        for key, request in preview.requests.items()
        if request.join_link
    }
    assert {kind for _row, kind in links} == {Kind.INVITATION, Kind.UPDATE}
    assert [link.startswith(LINKS) for link in links.values()] == [True] * 4
    assert [len({link for (of, _kind), link in links.items() if of == row}) for row in (2, 3)] == [
        1,
        1,
    ]
    assert len(set(links.values())) == 2


def test_session_is_the_one_that_the_last_run_saw(config):
    session = (
        made(config, KnownFacts(SEEN, dial_in=False), GUEST).requests[2, Kind.INVITATION].session
    )
    assert (session.title, session.start, session.duration, session.time_zone) == (
        *("The Launch", SEEN.start, SEEN.duration, "Asia/Tokyo"),
    )


def test_unknown_session_is_a_sample_on_a_working_day(config):
    session = made(config, KnownFacts(), GUEST).requests[2, Kind.INVITATION].session
    assert (session.title, session.start) == ("Launch", datetime(2027, 3, 16, 13, 0, tzinfo=UTC))
    assert session.start.strftime("%A") == "Tuesday"


def test_an_update_replaces_another_time(config):
    letters = made(config, KnownFacts(SEEN), GUEST).requests
    assert letters[2, Kind.UPDATE].previous.start == SEEN.start - timedelta(days=1)
    assert [kind for kind in MESSAGES if letters[2, kind].previous] == [Kind.UPDATE]


@pytest.mark.parametrize(("dial_in", "code"), [(None, PHONE_CODE), (True, PHONE_CODE), (False, "")])
def test_dial_in_code_is_shown_unless_the_webinar_has_none(config, dial_in, code):
    letter = made(config, KnownFacts(SEEN, dial_in), GUEST).requests[2, Kind.INVITATION]
    assert letter.registration.phone_code == code


def test_a_colleague_is_shown_as_the_directory_last_had_them(config):
    known = KnownFacts(
        colleagues=[Colleague(USER, "carlos@brightwater.example", "Carlos", "Ortega")]
    )
    (person,) = made(config, known, COLLEAGUE).people
    assert (person.name, person.email) == ("Carlos Ortega", "carlos@brightwater.example")


def test_a_colleague_whom_no_directory_has_shown_yet_has_a_sample_address(config):
    (person,) = made(config, KnownFacts(), COLLEAGUE).people
    assert person.email == "colleague-3@sample.example"


def test_empty_roster_shows_sample_people_and_says_so(config):
    preview = made(config, KnownFacts(SEEN, dial_in=False))
    assert preview.people == SAMPLE_PEOPLE
    assert (
        preview.notes[-1] == "The roster has no person who can be mailed: these are sample people."
    )


@pytest.mark.parametrize(
    ("facts", "samples"),
    [
        (KnownFacts(), ["No run has looked", "Whether the webinar has dial-in"]),
        (KnownFacts(SEEN, dial_in=True), ["The dial-in code"]),
        (KnownFacts(SEEN, dial_in=False), []),
    ],
)
def test_notes_say_what_is_a_sample(config, facts, samples):
    first, *notes = made(config, facts, GUEST).notes
    assert first == "Join links are made up. They open nothing."
    others = [note for note in notes if not note.startswith("Arriving")]
    assert len(others) == len(samples)
    assert all(note.startswith(sample) for note, sample in zip(others, samples, strict=True))


def test_notes_name_the_rows_that_are_not_shown(config):
    problem = Problem(7, "email", "anna@", "this is no address")
    assert (
        made(config, KnownFacts(), GUEST, problems=(problem,)).notes[-1]
        == "Roster row 7, email, anna@: this is no address"
    )
