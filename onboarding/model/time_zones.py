"""Names of time zones, as RingCentral and rosters write them, and the zones that they mean here.

`canonical` understands a name once, where data comes in; `zone_named` opens a canonical name later,
and never fails. Windows names are those of CLDR. An abbreviation such as `CST` could mean several
zones, so it is not understood.
"""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel.core import get_global

FALLBACK = "UTC"

# `localtime` would be this machine's own zone, whichever that is; `Factory` is none.
_NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})
# Minus signs and dashes too: spreadsheets and people write them for a hyphen.
_OFFSET = re.compile(
    r"(?:UTC|GMT)?\s*([+\u2212\u2013-])\s*(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE
)
_LARGEST_OFFSET = {"+": timedelta(hours=14), "-": timedelta(hours=12)}
"""No place on earth is farther from UTC."""


@lru_cache(maxsize=1024)
def canonical(written: str) -> str | None:
    """Understand a time zone's name; None where it means nothing on this machine.

    Gives an IANA name in its own spelling (`Europe/Berlin`, also for `europe/berlin` and `W. Europe
    Standard Time`), or an offset as `UTC+05:30`, for `UTC+5:30`, `GMT+0530` and `+05:30`. Note that
    the IANA name `Etc/GMT+5` lies west.
    """
    name = " ".join(written.split())
    if _is_usual(name):
        return name
    return _find_iana_name(name) or _find_windows_name(name) or _format_offset(name)


@lru_cache(maxsize=1024)
def zone_named(name: str) -> tzinfo:
    """Open a zone, or UTC for a name that only an older ledger or another machine knows."""
    understood = canonical(name) or FALLBACK
    if found := _OFFSET.fullmatch(understood):
        return timezone(_parse_span(found))
    return ZoneInfo(understood)


def zone_abbreviation(moment: datetime, name: str) -> str:
    """Find a zone's short name as its region writes it (`CEST`), else its offset (`UTC-03`)."""
    short = moment.astimezone(zone_named(name)).tzname() or ""
    return f"UTC{short}" if short.startswith(("+", "-")) else short


def format_in_zone(moment: datetime, name: str) -> str:
    """Format a point in time for a person to read: `2026-12-17 15:00 CET`."""
    local = moment.astimezone(zone_named(name))
    return f"{local:%Y-%m-%d %H:%M} {zone_abbreviation(moment, name)}"


def format_with_zone(moment: datetime, name: str) -> str:
    """Format a point in time, and spell its zone out: `2026-12-17 15:00 CET (Europe/Berlin)`."""
    understood = canonical(name) or FALLBACK
    text = format_in_zone(moment, understood)
    return text if text.endswith(f" {understood}") else f"{text} ({understood})"


def format_machine_time(moment: datetime) -> str:
    """Format a point in time in this machine's zone, named, for what belongs to no session."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M %Z}"


def _is_usual(name: str) -> bool:
    """Whether a name is one of CLDR's in CLDR's spelling, and this machine knows it.

    Most are. They need no list of all zones, which takes 30 ms: it is a walk over the machine's
    files.
    """
    if name not in get_global("zone_territories"):
        return False
    try:
        ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return False
    return True


def _find_iana_name(written: str) -> str | None:
    """Find an IANA name, or the name that its place has today."""
    # People write `America/New York`.
    folded = written.replace(" ", "_").casefold()
    aliases = [
        alias.casefold()
        for old, alias in get_global("zone_aliases").items()
        if old.casefold() == folded
    ]
    return next((iana_names()[name] for name in (folded, *aliases) if name in iana_names()), None)


def _find_windows_name(name: str) -> str | None:
    # CLDR has the standard name only. It stands for the zone, in summer too.
    standard = re.sub(r"(daylight|summer) time$", "standard time", name.casefold())
    # Through this machine's list: CLDR may know a zone that is not installed here.
    iana = _windows_names().get(standard, "").casefold()
    return iana_names().get(iana)


def _format_offset(name: str) -> str | None:
    if name.upper() == "Z":
        return FALLBACK
    found = _OFFSET.fullmatch(name)
    if not found:
        return None
    span = _parse_span(found)
    sign = "-" if span < timedelta() else "+"
    minutes = abs(span) // timedelta(minutes=1)
    if abs(span) > _LARGEST_OFFSET[sign]:
        return None
    return f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}" if minutes else FALLBACK


def _parse_span(offset: re.Match[str]) -> timedelta:
    span = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
    return span if offset[1] == "+" else -span


@cache
def iana_names() -> dict[str, str]:
    """Map casefolded names to this machine's zones, without those that mean no place."""
    return {name.casefold(): name for name in sorted(available_timezones() - _NO_PLACES)}


@cache
def _windows_names() -> dict[str, str]:
    return {name.casefold(): zone for name, zone in get_global("windows_zone_mapping").items()}
