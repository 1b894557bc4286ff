"""Which webinars `run --all` asks RingCentral about: its calls are few, ten a minute for all.

One list shows all sessions. Who is registered has to be listed for each webinar by itself, so that
is done only for a `ListReason`. `docs/architecture.md` has these rules as a table. Pure: what a run
remembers (`model.looks.Look`) and what is true now come in, a decision comes out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from onboarding.model.looks import Look

MOST_REGULAR = 3
"""Webinars that one run lists only because it is time: so that not all come in the same run."""

LIST_EVERY = timedelta(hours=24)
"""`[ringcentral] list_every`, unless config.toml says otherwise."""

ASK_EVERY = timedelta(hours=1)
"""How often RingCentral is asked for a session that is not in the list."""

LAST_DAY, LIST_IN_LAST_DAY = timedelta(hours=24), timedelta(hours=1)
LAST_HOURS, LIST_IN_LAST_HOURS = timedelta(hours=2), timedelta(minutes=15)


class ListReason(StrEnum):
    """Why a webinar's invitees are listed, in the order in which it is looked for."""

    NEW = "the ledger has never listed them"
    MOVED = "what the list says of the session has changed"
    INPUTS = "roster, templates or options have changed"
    MESSAGE = "a message is due"
    UNFINISHED = "the last run left something open"
    REGULAR = "the time for it has come"


@dataclass(frozen=True, slots=True)
class Sight:
    """What is true of a webinar now, as far as that costs no call of its own.

    `digest` is the session's in the list, empty where the list does not have it. `inputs` is the
    digest of roster, templates and options. `message_due`: a message is due now, from the queue or
    by the schedule. `is_unfinished`: the ledger does not know whether RingCentral has made a
    change. `start` and `end` are the session's; None before the ledger or the list knows it.
    """

    digest: str
    inputs: str
    message_due: bool = False
    is_unfinished: bool = False
    start: datetime | None = None
    end: datetime | None = None


def find_reason(
    look: Look, sight: Sight, now: datetime, list_every: timedelta = LIST_EVERY
) -> ListReason | None:
    """Find the first reason to list a webinar's invitees; None: there is nothing to do."""
    return next(_find_reasons(look, sight, now, list_every), None)


def _find_reasons(
    look: Look, sight: Sight, now: datetime, list_every: timedelta
) -> Iterator[ListReason]:
    if look.listed_at is None:
        yield ListReason.NEW
    # An empty digest is no change: a session that a list lacks is asked for by itself.
    if sight.digest and sight.digest != look.digest:
        yield ListReason.MOVED
    if sight.inputs != look.inputs:
        yield ListReason.INPUTS
    # The ledger has no join links, so RingCentral has to give them before a message is composed.
    if sight.message_due:
        yield ListReason.MESSAGE
    if look.has_open_work or sight.is_unfinished:
        yield ListReason.UNFINISHED
    interval = find_list_interval(sight.start, sight.end, now, list_every)
    if interval is not None and has_passed(look.listed_at, interval, now):
        yield ListReason.REGULAR


def find_list_interval(
    start: datetime | None, end: datetime | None, now: datetime, list_every: timedelta = LIST_EVERY
) -> timedelta | None:
    """Find how often invitees are listed although nothing is known to have changed.

    None: not any more, because the session is over.
    """
    if start is None or end is None:
        return list_every
    if now >= end:
        return None
    # A person who sets a shorter time than these wants it in the last hours, too.
    if now >= start - LAST_HOURS:
        return min(list_every, LIST_IN_LAST_HOURS)
    if now >= start - LAST_DAY:
        return min(list_every, LIST_IN_LAST_DAY)
    return list_every


def is_asked_for(look: Look, start: datetime | None, now: datetime) -> bool:
    """Whether a session that is not in the list is asked for by itself in this run.

    `start` is the one last seen: in the last two hours before it, every run asks.
    """
    if start is not None and start - LAST_HOURS <= now < start and look.gone_at is None:
        return True
    return has_passed(look.asked_at, ASK_EVERY, now)


def has_passed(since: datetime | None, interval: timedelta, now: datetime) -> bool:
    """Whether it is an interval since a moment, or the moment is unknown."""
    # A moment in the future was recorded before the clock was set back. It says nothing.
    return since is None or not since <= now < since + interval
