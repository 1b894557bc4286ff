"""The variable `TZ`: a time zone that can't be read means UTC, and is said, since the C library says nothing.

Imports nothing that takes time, and is called before anything that looks at the zone.
"""

import os
import stat
from collections.abc import MutableMapping

FOLDERS = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")
"""Where C libraries look, unless `TZDIR` names a folder."""

UTC_NAMES = frozenset({"UTC", "UTC0", "GMT", "GMT0", "Etc/UTC", "Etc/GMT", "Zulu", "Universal"})
"""Names that mean UTC; a machine without a list of zones shows UTC, and rightly so."""

MAGIC = b"TZif"
LONGEST = 60
"""Characters of the variable that are repeated."""


def settle(environ: MutableMapping[str, str]) -> str:
    """Set `TZ` to UTC where it can't be read, and give the line that says so; else empty."""
    zone = environ.get("TZ", "")
    if not zone or is_readable(zone, environ.get("TZDIR", "")):
        return ""
    environ["TZ"] = "UTC0"
    import time

    time.tzset()
    return f"onboarding: the environment variable TZ names no time zone ({ascii(zone)[:LONGEST]}): times are in UTC."


def is_readable(zone: str, folder: str = "") -> bool:
    """Whether the C library can read a zone: a file of its list, any such file by its path, or a rule (tzset(3))."""
    name = zone.removeprefix(":")
    if name in UTC_NAMES or (name == zone and _is_rule(name)):
        return True
    if name.startswith("/"):
        return _is_zone_file(name)
    return any(_is_zone_file(f"{place}/{name}") for place in ((folder,) if folder else FOLDERS))


def _is_zone_file(path: str) -> bool:
    """Whether a path leads to a zone; neither a FIFO nor a device is opened."""
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
