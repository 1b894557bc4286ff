"""How often cron starts `run --all`, and which messages on a schedule that is too seldom for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from onboarding.ledger import looks
from onboarding.model.durations import MINUTE
from onboarding.model.entries import Audience, Entry, Schedule
from onboarding.pipeline.services import Services

FEWEST_RUNS = 3


def find_interval(starts: Sequence[datetime]) -> timedelta | None:
    """Find the usual time between runs, to the minute; None before there were three.

    The median: a machine that was off for a night says nothing of the days.
    """
    # One gap alone may be that between a person's own try and the first run of cron.
    if len(starts) < FEWEST_RUNS:
        return None
    gaps = [(later - earlier) / MINUTE for earlier, later in pairwise(starts)]
    return timedelta(minutes=round(median(gaps)))


def list_too_fine(schedule: Schedule, interval: timedelta) -> list[Entry]:
    """List the entries that are nearer to the session than two runs are to each other.

    An entry that asks who is missing counts from a quarter of an hour before the start on, so
    it is always a matter of minutes.
    """
    return [entry for entry in schedule.entries if _is_too_fine(entry, interval)]


def _is_too_fine(entry: Entry, interval: timedelta) -> bool:
    # A clock time is days away, and being minutes late does no harm there.
    if entry.when.clock:
        return False
    return abs(entry.when.offset) < interval or (
        entry.to is Audience.MISSING and interval > 5 * MINUTE
    )


async def find_cron_interval(services: Services) -> timedelta | None:
    """Find how often `run --all` was started lately; None if that is not known."""
    return find_interval(await services.ledger.run(looks.list_cron_runs))
