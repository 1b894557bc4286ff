"""Times in a person's language and zone, across zones and daylight-saving changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from onboarding.messages.dates import LocalDate, format_duration, locale_of, localize
from onboarding.model.time_zones import zone_named

SPRING = datetime(
    2026, 3, 29, 0, 30, tzinfo=UTC
)  # half an hour before Central Europe's clocks change
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("at", "zone", "language", "said"),
    [
        (
            SPRING,
            "Europe/Berlin",
            "de",
            LocalDate("Sonntag, 29. März 2026", "01:30", "Mitteleuropäische Normalzeit"),
        ),
        (
            SPRING + HOUR,
            "Europe/Berlin",
            "de",
            LocalDate("Sonntag, 29. März 2026", "03:30", "Mitteleuropäische Sommerzeit"),
        ),
        (
            SPRING,
            "America/Chicago",
            "en_US",
            LocalDate("Saturday, March 28, 2026", "7:30\u00a0PM", "Central Daylight Time"),
        ),
        (SPRING, "Asia/Tokyo", "ja", LocalDate("2026年3月29日日曜日", "9:30", "日本標準時")),
        (
            SPRING,
            "Europe/Paris",
            "fr",
            LocalDate("dimanche 29 mars 2026", "01:30", "heure normale d\u2019Europe centrale"),
        ),
        (
            SPRING,
            "Europe/Kyiv",
            "en_GB",
            LocalDate("Sunday, 29 March 2026", "02:30", "Eastern European Standard Time"),
        ),
        (
            SPRING,
            "Europe/Istanbul",
            "en_GB",
            LocalDate("Sunday, 29 March 2026", "03:30", "Türkiye Time"),
        ),
        (SPRING, "Etc/GMT-3", "en_GB", LocalDate("Sunday, 29 March 2026", "03:30", "GMT+03:00")),
        (
            SPRING,
            "Asia/Calcutta",
            "en_GB",
            LocalDate("Sunday, 29 March 2026", "06:00", "India Standard Time"),
        ),
        (
            SPRING,
            "Asia/Kolkata",
            "en_GB",
            LocalDate("Sunday, 29 March 2026", "06:00", "India Standard Time"),
        ),
    ],
)
def test_a_moment_is_told_in_zone_and_language(at, zone, language, said):
    assert localize(at, ZoneInfo(zone), Locale.parse(language)) == said


@pytest.mark.parametrize(
    ("minutes", "language", "said"),
    [
        (0, "en", "0 minutes"),
        (1, "en", "1 minute"),
        (60, "en", "1 hour"),
        (90, "en", "1 hour 30 minutes"),
        (90, "de", "1 Stunde 30 Minuten"),
        (90, "ja", "1 時間 30 分"),
        (1500, "en", "25 hours"),
        (29.6, "en", "30 minutes"),
    ],
)
def test_a_duration_is_told_in_hours_and_minutes(minutes, language, said):
    assert format_duration(timedelta(minutes=minutes), Locale.parse(language)) == said


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("de", "de"),
        ("de-AT", "de_AT"),
        ("de_at", "de_AT"),
        ("EN-us", "en_US"),
        ("xx", None),
        ("", None),
        ("a b", None),
    ],
)
def test_a_language_tag_is_understood_however_it_is_written(tag, locale):
    found = locale_of(tag)

    assert (str(found) if found else None) == locale


@pytest.mark.parametrize(
    ("zone", "language", "said"),
    [
        ("UTC-05:30", "en", "GMT-05:30"),
        ("UTC-00:30", "en", "GMT-00:30"),
        ("UTC+02:00", "fr", "UTC+02:00"),
        ("UTC+05:45", "de", "GMT+05:45"),
    ],
)
def test_an_offset_is_written_as_the_language_does(zone, language, said):
    assert (
        localize(datetime(2026, 7, 1, 12, tzinfo=UTC), zone_named(zone), Locale(language)).zone
        == said
    )
