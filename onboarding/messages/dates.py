"""Dates, times, zones and durations in the words of a language, by Babel.

Pure, and remembered: the people of a session share few zones and languages. Which zone and language
a person has is decided in `context` and `composer`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import (
    format_date,
    format_time,
    format_timedelta,
    get_timezone_gmt,
    get_timezone_location,
    get_timezone_name,
)

from onboarding.model.durations import MINUTE

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LocalDate:
    """One point in time as a person reads it: `Tuesday, 12 May 2026`, `15:00`, and its zone."""

    date: str
    time: str
    zone: str


@lru_cache(maxsize=1024)
def localize(at: datetime, zone: tzinfo, locale: Locale) -> LocalDate:
    """Say when `at` (aware) is in that zone, with its name spelled out: few know what CDT means."""
    local = at.astimezone(zone)
    return LocalDate(
        date=format_date(local, "full", locale),
        time=format_time(local, "short", locale=locale).replace(
            "\u202f", "\u00a0"
        ),  # older Outlook shows a box
        zone=_format_zone(local, zone, locale),
    )


_ALIASES = get_global("zone_aliases")
_META_ZONES = {
    _ALIASES.get(name, name): meta_zone for name, meta_zone in get_global("meta_zones").items()
}
"""CLDR's meta zones by today's names: Babel looks Asia/Kolkata up as Asia/Calcutta."""


def _format_zone(local: datetime, zone: tzinfo, locale: Locale) -> str:
    """Spell out a zone, where Babel only tells the offset: by its meta zone, else by its country.

    A zone that is an offset has no other name.
    """
    if isinstance(zone, timezone):
        return _offset_name(zone.utcoffset(None), locale)
    # Babel gives the offset where a language has no name for the zone.
    said = get_timezone_name(local, "long", locale=locale)
    if said != get_timezone_gmt(local, locale=locale):
        return said
    key = getattr(zone, "key", "")
    name = _ALIASES.get(key, key)
    known = locale.meta_zones.get(_META_ZONES.get(name, ""), {}).get("long", {})
    if spelled := known.get("daylight" if local.dst() else "standard"):
        return str(spelled)
    is_somewhere = get_global("zone_territories").get(name, "ZZ") != "ZZ"
    return get_timezone_location(zone, locale=locale) if is_somewhere else said


def _offset_name(offset: timedelta, locale: Locale) -> str:
    """Write an offset as the language does, `GMT-05:30`; Babel itself makes -06:30 of it."""
    minutes = abs(offset) // MINUTE
    sign = "-" if offset < timedelta() else "+"
    return str(locale.zone_formats["gmt"] % f"{sign}{minutes // 60:02d}:{minutes % 60:02d}")


@lru_cache(maxsize=256)
def format_duration(duration: timedelta, locale: Locale) -> str:
    """Say how long: `1 hour 30 minutes`. Parts of a minute are rounded."""
    minutes = timedelta(minutes=round(duration / MINUTE))
    hours = minutes - minutes % HOUR
    in_hours = _format_count(hours, "hour", locale) if hours else ""
    in_minutes = (
        _format_count(minutes - hours, "minute", locale) if minutes - hours or not hours else ""
    )
    return f"{in_hours} {in_minutes}".strip()


def _format_count(part: timedelta, unit: Literal["hour", "minute"], locale: Locale) -> str:
    """Let Babel count one unit; the threshold keeps it from making days of 24 hours."""
    return format_timedelta(part, granularity=unit, threshold=1000, locale=locale)


def format_wait(wait: timedelta, days: int, locale: Locale) -> str:
    """Say how soon something is, in round words: `in 7 days`, `in 2 hours`, `in 5 minutes`.

    `days` are those of the calendar; 0 for what is so close that hours count.
    """
    minutes = wait / MINUTE
    if days:
        return _format_soon(timedelta(days=days), "day", locale)
    # A message leaves some minutes after its time: `in 1 hour` is also said of 56 minutes.
    if minutes >= ALMOST_AN_HOUR:
        return _format_soon(timedelta(hours=round(minutes / 60)), "hour", locale)
    step = 5 if minutes > CLOSE else 1
    rounded = max(step, step * round(minutes / step))
    return _format_soon(timedelta(minutes=rounded), "minute", locale)


CLOSE, ALMOST_AN_HOUR = 10, 55
"""Minutes up to which each is counted, and from which on hours are."""


@lru_cache(maxsize=256)
def _format_soon(wait: timedelta, unit: Literal["day", "hour", "minute"], locale: Locale) -> str:
    # The threshold keeps it from making weeks of days.
    return format_timedelta(
        wait, granularity=unit, threshold=1000, add_direction=True, locale=locale
    )


@lru_cache(maxsize=256)
def locale_of(language: str) -> Locale | None:
    """Find the locale for a tag as it is written anywhere (`de`, `de-AT`, `de_at`), if any.

    A region that Babel does not know leaves the language alone.
    """
    # The whole tag first: a region changes the order of dates.
    for tag in (language, language.replace("-", "_").partition("_")[0]):
        try:
            return Locale.parse(tag.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            continue
    return None
