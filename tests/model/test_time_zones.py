"""Names of time zones: IANA's, those of Windows, offsets; what means nothing here means UTC."""

from datetime import UTC, datetime, timedelta

import pytest
from babel.core import get_global
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.time_zones import (
    canonical,
    format_in_zone,
    format_with_zone,
    iana_names,
    zone_named,
)

SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant", "offset"),
    [
        ("Europe/Berlin", "Europe/Berlin", 2),
        ("europe/BERLIN", "Europe/Berlin", 2),
        ("America/New York", "America/New_York", -4),
        ("Asia/Calcutta", "Asia/Calcutta", 5.5),
        ("Etc/GMT+5", "Etc/GMT+5", -5),
        ("UTC", "UTC", 0),
        ("Z", "UTC", 0),
        ("W. Europe Standard Time", "Europe/Berlin", 2),
        ("w. europe  standard time", "Europe/Berlin", 2),
        ("W. Europe Daylight Time", "Europe/Berlin", 2),
        ("Pacific Standard Time", "America/Los_Angeles", -7),
        ("India Standard Time", "Asia/Calcutta", 5.5),
        ("UTC+2", "UTC+02:00", 2),
        ("utc + 2", "UTC+02:00", 2),
        ("GMT-05:30", "UTC-05:30", -5.5),
        ("+02:00", "UTC+02:00", 2),
        ("+0545", "UTC+05:45", 5.75),
        ("UTC\u22123", "UTC-03:00", -3),
        ("GMT+00:00", "UTC", 0),
        ("UTC+14", "UTC+14:00", 14),
    ],
)
def test_a_name_is_understood_in_every_usual_spelling(written, meant, offset):
    assert canonical(written) == meant
    assert SUMMER.astimezone(zone_named(written)).utcoffset() == timedelta(hours=offset)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            " ",
            "Mars/Olympus",
            "Berlin",
            "CST",
            "../../etc/passwd",
            "Europe",
            "Europe/",
            "/etc/localtime",
        ),
        *(
            "localtime",
            "Factory",
            "UTC+15",
            "UTC-13",
            "UTC+2:75",
            "+",
            "UTC+",
            "2",
            "(UTC+01:00) Amsterdam, Berlin",
        ),
        *("\x00", "\ud800", "x" * 5000),
    ],
)
def test_what_means_nothing_here_is_utc(written):
    assert canonical(written) is None
    assert SUMMER.astimezone(zone_named(written)).utcoffset() == timedelta()


@pytest.mark.parametrize("name", sorted(get_global("windows_zone_mapping")))
def test_every_name_of_windows_is_a_zone(name):
    assert canonical(name) is not None


@pytest.mark.parametrize("name", sorted(iana_names().values()))
def test_every_zone_of_this_machine_keeps_its_name(name):
    assert canonical(name) == name


@given(st.text())
def test_no_name_stops_anybody(name):
    meant = canonical(name)

    assert SUMMER.astimezone(zone_named(name)).utcoffset() is not None
    assert meant is None or canonical(meant) == meant


@pytest.mark.parametrize(
    ("name", "short", "whole"),
    [
        ("Europe/Berlin", "2026-07-01 14:00 CEST", "2026-07-01 14:00 CEST (Europe/Berlin)"),
        (
            "America/Sao_Paulo",
            "2026-07-01 09:00 UTC-03",
            "2026-07-01 09:00 UTC-03 (America/Sao_Paulo)",
        ),
        ("UTC+05:30", "2026-07-01 17:30 UTC+05:30", "2026-07-01 17:30 UTC+05:30"),
        ("UTC", "2026-07-01 12:00 UTC", "2026-07-01 12:00 UTC"),
        ("Mars/Base", "2026-07-01 12:00 UTC", "2026-07-01 12:00 UTC"),
    ],
)
def test_time_is_shown_with_the_name_of_its_zone(name, short, whole):
    assert (format_in_zone(SUMMER, name), format_with_zone(SUMMER, name)) == (short, whole)
