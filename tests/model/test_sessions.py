"""Times that follow from a session's facts, and the fingerprint that stands for a join link."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from onboarding.model.sessions import Session, SessionKey, SessionStatus, link_digest

KEY = SessionKey("https://ringcentral.example", "webinar-1", "session-1")
SESSION = Session(
    key=KEY,
    title="Spring launch",
    start=datetime(2026, 9, 1, 9, 0, tzinfo=UTC),
    duration=timedelta(minutes=90),
    time_zone="Europe/Berlin",
    status=SessionStatus.SCHEDULED,
    join_offset=timedelta(minutes=20),
)


def test_session_ends_and_the_panel_arrives_as_its_facts_say():
    assert SESSION.end == datetime(2026, 9, 1, 10, 30, tzinfo=UTC)
    assert SESSION.arrive_by == datetime(2026, 9, 1, 8, 40, tzinfo=UTC)


def test_session_key_reads_as_its_two_ids():
    assert str(KEY) == "webinar-1/session-1"


@given(first=st.text(), second=st.text())
def test_links_have_one_fingerprint_only_if_they_are_one(first, second):
    assert (link_digest(SecretStr(first)) == link_digest(SecretStr(second))) is (first == second)


def test_fingerprint_is_no_key_to_the_stage():
    link = "https://ringcentral.example/w/abc"

    digest = link_digest(SecretStr(link))
    assert (len(digest), "abc" in digest, link in digest) == (64, False, False)
