"""How long sending takes at the configured pace, and whether that is early enough."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from onboarding.model.sessions import Session, SessionKey, SessionStatus
from onboarding.pipeline.forecast import forecast, format_span, is_late, sending_time
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
    assert sending_time(messages, interval, per_day) == takes


@pytest.mark.parametrize(
    ("messages", "settings", "before", "sentence"),
    [
        (0, {"rate": "30/minute"}, HOUR, ""),
        (
            91,
            {"rate": "30/minute"},
            HOUR,
            "91 emails will be sent in 3 minutes (30/minute), 42 minutes before the panel joins.",
        ),
        (
            91,
            {"rate": "60/hour"},
            HOUR,
            (
                "91 emails will be sent in 1 hour 30 minutes (60/hour), "
                "45 minutes AFTER the panel joins."
            ),
        ),
        (
            21,
            {"per_day": 20, "rate": "30/minute"},
            timedelta(days=3),
            (
                "21 emails will be sent in 1 day 1 hour (30/minute and 20 a day), "
                "1 day 22 hours before the panel joins."
            ),
        ),
        (
            6,
            {"per_day": 20},
            timedelta(days=18, hours=1),
            "6 emails will be sent at once, 18 days before the panel joins.",
        ),
        (1, {}, HOUR, "1 email will be sent at once, 45 minutes before the panel joins."),
        (
            1,
            {"rate": "30/minute"},
            HOUR,
            "1 email will be sent at once, 45 minutes before the panel joins.",
        ),
        (2, {}, timedelta(), "2 emails will be sent at once, 15 minutes AFTER the panel joins."),
    ],
)
def test_forecast_says_how_long_and_whether_that_is_before_the_panel_joins(
    messages, settings, before, sentence
):
    assert forecast(messages, smtp(**settings), SESSION.arrive_by, START - before) == sentence
    assert is_late(messages, smtp(**settings), SESSION.arrive_by, START - before) is (
        "AFTER" in sentence
    )


@pytest.mark.parametrize(
    ("rate", "sentence"),
    [
        ("30/minute", "91 emails will be sent in 3 minutes (30/minute)."),
        ("60/hour", "91 emails will be sent in 1 hour 30 minutes (60/hour)."),
    ],
)
def test_forecast_without_a_panel_that_joins_says_how_long(rate, sentence):
    late = START + HOUR
    assert forecast(91, smtp(rate=rate), None, late) == sentence
    assert not is_late(91, smtp(rate=rate), None, late)


def test_forecast_counts_to_the_start_if_the_panel_need_not_come_early():
    session = replace(SESSION, join_offset=timedelta())
    assert "15 minutes before the panel joins" in forecast(
        1, smtp(), session.arrive_by, START - timedelta(minutes=15)
    )


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
        (timedelta(days=6, hours=23, minutes=59), "6 days 23 hours"),
        (timedelta(days=7, hours=3), "7 days"),
    ],
)
def test_spans_have_two_units_at_most(span, words):
    assert format_span(span) == words
