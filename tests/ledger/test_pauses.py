"""Which webinars are paused: a pause holds for the webinar and for each of its sessions."""

from datetime import timedelta

import pytest

from onboarding.ledger import pauses
from onboarding.model.pauses import Pause
from tests.ledger.making import NOW

SERVER = "https://ringcentral.example"


@pytest.mark.parametrize(
    ("session", "asked", "holds"),
    [("", "", True), ("", "7", True), ("7", "", True), ("7", "7", True), ("7", "8", False)],
)
def test_a_pause_holds_for_the_webinar_and_its_sessions(connection, session, asked, holds):
    pauses.set_pause(connection, SERVER, "1", session, None, NOW)

    found = pauses.load_pause(connection, SERVER, "1", asked, NOW)
    assert found == (Pause(NOW) if holds else None)
    assert pauses.load_pause(connection, SERVER, "2", asked, NOW) is None
    assert pauses.load_pause(connection, "https://other.example", "1", asked, NOW) is None
    assert pauses.remove_pauses(connection, SERVER, "1", asked) == int(holds)
    assert pauses.load_pause(connection, SERVER, "1", asked, NOW) is None


def test_a_new_pause_replaces_the_old_one_and_is_reported_again(connection):
    later = NOW + timedelta(hours=1)
    pauses.set_pause(connection, SERVER, "1", "", None, NOW)
    pauses.record_reported(connection, SERVER, "1", "", NOW)
    assert pauses.load_pause(connection, SERVER, "1", "", NOW) == Pause(NOW, None, NOW)

    pauses.set_pause(connection, SERVER, "1", "", later, NOW)
    assert pauses.load_pause(connection, SERVER, "1", "", NOW) == Pause(NOW, later)
    assert pauses.load_pause(connection, SERVER, "1", "", later) is None


def test_of_several_pauses_the_longest_counts(connection):
    later = NOW + timedelta(hours=1)
    pauses.set_pause(connection, SERVER, "1", "7", later, NOW)
    pauses.set_pause(connection, SERVER, "1", "8", later + timedelta(hours=1), NOW)
    assert pauses.load_pause(connection, SERVER, "1", "", NOW).until == later + timedelta(hours=1)
    pauses.set_pause(connection, SERVER, "1", "", None, NOW)
    assert pauses.load_pause(connection, SERVER, "1", "", NOW).until is None
