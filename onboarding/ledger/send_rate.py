"""How fast messages may leave: an even rate, and a cap for each day; all processes share them.

This is the generic cell rate algorithm without a burst. `paces` keeps when the next place is free.
A place up to `AHEAD` from now can be reserved, and who has it waits exactly until then. So the time
that the question and the message take is not lost between two places. A place that is not used,
because a run stopped, is lost. Nothing here waits: `pipeline.delivery_run.wait_for_rate` does.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import paces
from onboarding.ledger.sql import insert

ONE_HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)

AHEAD = timedelta(seconds=1)
"""How far in the future a place may be reserved: longer than a question takes on a busy machine,
and so short that a run that stops loses few places."""

CLOCKS_APART = timedelta(seconds=30)
"""How much the clocks of two machines may differ: a place that another one has reserved counts."""


@dataclass(frozen=True, slots=True)
class SendRate:
    """The least time between two messages, and the most messages within any 24 hours."""

    interval: timedelta = timedelta()
    """0: no limit."""

    per_day: int | None = None
    """None: no limit."""


class SendRequest(NamedTuple):
    """A wish to send one message.

    `name` is the account at the mail server that the rate belongs to. `now` gives aware UTC time.
    """

    name: str
    rate: SendRate
    now: Callable[[], datetime]


class SendPlace(NamedTuple):
    """When a message may leave: at its own place, or not before then, and it has to ask again."""

    at: datetime
    is_reserved: bool


def reserve_sends(connection: sa.Connection, requests: Sequence[SendRequest]) -> list[SendPlace]:
    """Reserve a place for each message, as far as one is free soon.

    Places are never closer together than `rate.interval`, so no window of any length holds a burst:
    in w seconds there are at most rate x w + 1. The cap counts by the hour, so a message counts
    against it for 24 to 25 hours.
    """
    found: dict[str, SendPace] = {}
    # In one order: two processes that lock two names each would else wait for each other.
    for name in sorted({request.name for request in requests}):
        sql.lock(connection, f"pace {name}")
    places = []
    for request in requests:
        # Asked behind the lock. A time from before the wait for it would be older than the places
        # that others have reserved meanwhile, and would pass for a clock that was set back.
        now = request.now()
        pace = found.get(request.name) or _load_pace(connection, request.name, now)
        place, found[request.name] = pace.find_place(request.rate, now)
        places.append(place)
    # Stored even while there is a wait: a time in the future is brought near once, and not again at
    # each question.
    for name, pace in found.items():
        _store_pace(connection, name, pace)
    return places


def find_next_place(connection: sa.Connection, request: SendRequest) -> datetime:
    """Find when the next message may leave, and reserve nothing."""
    now = request.now()
    place, _ = _load_pace(connection, request.name, now).find_place(request.rate, now)
    return place.at


@dataclass(frozen=True, slots=True)
class SendPace:
    """When an account's next place is free, and how many were reserved in each hour of the day."""

    free_at: datetime
    hours: Mapping[str, int]

    def find_place(self, rate: SendRate, now: datetime) -> "tuple[SendPlace, SendPace]":
        """Find the next place, and reserve it if it is near; returns the pace that is left."""
        pace = self._as_believed(rate, now)
        # Time that passed unused must not allow a burst.
        free_at = max(pace.free_at, now)
        at = free_at + _wait_for_cap(pace.hours, rate.per_day, free_at)
        if at > now + AHEAD:
            return SendPlace(at, is_reserved=False), pace
        hour = _format_hour(at)
        hours = {**pace.hours, hour: pace.hours.get(hour, 0) + 1}
        return SendPlace(at, is_reserved=True), SendPace(at + rate.interval, hours)

    def _as_believed(self, rate: SendRate, now: datetime) -> "SendPace":
        """Bring a time near that is too far in the future for this rate.

        The rate may have been raised since, or the clock set back.
        """
        latest = now + AHEAD + rate.interval
        free_at = self.free_at if self.free_at <= latest + CLOCKS_APART else latest
        return SendPace(free_at, _count_last_day(self.hours, now))


def _load_pace(connection: sa.Connection, name: str, now: datetime) -> SendPace:
    row = connection.execute(sa.select(paces).where(paces.c.name == name)).one_or_none()
    return SendPace(row.free_at, row.hours) if row else SendPace(now, {})


def _store_pace(connection: sa.Connection, name: str, pace: SendPace) -> None:
    values = {"free_at": pace.free_at, "hours": dict(pace.hours)}
    new = insert(paces).values(name=name, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))


def _count_last_day(hours: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Keep what still counts against the cap.

    An hour in the future counts as the present one: the clock was set back.
    """
    # A place that was reserved ahead may be in the next hour already.
    latest = _format_hour(now + AHEAD)
    kept: Counter[str] = Counter()
    for hour, sent in hours.items():
        # From the hour's end: only the hour of a message is known, and it may have left at :59.
        if _parse_hour(hour) + ONE_HOUR + ONE_DAY > now:
            kept[min(hour, latest, key=_parse_hour)] += sent
    return dict(kept)


def _wait_for_cap(hours: Mapping[str, int], per_day: int | None, now: datetime) -> timedelta:
    """How long until enough of the last day's messages no longer count against the cap."""
    if per_day is None:
        return timedelta()
    excess = sum(hours.values()) + 1 - per_day
    if excess <= 0:
        return timedelta()
    # All are written in UTC, so the order of the texts is that of the times.
    for hour in sorted(hours):
        excess -= hours[hour]
        if excess <= 0:
            return max(_parse_hour(hour) + ONE_HOUR + ONE_DAY - now, timedelta())
    # Only a cap of 0 leads here: nothing is ever sent.
    return ONE_DAY


def _format_hour(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()


def _parse_hour(hour: str) -> datetime:
    return datetime.fromisoformat(hour)
