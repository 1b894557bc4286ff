"""The environment variable `TZ`: a time zone that can't be read means UTC, with a warning.

The C library would use UTC silently. It imports nothing slow, and comes before any code that reads
the zone.
"""

import os
import stat
import time
from collections.abc import MutableMapping

FOLDERS = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")
"""Where C libraries look for time zones, unless `TZDIR` names a folder."""

UTC_NAMES = frozenset({"UTC", "UTC0", "GMT", "GMT0", "Etc/UTC", "Etc/GMT", "Zulu", "Universal"})
"""Names that mean UTC: right even on a machine without a list of zones."""

MAGIC = b"TZif"
SHOWN_CHARACTERS = 60
"""Characters of the variable that the warning repeats."""


def check_time_zone(environ: MutableMapping[str, str]) -> str:
    """Set `TZ` to UTC if it can't be read. Returns the warning for that, else an empty text."""
    zone = environ.get("TZ", "")
    if not zone or is_readable(zone, environ.get("TZDIR", "")):
        return ""
    environ["TZ"] = "UTC0"
    time.tzset()
    shown = ascii(zone)[:SHOWN_CHARACTERS]
    return (
        f"onboarding: the environment variable TZ names no time zone ({shown}): times are in UTC."
    )


def is_readable(zone: str, folder: str = "") -> bool:
    """Whether the C library can read a zone: a file of its list, any such file by its path, or a rule (tzset(3))."""
    name = zone.removeprefix(":")
    if name in UTC_NAMES or (name == zone and _is_rule(name)):
        return True
    if name.startswith("/"):
        return _is_zone_file(name)
    return any(_is_zone_file(f"{root}/{name}") for root in ((folder,) if folder else FOLDERS))


def _is_zone_file(path: str) -> bool:
    """Whether a path is a time zone file. A FIFO or a device is not opened: that could block."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 -- pathlib takes time to import
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(descriptor, len(MAGIC)) == MAGIC
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return False


def _is_rule(text: str) -> bool:
    """Whether a text begins as a rule does: a name of three letters or in `<>`, and an offset (POSIX 8.3)."""
    if text.startswith("<"):
        name, closed, rest = text[1:].partition(">")
        return bool(name and closed) and _is_offset(rest)
    letters = len(text) - len(text.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    return letters >= 3 and _is_offset(text[letters:])  # noqa: PLR2004 -- POSIX's own number


def _is_offset(text: str) -> bool:
    """Whether hours come next, at most 24."""
    unsigned = text[1:] if text[:1] in {"+", "-"} else text
    hours = unsigned[: len(unsigned) - len(unsigned.lstrip("0123456789"))]
    return len(hours) in {1, 2} and int(hours) <= 24  # noqa: PLR2004 -- POSIX's own number
