"""Until when a webinar is paused, as a person writes it, and when it is said again."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from onboarding.model.pauses import Pause, TimeNotUnderstoodError, parse_until

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
"""11:00 in Berlin."""


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("18:30", NOW, datetime(2026, 9, 1, 18, 30, tzinfo=BERLIN)),
        (" 9:05 ", NOW, datetime(2026, 9, 2, 9, 5, tzinfo=BERLIN)),
        ("11:00", NOW, datetime(2026, 9, 2, 11, 0, tzinfo=BERLIN)),
        ("2026-09-03T08:00", NOW, datetime(2026, 9, 3, 8, 0, tzinfo=BERLIN)),
        ("2026-09-03 08:00", NOW, datetime(2026, 9, 3, 8, 0, tzinfo=BERLIN)),
        ("2026-09-03T08:00Z", NOW, datetime(2026, 9, 3, 8, 0, tzinfo=UTC)),
        (
            "2026-09-03T08:00-05:00",
            NOW,
            datetime(2026, 9, 3, 8, 0, tzinfo=timezone(-timedelta(hours=5))),
        ),
        # The clocks go forward at 02:00 and back at 03:00: the gap is jumped, the first of two.
        ("2027-03-28T02:30", NOW, datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        ("2026-10-25T02:30", NOW, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (
            "12:00",
            datetime(2026, 10, 24, 10, 30, tzinfo=UTC),
            datetime(2026, 10, 25, 11, tzinfo=UTC),
        ),
    ],
)
def test_a_time_is_read_in_the_sessions_zone(text: str, now: datetime, expected: datetime):
    assert parse_until(text, BERLIN, now).astimezone(UTC) == expected.astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tomorrow", "is not understood"),
        ("25:00", "is not understood"),
        ("2026-02-30T10:00", "is not understood"),
        ("2026-08-31T10:00", "is past"),
        ("2026-09-01T11:00", "is past"),
        ("2026-09-01T09:00Z", "is past"),
        ("9999-12-31T23:59", "is too far away"),
    ],
)
def test_a_time_that_is_none_or_is_past_is_refused(text: str, said: str):
    with pytest.raises(TimeNotUnderstoodError, match=said):
        parse_until(text, BERLIN, NOW)


@pytest.mark.parametrize("text", ["18:30", "2026-09-03T08:00"])
def test_without_the_sessions_zone_an_offset_is_needed(text: str):
    with pytest.raises(TimeNotUnderstoodError, match="with its offset"):
        parse_until(text, None, NOW)
    assert parse_until("2026-09-03T08:00+02:00", None, NOW) > NOW


def test_a_pause_is_over_at_its_end_and_is_reported_once_a_day():
    endless = Pause(NOW)
    until = Pause(NOW, NOW + timedelta(hours=1), reported_at=NOW)

    assert endless.is_on(NOW + timedelta(days=999))
    assert (until.is_on(NOW), until.is_on(NOW + timedelta(hours=1))) == (True, False)
    assert endless.is_report_due(NOW)
    assert not until.is_report_due(NOW + timedelta(hours=23))
    assert until.is_report_due(NOW + timedelta(days=1))
