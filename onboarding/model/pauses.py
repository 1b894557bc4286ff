"""A webinar that `run --all` leaves alone for a while, and how a person writes until when. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

REPORT_EVERY = timedelta(days=1)
"""How often `run --all` says that it leaves a webinar alone: no pause is forgotten in silence."""

LAST_YEAR = 9998
"""Of the year after it, the last hours have no time in other zones."""

_ENDLESS = datetime.max.replace(tzinfo=UTC)
_CLOCK_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Pause:
    """A person's pause of one webinar. `until` is None for one without an end."""

    at: datetime
    until: datetime | None = None
    reported_at: datetime | None = None

    def is_on(self, now: datetime) -> bool:
        """Whether it still holds."""
        return self.until is None or now < self.until

    def is_report_due(self, now: datetime) -> bool:
        """Whether `run --all` has to say again that it leaves the webinar alone."""
        return self.reported_at is None or now >= self.reported_at + REPORT_EVERY


def find_longest(pauses: Iterable[Pause]) -> Pause | None:
    """Find the pause that ends last, of several that hold for a webinar; None without any."""
    return max(pauses, key=lambda pause: pause.until or _ENDLESS, default=None)


class TimeNotUnderstoodError(ValueError):
    """A time that `parse_until` can't read, that is past, or too far away; its text says which."""


def parse_until(text: str, zone: tzinfo | None, now: datetime) -> datetime:
    """Parse until when a pause holds: `18:30`, the next time it is that late, or an ISO time.

    Without an offset it is a time in `zone`; None: the zone is not known, so an offset is needed. A
    local time that does not exist moves forward by the gap; of two, it is the first. Raises
    TimeNotUnderstoodError.
    """
    written = text.strip()
    if clock_time := _CLOCK_TIME.fullmatch(written):
        return _next_clock_time(int(clock_time[1]), int(clock_time[2]), zone, now)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise TimeNotUnderstoodError(
            f"{text!r} is not understood. Write 18:30, or a date and time as 2026-09-01T09:00."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_require_zone(zone))
    if moment <= now:
        raise TimeNotUnderstoodError(f"{text!r} is past. Write a time that is still to come.")
    if moment.year > LAST_YEAR:
        raise TimeNotUnderstoodError(
            f"{text!r} is too far away. Without a time it lasts until `resume`."
        )
    return moment


def _next_clock_time(hour: int, minute: int, zone: tzinfo | None, now: datetime) -> datetime:
    known = _require_zone(zone)
    # The day where the session is: at this machine it may be yesterday or tomorrow.
    local = now.astimezone(known)
    today = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    # By the calendar: a day later the same clock time may be 23 or 25 hours away.
    return today if today > now else today + timedelta(days=1)


def _require_zone(zone: tzinfo | None) -> tzinfo:
    if zone is None:
        raise TimeNotUnderstoodError(
            "The session's time zone is known only after the first plan or run. "
            "Write the time with its offset, as 2026-09-01T09:00+02:00."
        )
    return zone
