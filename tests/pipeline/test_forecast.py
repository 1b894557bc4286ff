"""How long sending takes at the configured pace, and whether that is before the panel joins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from onboarding.model.sessions import Session, SessionKey, SessionStatus
from onboarding.pipeline.forecast import forecast, in_words, sending_takes
from onboarding.smtp.settings import SmtpSettings

START = datetime(2027, 3, 1, 15, 0, tzinfo=UTC)
SESSION = Session(
    key=SessionKey("https://ringcentral.example", "1", "2"),
    title="The Launch",
    start=START,
    duration=timedelta(hours=1),
    time_zone="Europe/Berlin",
    status=SessionStatus.SCHEDULED,
    join_offset=timedelta(minutes=15),
)
TWO_SECONDS, HOUR, NONE = timedelta(seconds=2), timedelta(hours=1), timedelta()


def smtp(**fields: object) -> SmtpSettings:
    return SmtpSettings(**{"host": "127.0.0.1", "security": "none", **fields})


@pytest.mark.parametrize(
    ("messages", "interval", "per_day", "takes"),
    [
        (0, TWO_SECONDS, None, timedelta()),
        (1, TWO_SECONDS, None, timedelta()),
        (99, TWO_SECONDS, None, timedelta(seconds=196)),
        (99, NONE, None, timedelta()),
        (10, NONE, 10, timedelta()),
        (11, NONE, 10, timedelta(hours=25)),
        (25, TWO_SECONDS, 10, timedelta(hours=50, seconds=8)),
        (31, HOUR, 30, timedelta(hours=30)),
        (1, NONE, 1, timedelta()),
    ],
)
def test_sending_takes_its_pace_and_no_more_than_the_cap_in_a_day(
    messages, interval, per_day, takes
):
    assert sending_takes(messages, interval, per_day) == takes


@pytest.mark.parametrize(
    ("messages", "settings", "before", "told"),
    [
        (0, {"rate": "30/minute"}, HOUR, ""),
        (
            91,
            {"rate": "30/minute"},
            HOUR,
            "Sending 91 mails takes 3 minutes at 30/minute: done before the panel joins, 42 minutes to spare.",
        ),
        (
            91,
            {"rate": "60/hour"},
            HOUR,
            (
                "Sending 91 mails takes 1 hour 30 minutes at 60/hour: done NOT before the panel joins, "
                "but 45 minutes too late."
            ),
        ),
        (
            21,
            {"per_day": 20, "rate": "30/minute"},
            timedelta(days=3),
            (
                "Sending 21 mails takes 1 day 1 hour at 30/minute and 20 a day: done before the panel joins, "
                "1 day 22 hours to spare."
            ),
        ),
        (
            1,
            {},
            HOUR,
            (
                "Sending 1 mail goes as fast as the mail server takes it: done before the panel joins, "
                "45 minutes to spare."
            ),
        ),
        (
            2,
            {},
            timedelta(),
            (
                "Sending 2 mails goes as fast as the mail server takes it: done NOT before the panel joins, "
                "but 15 minutes too late."
            ),
        ),
    ],
)
def test_forecast_says_how_long_and_whether_that_is_before_the_panel_joins(
    messages, settings, before, told
):
    assert forecast(messages, smtp(**settings), SESSION, START - before) == told


def test_forecast_counts_to_the_start_where_nobody_has_to_come_early():
    session = replace(SESSION, join_offset=timedelta())
    assert "15 minutes to spare" in forecast(1, smtp(), session, START - timedelta(minutes=15))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(minutes=1, seconds=20), "1 minute"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(days=1, minutes=5), "1 day 5 minutes"),
        (timedelta(days=2, hours=3, minutes=4), "2 days 3 hours"),
    ],
)
def test_lengths_of_time_are_told_in_two_units_at_most(span, words):
    assert in_words(span) == words
