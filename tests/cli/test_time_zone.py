"""The variable TZ: what the C library reads is left alone, all else means UTC and is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onboarding.cli.process import check_time_zone, is_readable

ZONES = Path("/usr/share/zoneinfo")
WITH_ZONES = pytest.mark.skipif(not ZONES.exists(), reason="this machine has no list of time zones")


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        ":UTC",
        "UTC0",
        "EST5EDT",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "<+0330>-3:30",
        "ABC+12",
        pytest.param("Europe/Berlin", marks=WITH_ZONES),
        pytest.param(":Europe/Berlin", marks=WITH_ZONES),
        pytest.param(f"{ZONES}/Europe/Berlin", marks=WITH_ZONES),
        pytest.param(f":{ZONES}/Europe/Berlin", marks=WITH_ZONES),
    ],
)
def test_zone_that_can_be_read_is_left_alone(zone):
    environ = {"TZ": zone}

    assert (check_time_zone(environ), environ) == ("", {"TZ": zone})


@pytest.mark.parametrize(
    "zone",
    [
        "Mars/Base",
        ":Mars",
        "AB3",
        "ABC",
        "ABC99",
        "<>3",
        "<A",
        "/dev/zero",
        "/dev/null",
        "/etc/passwd",
        "/",
        "a\0b",
        "ABC\u0663",
    ],
)
def test_zone_that_can_not_be_read_is_no_zone(zone):
    assert not is_readable(zone)


def test_fifo_is_no_zone_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")

    assert not is_readable(str(tmp_path / "fifo"))


def test_folder_of_zones_may_be_another_one(tmp_path):
    (tmp_path / "Mars").write_bytes(b"TZif2")

    assert is_readable("Mars", str(tmp_path))
    assert not is_readable("Mars")


@pytest.mark.parametrize("environ", [{}, {"TZ": ""}])
def test_machine_s_own_zone_is_left_alone(environ):
    assert check_time_zone(dict(environ)) == ""


def test_command_says_once_that_its_times_are_in_utc():
    ended = subprocess.run(
        [sys.executable, "-m", "onboarding", "--version"],
        env={**os.environ, "TZ": "Mars/Base"},
        capture_output=True,
        check=True,
        text=True,
    )

    warning = "onboarding: the environment variable TZ names no time zone ('Mars/Base'): "
    assert ended.stderr.splitlines() == [f"{warning}times are in UTC."]
