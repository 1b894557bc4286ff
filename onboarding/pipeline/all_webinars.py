"""Every configured webinar for cron: the one that starts first comes first, and few calls do.

One list of sessions for each account shows what has changed at RingCentral. A webinar is run only
if there is a reason to (`webinar_work`). One after the other of an account is planned, since they
share ten calls a minute; what is queued is sent while the next one is planned. With a time to
linger, what falls due until then is served, too. Nothing is printed here: `cli.run_all` gets how
each webinar ended.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from onboarding.config.companies import name_sections
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, Interrupted, OnboardingError, TryLater
from onboarding.ledger import deliveries, looks, sessions
from onboarding.model.pauses import Pause
from onboarding.pipeline.inputs import RosterNotReady
from onboarding.pipeline.lease import AlreadyRunning, webinar_lease
from onboarding.pipeline.pause import report_pause
from onboarding.pipeline.run import begin_run, finish_run, prepare_run
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.services import Services
from onboarding.pipeline.session_lists import find_listed, read_session_list
from onboarding.pipeline.status import Attention, find_attention, find_seen_session, read_attention
from onboarding.pipeline.target import Target, find_look_key
from onboarding.pipeline.webinar_work import Known, NoWork, SharedPass, find_work, load_known

CHECK_OTHER_RUN = (
    "Check its terminal: it may wait for an answer. "
    "Otherwise end that process; the next run continues its work."
)

LAST = datetime.max.replace(tzinfo=UTC)
"""Where a webinar stands if its start is not known: behind all others."""


@dataclass(frozen=True, slots=True)
class AllOptions:
    """How `run --all` treats every webinar.

    `linger` is how long it stays for what falls due; `retry_window` how long each webinar waits
    for messages that the mail server has deferred.
    """

    strict: bool = False
    linger: timedelta = timedelta()
    retry_window: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class WebinarEnd:
    """How a webinar's part of `run --all` ended.

    `result` is None where nothing was done. `attention` is what needs a person where an error has
    ended the run. `pause` is one that is to be said now. `is_known`: an earlier run has said the
    error, and it needs no further word. `account` is named where the error is that of all its
    webinars; `is_repeated`: the end of another one has it already.
    """

    target: Target
    exit_code: int = EXIT_DONE
    result: Result | None = None
    error: OnboardingError | None = None
    attention: Attention | None = None
    pause: Pause | None = None
    time_zone: str = ""
    is_known: bool = False
    account: str = ""
    is_repeated: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do for a webinar that runs look after."""
        return self.result is None and self.error is None and self.pause is None


async def run_webinars(
    services: Services, targets: Sequence[Target], options: AllOptions
) -> AsyncIterator[WebinarEnd]:
    """Run the webinars that need it, and yield how each of them ended.

    After the first pass only those are run again for which something falls due within the time to
    linger. Raises Interrupted after a signal, once the messages in flight are settled.
    """
    started = services.clock.now()
    until = started + options.linger
    await services.ledger.run(looks.record_cron_run, started)
    due = list(targets)
    while due:
        began = services.clock.now()
        ends = []
        async for end in _run_pass(services, due, options, started):
            ends.append(end)
            yield end
        services.raise_if_stopped()
        if not options.linger:
            return
        moments = await _find_moments(services, targets, ends)
        # What was due when the pass began has had its turn: it is left to the next run.
        ahead = {name: at for name, at in moments.items() if began < at <= until}
        names = await _wait_for_next(services, ahead)
        due = [target for target in targets if target.name in names]


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


async def _run_pass(
    services: Services, targets: Sequence[Target], options: AllOptions, started: datetime
) -> AsyncIterator[WebinarEnd]:
    now = services.clock.now()
    known = [await load_known(services, target) for target in targets]
    for webinar in known:
        if webinar.pause:
            yield await _leave_paused(services, webinar, webinar.pause)
    open_webinars = [webinar for webinar in known if webinar.is_open(now)]
    async for end in _run_accounts(services, open_webinars, options, started):
        yield end


async def _run_accounts(
    services: Services, webinars: Sequence[Known], options: AllOptions, started: datetime
) -> AsyncIterator[WebinarEnd]:
    """Run the webinars of all accounts. Raises what has ended an account's part, after all ends."""
    accounts = [_try_account(services, own, options, started) for own in _by_account(webinars)]
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


def _by_account(webinars: Iterable[Known]) -> list[list[Known]]:
    """Put the webinars of each account together."""
    found: dict[str, list[Known]] = {}
    for webinar in webinars:
        found.setdefault(webinar.target.company.account, []).append(webinar)
    return list(found.values())


async def _try_account(
    services: Services, webinars: Sequence[Known], options: AllOptions, started: datetime
) -> list[WebinarEnd]:
    """Run the webinars of one account. What it can't do stops no other account's webinars."""
    company = webinars[0].target.company
    try:
        return await _run_account(services.of_company(company), webinars, options, started)
    except Interrupted:
        raise
    except OnboardingError as error:
        name_sections(error, company)
        is_new = await services.ledger.run(
            looks.record_failure,
            looks.find_account_key(company.account),
            error.exit_code,
            str(error),
            services.clock.now(),
        )
        # The webinars' own looks stay as they are: each would be listed once RingCentral is back.
        end = WebinarEnd(
            webinars[0].target,
            error.exit_code,
            error=error,
            is_known=not is_new,
            account=company.account,
        )
        others = [replace(end, target=known.target, is_repeated=True) for known in webinars[1:]]
        return [end, *others]


async def _run_account(
    services: Services, webinars: Sequence[Known], options: AllOptions, started: datetime
) -> list[WebinarEnd]:
    session_list = await read_session_list(services, _find_look_back(webinars))
    account = looks.find_account_key(services.config.company.account)
    await services.ledger.run(looks.record_recovery, account)
    this = SharedPass(
        services,
        started,
        session_list,
        await services.ledger.run(looks.list_next_due),
        await services.ledger.run(looks.list_unfinished),
    )
    in_order = sorted(webinars, key=lambda webinar: _find_start(this, webinar))
    tasks = [asyncio.create_task(_try_webinar(this, webinar, options)) for webinar in in_order]
    await asyncio.wait(tasks)
    return [task.result() for task in tasks]


def _find_look_back(webinars: Sequence[Known]) -> timedelta:
    """Find how far back the list of sessions has to go, so that no entry is forgotten."""
    return max(webinar.target.schedule.end_grace for webinar in webinars)


def _find_start(this: SharedPass, webinar: Known) -> datetime:
    listed = find_listed(this.session_list, webinar.target, webinar.seen, this.services.clock.now())
    session = listed or webinar.seen
    return session.start if session else LAST


async def _leave_paused(services: Services, webinar: Known, pause: Pause) -> WebinarEnd:
    """Leave a paused webinar alone; once a day its end says so."""
    own = services.of_company(webinar.target.company)
    if not await report_pause(own, webinar.target, pause):
        return WebinarEnd(webinar.target)
    zone = webinar.seen.time_zone if webinar.seen else ""
    return WebinarEnd(webinar.target, pause=pause, time_zone=zone)


async def _try_webinar(this: SharedPass, webinar: Known, options: AllOptions) -> WebinarEnd:
    """Run one webinar if there is a reason to. An error ends this webinar's run only."""
    target = webinar.target
    services = this.services_of(target)
    try:
        # Outside of the turn: a second name of the same webinar must not keep others waiting.
        async with this.busy[target.webinar_id]:
            return await _run_webinar(this, webinar, options)
    # A TryLater that would be 75, and cron would mail each time that a long run is still at work.
    except AlreadyRunning as error:
        code = EXIT_NEEDS_A_PERSON if error.too_long else EXIT_DONE
        return WebinarEnd(target, code, error=error, is_known=not error.too_long)
    except Interrupted as error:
        # Nothing is recorded: a webinar that was not begun has nothing open, and one that was
        # begun has no exit code yet.
        return await _describe_failure(services, target, error)
    except OnboardingError as error:
        name_sections(error, target.company)
        key = find_look_key(services.config.ringcentral.server, target)
        end = await _describe_failure(services, target, error)
        # With what needs a person: a message that is in doubt since is news.
        sentence, now = f"{error} {end.attention}", services.clock.now()
        is_new = await services.ledger.run(
            looks.record_failure, key, error.exit_code, sentence, now
        )
        return end if is_new else replace(end, is_known=True)


async def _describe_failure(
    services: Services, target: Target, error: OnboardingError
) -> WebinarEnd:
    """Make the end of a run that could not go on, with what needs a person besides."""
    # Exit code 75 does not say that a message is in doubt by now.
    seen = await find_seen_session(services, target) if isinstance(error, TryLater) else None
    attention = await read_attention(services, seen.id) if seen else None
    return WebinarEnd(target, error.exit_code, error=error, attention=attention)


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


async def read_idle_result(services: Services, target: Target) -> Result | None:
    """Read how a webinar stands for which there was nothing to do; None before its first run."""
    seen = await find_seen_session(services.of_company(target.company), target)
    if seen is None or seen.run_at is None:
        return None
    records = await services.ledger.run(deliveries.list_deliveries, seen.id)
    every = await services.ledger.run(sessions.list_problems, seen.id)
    notes = await services.ledger.run(partial(sessions.list_problems, only_notes=True), seen.id)
    problems = tuple(problem for problem in every if problem not in notes)
    return Result(
        name=target.name,
        title=seen.title,
        sent=0,
        registered=0,
        counts=Counter(record.delivery.state for record in records),
        problems=problems,
        heavy_calls=0,
        has_changes=False,
        has_news=False,
        has_unsent_invites=False,
        attention=find_attention(records, problems),
    )
