"""The Jinja environment of our own pages (report, preview, plan page), and how they show times.

Values are escaped, and a name that is not defined is an error. `onboarding/reports/page.css` and
`onboarding/reports/macros.html.j2` are the look that they share. Messages are rendered elsewhere,
by `messages`, with templates that a user writes.
"""

from datetime import datetime, timezone
from pathlib import Path

from babel.dates import format_datetime, get_timezone_name
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from onboarding.model.time_zones import zone_abbreviation, zone_named


def format_local_time(moment: datetime, time_zone: str, pattern: str) -> str:
    """Format a moment in a zone. `pattern` is Unicode's (UTS 35): `d MMMM y, HH:mm`."""
    # Our pages are in English for all languages of a webinar; only its messages are translated.
    return format_datetime(moment, pattern, tzinfo=zone_named(time_zone), locale="en_GB")


def zone_full_name(moment: datetime, time_zone: str) -> str:
    """Find the zone's name at a moment: `Central European Summer Time`, or its offset."""
    zone = zone_named(time_zone)
    if isinstance(zone, timezone):
        return zone.tzname(None)  # an offset has no other name
    return get_timezone_name(moment.astimezone(zone), locale="en_GB")


# Escaped always: Jinja's choice by a file's ending would not take `.html.j2` for HTML.
PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""Each module adds the filters of its own template."""

PAGES.filters |= {
    "local": format_local_time,
    "zone_sign": zone_abbreviation,
    "zone_name": zone_full_name,
}
