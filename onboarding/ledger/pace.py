"""How fast the mail server is used: one even pace and one daily cap for all processes that share the ledger.

The generic cell rate algorithm without a burst: the ledger keeps when the next message may leave, and nothing else has
to be agreed upon. It says how long to wait and does not wait. RingCentral's limits are `limits`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger.schema import paces

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """The time between two messages (none: as fast as it goes), and how many may leave within any 24 hours."""

    interval: timedelta = timedelta()
    per_day: int | None = None


def reserve(connection: sa.Connection, name: str, pace: Pace, now: datetime) -> timedelta:
    """Count a message in and return no time at all, or count nothing and return how long to wait before asking again.

    `name` stands for the account at the mail server whose pace it is. Messages are never closer together than
    `pace.interval`, so no window of any length holds a burst. The cap counts by the hour, so a message weighs on it
    for 24 to 25 hours.
    """
    row = connection.execute(sa.select(paces).where(paces.c.name == name)).one_or_none()
    # At most one interval away: the rate may have been raised since, or the clock set back.
    free_at = min(row.free_at, now + pace.interval) if row else now
    hours = _of_the_last_day(row.hours if row else {}, now)
    wait = max(free_at - now, _until_the_cap_allows(hours, pace, now), timedelta())
    if not wait:
        hour = _hour(now)
        free_at, hours = now + pace.interval, {**hours, hour: hours.get(hour, 0) + 1}
    # Also while there is a wait: else a time that is still to come would be bounded again and again.
    values = {"free_at": free_at, "hours": hours}
    if row:
        connection.execute(paces.update().where(paces.c.name == name).values(values))
    else:
        connection.execute(paces.insert().values(name=name, **values))
    return wait


def _of_the_last_day(hours: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Keep what still weighs on the cap; an hour still to come (the clock was set back) counts as the present one."""
    kept: Counter[str] = Counter()
    for hour, left in hours.items():
        if _begin(hour) + HOUR + DAY > now:
            kept[min(hour, _hour(now), key=_begin)] += left
    return dict(kept)


def _until_the_cap_allows(hours: dict[str, int], pace: Pace, now: datetime) -> timedelta:
    """How long until enough of the last day's messages no longer count."""
    over = sum(hours.values()) + 1 - (pace.per_day or 0)
    if pace.per_day is None or over <= 0:
        return timedelta()
    for hour in sorted(hours):
        over -= hours[hour]
        if over <= 0:
            return _begin(hour) + HOUR + DAY - now
    return DAY


def _hour(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()


def _begin(hour: str) -> datetime:
    return datetime.fromisoformat(hour)
