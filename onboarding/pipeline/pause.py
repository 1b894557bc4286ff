"""Pauses a webinar for `run --all`, and resumes it. Asks only the ledger; sends nothing.

A run that a person starts by name goes all the same. Where the session is known to the ledger, its
history says who paused it.
"""

from dataclasses import dataclass
from datetime import datetime

from onboarding.ledger import events, pauses
from onboarding.ledger.sessions import StoredSession
from onboarding.model.pauses import Pause, parse_until
from onboarding.model.time_zones import canonical, zone_named
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import find_seen_session
from onboarding.pipeline.target import Target


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause as it was set, with what is needed to say it in words.

    `time_zone` is the session's, empty where no plan or run has seen the session. `after_end`: it
    holds beyond the session's end, so nothing more is mailed by `run --all`.
    """

    until: datetime | None
    time_zone: str
    after_end: bool


async def pause_webinar(services: Services, target: Target, until: str, by: str) -> Paused:
    """Pause a webinar until a time as a person writes it, empty: until it is resumed.

    Raises `model.pauses.TimeNotUnderstoodError`.
    """
    # For the zone of `until` and for history only: a pause may come before the first run.
    seen, now = await find_seen_session(services, target), services.clock.now()
    name = canonical(seen.time_zone) if seen else None
    ends = parse_until(until, zone_named(name) if name else None, now) if until else None
    keys = _keys(services, target)
    await services.ledger.run(pauses.set_pause, *keys, ends, now)
    await _record_act(services, seen, "pause", by, f"until {ends.isoformat()}" if ends else "")
    # Without an end the pause is meant to last until `resume`, so there is nothing to warn of.
    is_late = seen is not None and ends is not None and ends >= seen.end
    return Paused(ends, name or "", is_late)


async def resume_webinar(services: Services, target: Target, by: str) -> bool:
    """End the pause of a webinar. Returns whether it was paused."""
    # Asked first: a pause that has run out is removed as well, but ending it is no act of a person.
    paused = await find_pause(services, target)
    await services.ledger.run(pauses.remove_pauses, *_keys(services, target))
    if paused:
        await _record_act(services, await find_seen_session(services, target), "resume", by)
    return paused is not None


async def find_pause(services: Services, target: Target) -> Pause | None:
    """Find the pause that holds for a webinar now."""
    now = services.clock.now()
    return await services.ledger.run(pauses.load_pause, *_keys(services, target), now)


async def report_pause(services: Services, target: Target, pause: Pause) -> bool:
    """Tell whether `run --all` has to say now that it leaves the webinar alone, and record it."""
    now = services.clock.now()
    if not pause.is_report_due(now):
        return False
    await services.ledger.run(pauses.record_reported, *_keys(services, target), now)
    return True


def _keys(services: Services, target: Target) -> tuple[str, str, str]:
    # As configured and not as seen: a paused webinar is not asked for its session at all.
    return services.config.ringcentral.server, target.webinar_id, target.session_id


async def _record_act(
    services: Services, seen: StoredSession | None, act: str, by: str, note: str = ""
) -> None:
    if seen is not None:
        now = services.clock.now()
        await services.ledger.run(
            events.record_act, seen.id, [events.WHOLE_SESSION], act, by, now, note
        )
