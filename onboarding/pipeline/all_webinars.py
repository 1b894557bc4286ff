"""Every configured webinar for cron: the one that starts first comes first, and few calls do.

One list of sessions for each account shows what has changed at RingCentral. A webinar is run only
if there is a reason to (`webinar_work`). One after the other of an account is planned, since they
share ten calls a minute; what is queued is sent while the next one is planned. With a time to
linger, what falls due until then is served, too. Nothing is printed here: `cli.run_all` gets how
each webinar ended.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from onboarding.ledger import looks
from onboarding.pipeline.inputs import RosterNotReady
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.run import begin_run, finish_run, prepare_run
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.pipeline.webinar_end import (
    CHECK_OTHER_RUN,
    WebinarEnd,
    end_account,
    end_webinar,
    leave_paused,
)
from onboarding.pipeline.webinar_work import (
    Known,
    NoWork,
    SharedPass,
    begin_pass,
    find_work,
    load_known,
    split_by_account,
)


@dataclass(frozen=True, slots=True)
class AllOptions:
    """How `run --all` treats every webinar.

    `retry_window` is how long each waits for messages that the mail server has deferred.
    """

    strict: bool = False
    retry_window: timedelta = timedelta()


@dataclass(slots=True)
class WebinarPass:
    """One pass over the webinars `targets`; `run_started` is when the first pass began.

    `ends` is how each of them ended, once `run_pass` is through.
    """

    targets: Sequence[Target]
    run_started: datetime
    ends: list[WebinarEnd] = field(default_factory=list)


async def list_passes(
    services: Services, targets: Sequence[Target], linger: timedelta
) -> AsyncIterator[WebinarPass]:
    """Yield the passes of a run; the caller does each by `run_pass` before the next one comes.

    The first is over all webinars, those after it over the ones for which something falls due
    within `linger`. Raises Interrupted after a signal.
    """
    started = services.clock.now()
    until = started + linger
    await services.ledger.run(looks.record_cron_run, started)
    due = list(targets)
    while True:
        began = services.clock.now()
        this = WebinarPass(due, started)
        yield this
        services.raise_if_stopped()
        if not linger:
            return
        moments = await _find_moments(services, targets, this.ends)
        # What was due when the pass began has had its turn: it is left to the next run.
        ahead = {name: at for name, at in moments.items() if began < at <= until}
        names = await _wait_for_next(services, ahead)
        due = [target for target in targets if target.name in names]
        if not due:
            return


async def _wait_for_next(services: Services, ahead: Mapping[str, datetime]) -> frozenset[str]:
    """Wait until something falls due. Returns the webinars for which it does, empty for none."""
    if not ahead:
        return frozenset()
    first = min(ahead.values())
    # Not less than a second: what falls due at almost the same time then shares a pass.
    await services.clock.sleep(max((first - services.clock.now()).total_seconds(), 1.0))
    now = services.clock.now()
    return frozenset(name for name, at in ahead.items() if at <= now)


async def _find_moments(
    services: Services, targets: Sequence[Target], ends: Sequence[WebinarEnd]
) -> Mapping[str, datetime]:
    """Find when the next thing falls due for each webinar that is served, by name."""
    next_due = await services.ledger.run(looks.list_next_due)
    moments = {}
    for target in targets:
        known = await load_known(services, target)
        due = known.find_next_due(next_due)
        if due and known.is_open(services.clock.now()):
            moments[target.name] = due
    for end in ends:
        if isinstance(end.error, RosterNotReady) and end.error.ready_at:
            moments[end.target.name] = end.error.ready_at
    return moments


async def run_pass(
    services: Services, this: WebinarPass, options: AllOptions
) -> AsyncIterator[WebinarEnd]:
    """Run the webinars of a pass that need it, and yield how each of them ended.

    Raises Interrupted after a signal, once the messages in flight are settled.
    """
    async for end in _run_targets(services, this, options):
        this.ends.append(end)
        yield end


async def _run_targets(
    services: Services, this: WebinarPass, options: AllOptions
) -> AsyncIterator[WebinarEnd]:
    now = services.clock.now()
    known = [await load_known(services, target) for target in this.targets]
    for webinar in known:
        if webinar.pause:
            yield await leave_paused(services, webinar, webinar.pause)
    open_webinars = [webinar for webinar in known if webinar.is_open(now)]
    async for end in _run_accounts(services, open_webinars, options, this.run_started):
        yield end


async def _run_accounts(
    services: Services, webinars: Sequence[Known], options: AllOptions, started: datetime
) -> AsyncIterator[WebinarEnd]:
    """Run the webinars of all accounts. Raises what has ended an account's part, after all ends."""
    accounts = [_try_account(services, own, options, started) for own in split_by_account(webinars)]
    # Side by side: each account has limits of its own, and waits for no other one's server. All
    # are waited for, also where one stops: they share the ledger, which is closed next.
    every = await asyncio.gather(*accounts, return_exceptions=True)
    errors = [ends for ends in every if isinstance(ends, BaseException)]
    # First what the other accounts have done: the error ends the command.
    for ends in every:
        if not isinstance(ends, BaseException):
            for end in ends:
                yield end
    for error in errors:
        raise error


async def _try_account(
    services: Services, webinars: Sequence[Known], options: AllOptions, started: datetime
) -> list[WebinarEnd]:
    own = services.of_company(webinars[0].target.company)
    return await end_account(own, webinars, _run_account(own, webinars, options, started))


async def _run_account(
    services: Services, webinars: Sequence[Known], options: AllOptions, started: datetime
) -> list[WebinarEnd]:
    next_due = await services.ledger.run(looks.list_next_due)
    this, in_order = await begin_pass(services, webinars, started, next_due)
    tasks = [asyncio.create_task(_try_webinar(this, webinar, options)) for webinar in in_order]
    await asyncio.wait(tasks)
    return [task.result() for task in tasks]


async def _try_webinar(this: SharedPass, webinar: Known, options: AllOptions) -> WebinarEnd:
    # Outside of the turn: a second name of the same webinar must not keep others waiting.
    async with this.busy[webinar.target.webinar_id]:
        work = _run_webinar(this, webinar, options)
        return await end_webinar(this.services_of(webinar.target), webinar.target, work)


async def _run_webinar(this: SharedPass, webinar: Known, options: AllOptions) -> WebinarEnd:
    target = webinar.target
    services = this.services_of(target)
    async with AsyncExitStack() as stack:
        async with this.turn:
            services.raise_if_stopped()
            found = await find_work(this, webinar)
            if isinstance(found, NoWork):
                code, error = found.exit_code, found.error
                return WebinarEnd(target, code, error=error, is_known=found.is_known)
            # Taken only now: a lease that waits for its turn would keep a person's own run away.
            lease = await stack.enter_async_context(
                webinar_lease(services, target, hint=CHECK_OTHER_RUN)
            )
            prepared = await prepare_run(
                services, target, found.options, strict=options.strict, prior=found.prior
            )
            begun = await begin_run(services, prepared)
        # Out of turn: the next webinar is planned while this one's messages leave.
        result = await finish_run(services, begun, lease, options.retry_window)
    return WebinarEnd(target, result.exit_code, result)
