"""The tick: once a minute in the whole fleet. It finds what is to be done, and adds jobs for it.

Does what cron's `run --all` does before it plans: takes back what dead holders held, lists the
sessions of each account once, and finds out which webinars have to be planned, with the fewest
calls. All webinars are looked at every five minutes, and in between those for which a message of
the schedule is due, or whose last run has not come to its end.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil

import sqlalchemy as sa

from onboarding.fleet.plan_job import MOST_CHUNKS
from onboarding.fleet.values import plan_job, send_job
from onboarding.ledger import claims, jobs, leases, looks
from onboarding.ledger.jobs import NewJob
from onboarding.ledger.leases import Lease
from onboarding.pipeline.deliver import CHUNK
from onboarding.pipeline.lease import lease_name
from onboarding.pipeline.services import Services, open_act_services
from onboarding.pipeline.target import all_targets
from onboarding.pipeline.webinar_end import WebinarEnd, end_account, end_webinar, leave_paused
from onboarding.pipeline.webinar_work import (
    Known,
    NoWork,
    SharedPass,
    begin_pass,
    find_work,
    load_known,
    split_by_account,
)

TICK_EVERY = timedelta(minutes=1)

FULL_EVERY = timedelta(minutes=5)
"""How often all webinars are looked at: as often as cron is usually started."""

EARLY = timedelta(seconds=30)
"""A tick comes not always at the same second of its minute."""


async def run_tick(services: Services, moment: datetime) -> list[WebinarEnd]:
    """Add the jobs that are to be done at a moment. Returns how the other webinars stand."""
    now = services.clock.now()
    await services.ledger.run(_take_back, now)
    known = [await load_known(services, target) for target in all_targets(services.config)]
    ends = [
        await leave_paused(services, webinar, webinar.pause) for webinar in known if webinar.pause
    ]
    await services.ledger.run(_add_unclaimed_chunks, _name_sessions(known), now)
    webinars = await _choose_webinars(services, known, moment, now)
    # Side by side: each account has limits of its own, and waits for no other one's server.
    looks_at = [_look_at_account(services, own, now) for own in split_by_account(webinars)]
    for found in await asyncio.gather(*looks_at, return_exceptions=True):
        if isinstance(found, BaseException):
            raise found
        ends += found
    return ends


async def _choose_webinars(
    services: Services, known: Sequence[Known], moment: datetime, now: datetime
) -> list[Known]:
    """Choose the webinars to look at: all that are open, or those that can't wait for that."""
    webinars = [webinar for webinar in known if webinar.is_open(now)]
    if await services.ledger.run(_begin_full_tick, now):
        return webinars
    held = await services.ledger.run(leases.list_held, now)
    return [webinar for webinar in webinars if _is_urgent(services, webinar, moment, held)]


def _take_back(connection: sa.Connection, now: datetime) -> None:
    """Take back what dead holders held. A run tells of the doubts."""
    for session in claims.recover_dead(connection, now):
        looks.request_run(connection, session)


def _begin_full_tick(connection: sa.Connection, now: datetime) -> bool:
    """Tell whether it is time to look at all webinars, and remember that as a start by cron."""
    last = max(looks.list_cron_runs(connection), default=None)
    if last and last <= now < last + FULL_EVERY - EARLY:
        return False
    looks.record_cron_run(connection, now)
    return True


def _name_sessions(known: Iterable[Known]) -> Mapping[int, str]:
    """Name the webinar of each session that is served, by the session's number."""
    return {
        webinar.seen.id: webinar.target.name
        for webinar in known
        if webinar.seen and not webinar.pause
    }


def _add_unclaimed_chunks(
    connection: sa.Connection, names: Mapping[int, str], now: datetime
) -> None:
    """Add a job for each chunk that is due and that no sender has claimed."""
    due = claims.count_all_claimable(connection, now)
    new = [
        send_job(names[session], session, number, None)
        for session, count in due.items()
        if session in names
        for number in range(min(ceil(count / CHUNK), MOST_CHUNKS))
    ]
    jobs.add_jobs(connection, new)


def _is_urgent(
    services: Services, webinar: Known, moment: datetime, held: Mapping[str, Lease]
) -> bool:
    """Whether a webinar can't wait for the next look at all of them.

    A message of the schedule has become due since the tick before (what was due before has had its
    turn), or a run has begun and not ended, and is not at work, or none has ever come so far.
    """
    due = webinar.upcoming.next_moment
    if due is not None and moment - TICK_EVERY < due <= moment:
        return True
    server = services.of_company(webinar.target.company).config.ringcentral.server
    return (
        webinar.look.exit_code is None and lease_name(server, webinar.target.webinar_id) not in held
    )


async def _look_at_account(
    services: Services, webinars: Sequence[Known], now: datetime
) -> list[WebinarEnd]:
    company = webinars[0].target.company
    # With a client of its own, which is closed: a worker lives for weeks.
    async with open_act_services(services, services.progress, services.stop, company) as own:
        return await end_account(own, webinars, _add_plan_jobs(own, webinars, now))


async def _add_plan_jobs(
    services: Services, webinars: Sequence[Known], now: datetime
) -> list[WebinarEnd]:
    # Without the queue: what waits there is for chunks.
    this, in_order = await begin_pass(services, webinars, now, {})
    return [await _look_at(this, webinar) for webinar in in_order]


async def _look_at(this: SharedPass, webinar: Known) -> WebinarEnd:
    services = this.services_of(webinar.target)
    return await end_webinar(services, webinar.target, _find_job(this, webinar))


async def _find_job(this: SharedPass, webinar: Known) -> WebinarEnd:
    """Add the job that plans a webinar, if there is a reason to."""
    work = await find_work(this, webinar)
    if isinstance(work, NoWork):
        return WebinarEnd(webinar.target, work.exit_code, error=work.error, is_known=work.is_known)
    job: NewJob = plan_job(webinar.target.name, work.prior.listed)
    await this.services.ledger.run(jobs.add_jobs, [job])
    return WebinarEnd(webinar.target)
