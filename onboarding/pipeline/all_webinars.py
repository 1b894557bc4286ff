"""Every configured webinar for cron: the one that starts first comes first, and few calls do.

One list of sessions shows what has changed at RingCentral. A webinar is run only if there is a
reason to (`plan.call_budget`). One after the other is planned, since they share ten calls a minute;
what is queued is sent while the next one is planned. With a time to linger, what falls due until
then is served, too. Nothing is printed here: `cli.run` gets how each webinar ended.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, OnboardingError, TryLater
from onboarding.ledger import call_offs, deliveries, looks, sessions
from onboarding.ledger.sessions import StoredSession
from onboarding.model.looks import Look
from onboarding.model.pauses import Pause
from onboarding.model.people import Roster
from onboarding.model.sessions import Session, SessionList
from onboarding.pipeline.finished import is_finished
from onboarding.pipeline.inputs import (
    RosterFile,
    RosterNotReady,
    digest_inputs,
    load_settled_roster,
)
from onboarding.pipeline.lease import AlreadyRunning, webinar_lease
from onboarding.pipeline.pause import find_pause, report_pause
from onboarding.pipeline.refresh import fetch_session
from onboarding.pipeline.run import Prior, Result, begin_run, finish_run, prepare_run
from onboarding.pipeline.schedule import Upcoming, load_upcoming
from onboarding.pipeline.services import Services
from onboarding.pipeline.session_lists import find_listed, read_session_list
from onboarding.pipeline.status import (
    Attention,
    find_attention,
    find_seen_session,
    read_attention,
)
from onboarding.pipeline.target import Target, find_look_key
from onboarding.plan import Options
from onboarding.plan.call_budget import (
    MOST_REGULAR,
    Reason,
    Sight,
    find_reason,
    is_asked_for,
)
from onboarding.ringcentral.errors import NotThere

CHECK_OTHER_RUN = (
    "Check its terminal: it may wait for an answer. "
    "Otherwise end that process; the next run continues its work."
)

LAST = datetime.max.replace(tzinfo=UTC)
"""Where a webinar stands whose start is not known: behind all others."""


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
    ended the run. `pause` is one that is to be told of now. `is_told`: the error is known from an
    earlier run, and needs no further word.
    """

    target: Target
    exit_code: int = EXIT_DONE
    result: Result | None = None
    error: OnboardingError | None = None
    attention: Attention | None = None
    pause: Pause | None = None
    time_zone: str = ""
    is_told: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do for a webinar that runs look after."""
        return self.result is None and self.error is None and self.pause is None


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a webinar when a pass begins. `seen` is its session as last seen.

    `upcoming` is what its schedule has from now on.
    """

    target: Target
    look: Look
    seen: StoredSession | None
    pause: Pause | None
    upcoming: Upcoming

    def is_open(self, now: datetime) -> bool:
        """Whether it is neither paused nor over for good: RingCentral has to be asked."""
        is_over = self.seen is not None and is_finished(
            self.seen,
            self.look,
            now,
            grace=self.target.schedule.end_grace,
            has_entries=self.upcoming.has_any,
        )
        return not (self.pause or is_over)


@dataclass(slots=True)
class _Pass:
    """One pass over the webinars: what they share.

    `started` is when the command began. `turn` is held by the webinar that is being planned; it is
    fair, so that they come in the order in which their tasks were started. `regular_left` counts
    the lists without another reason. `next_due` has the earliest queued message of each session,
    `unfinished` the sessions with a change of which the ledger does not know the end.
    """

    services: Services
    options: AllOptions
    started: datetime
    session_list: SessionList
    next_due: Mapping[int, datetime]
    unfinished: frozenset[int]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    regular_left: int = MOST_REGULAR


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
        ends = [end async for end in _run_pass(services, due, options, started)]
        for end in ends:
            yield end
        services.raise_if_stopped()
        moments = await _find_moments(services, targets, ends)
        # What was due when the pass began has had its turn: it is left to the next run.
        ahead = {name: at for name, at in moments.items() if began < at <= until}
        due = [target for target in targets if target.name in await _wait_for_next(services, ahead)]


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
    """Find when the next thing falls due for each webinar, by name."""
    next_due = await services.ledger.run(looks.list_next_due)
    moments = {}
    for target in targets:
        known = await _load_known(services, target)
        queued = next_due.get(known.seen.id) if known.seen else None
        if due := _earliest(queued, known.upcoming.next_moment):
            moments[target.name] = due
    for end in ends:
        if isinstance(end.error, RosterNotReady) and end.error.ready_at:
            moments[end.target.name] = end.error.ready_at
    return moments


async def _run_pass(
    services: Services, targets: Sequence[Target], options: AllOptions, started: datetime
) -> AsyncIterator[WebinarEnd]:
    now = services.clock.now()
    known = [await _load_known(services, target) for target in targets]
    for webinar in known:
        if webinar.pause:
            yield await _leave_paused(services, webinar, webinar.pause)
    open_webinars = [webinar for webinar in known if webinar.is_open(now)]
    if not open_webinars:
        return
    this = _Pass(
        services,
        options,
        started,
        await read_session_list(services, _find_look_back(open_webinars)),
        await services.ledger.run(looks.list_next_due),
        await services.ledger.run(looks.list_unfinished),
    )
    in_order = sorted(open_webinars, key=lambda webinar: _find_start(this, webinar))
    tasks = [asyncio.create_task(_try_webinar(this, webinar)) for webinar in in_order]
    await asyncio.wait(tasks)
    for task in tasks:
        yield task.result()


def _find_look_back(webinars: Sequence[Known]) -> timedelta:
    """Find how far back the list of sessions has to go, so that no entry is forgotten."""
    return max(webinar.target.schedule.end_grace for webinar in webinars)


def _find_start(this: _Pass, webinar: Known) -> datetime:
    listed = find_listed(this.session_list, webinar.target, webinar.seen, this.services.clock.now())
    session = listed or webinar.seen
    return session.start if session else LAST


async def _load_known(services: Services, target: Target) -> Known:
    server = services.config.ringcentral.server
    look = await services.ledger.run(looks.load_look, find_look_key(server, target))
    seen = await find_seen_session(services, target)
    upcoming = await _load_upcoming(services, target, seen, look)
    return Known(target, look, seen, await find_pause(services, target), upcoming)


async def _load_upcoming(
    services: Services, target: Target, seen: StoredSession | None, look: Look
) -> Upcoming:
    if seen is None:
        return Upcoming()
    return await services.ledger.run(
        load_upcoming, target.schedule, seen, services.clock.now(), look.listed_at
    )


async def _leave_paused(services: Services, webinar: Known, pause: Pause) -> WebinarEnd:
    """Leave a paused webinar alone; once a day its end says so."""
    if not await report_pause(services, webinar.target, pause):
        return WebinarEnd(webinar.target)
    zone = webinar.seen.time_zone if webinar.seen else ""
    return WebinarEnd(webinar.target, pause=pause, time_zone=zone)


async def _try_webinar(this: _Pass, webinar: Known) -> WebinarEnd:
    """Run one webinar if there is a reason to. An error ends this webinar's run only."""
    services, target = this.services, webinar.target
    try:
        return await _run_webinar(this, webinar)
    # A TryLater that would be 75, and cron would mail each time that a long run is still at work.
    except AlreadyRunning as error:
        code = EXIT_NEEDS_A_PERSON if error.too_long else EXIT_DONE
        return WebinarEnd(target, code, error=error, is_told=not error.too_long)
    except OnboardingError as error:
        key = find_look_key(services.config.ringcentral.server, target)
        await services.ledger.run(looks.record_failure, key, error.exit_code)
        return await _describe_failure(services, target, error)


async def _describe_failure(
    services: Services, target: Target, error: OnboardingError
) -> WebinarEnd:
    """Make the end of a run that could not go on, with what needs a person besides."""
    # Exit code 75 does not say that a message is in doubt by now.
    seen = await find_seen_session(services, target) if isinstance(error, TryLater) else None
    attention = await read_attention(services, seen.id) if seen else None
    return WebinarEnd(target, error.exit_code, error=error, attention=attention)


async def _run_webinar(this: _Pass, webinar: Known) -> WebinarEnd:
    services, target = this.services, webinar.target
    async with AsyncExitStack() as stack:
        async with this.turn:
            services.raise_if_stopped()
            found = await _find_work(this, webinar)
            if isinstance(found, WebinarEnd):
                return found
            # Taken only now: a lease that waits for its turn would keep a person's own run away.
            lease = await stack.enter_async_context(
                webinar_lease(services, target, hint=CHECK_OTHER_RUN)
            )
            prepared = await prepare_run(
                services, target, found.options, strict=this.options.strict, prior=found.prior
            )
            begun = await begin_run(services, prepared)
        # Out of turn: the next webinar is planned while this one's messages leave.
        result = await finish_run(services, begun, lease, this.options.retry_window)
    return WebinarEnd(target, result.exit_code, result)


@dataclass(frozen=True, slots=True)
class _Work:
    """A webinar that has to be run, with what is known of it."""

    prior: Prior
    options: Options


async def _find_work(this: _Pass, webinar: Known) -> _Work | WebinarEnd:
    """Find out whether a webinar has to be run; its end, if there is nothing to do.

    Raises RosterNotReady, and what asking for a session raises that no list has.
    """
    services, target, now = this.services, webinar.target, this.services.clock.now()
    file, roster = await load_settled_roster(services, target)
    key = find_look_key(services.config.ringcentral.server, target)
    # Loaded again: another process may have run this webinar while it waited for its turn.
    look = await services.ledger.run(looks.load_look, key)
    inputs = digest_inputs(services.config, target, Options(), file)
    listed = find_listed(this.session_list, target, webinar.seen, now)
    sight = _see(this, webinar, listed, inputs)
    if listed is None:
        found = await _ask_for_session(this, webinar, look, sight)
        if not isinstance(found, Session):
            return found or _Work(Prior(file, roster, None, inputs), Options())
        listed = found
        sight = _see(this, webinar, listed, inputs)
    reason = find_reason(look, sight, now, services.config.ringcentral.list_every)
    if reason is None or not _has_budget(this, reason):
        return WebinarEnd(target, look.exit_code or EXIT_DONE)
    options = _choose_options(this, target, look, file, roster)
    # Who has left the roster is to be looked at again once it has stayed as it is for a run.
    is_open = bool(target.remove_at_most) and not options.remove
    return _Work(Prior(file, roster, listed, "" if is_open else inputs), options)


def _choose_options(
    this: _Pass, target: Target, look: Look, file: RosterFile, roster: Roster
) -> Options:
    """Choose whether people who have left the roster may be removed without a person's word.

    Only where config.toml says so, and the whole roster was read, twice, by two runs.
    """
    is_seen_before = look.listed_at is not None and look.listed_at < this.started
    is_steady = is_seen_before and look.roster == file.digest and not roster.problems
    if not (target.remove_at_most and is_steady):
        return Options()
    return Options(remove=True, remove_at_most=target.remove_at_most)


def _see(this: _Pass, webinar: Known, listed: Session | None, inputs: str) -> Sight:
    """Put together what is true of a webinar now."""
    seen = webinar.seen
    queued = this.next_due.get(seen.id) if seen else None
    due = _earliest(queued, webinar.upcoming.next_moment)
    session = listed or seen
    return Sight(
        digest=listed.digest if listed else "",
        inputs=inputs,
        message_due=due is not None and due <= this.services.clock.now(),
        is_unfinished=seen is not None and seen.id in this.unfinished,
        start=session.start if session else None,
        end=session.end if session else None,
    )


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment), default=None)


def _has_budget(this: _Pass, reason: Reason) -> bool:
    """Whether this pass may list a webinar: only a few for no other reason than time."""
    if reason is not Reason.REGULAR:
        return True
    this.regular_left -= 1
    return this.regular_left >= 0


async def _ask_for_session(
    this: _Pass, webinar: Known, look: Look, sight: Sight
) -> Session | WebinarEnd | None:
    """Ask for a session that no list has, if it is time to.

    None: it is gone, but called off, and a run has to send what the ledger knows. Raises NotThere
    for one that is gone.
    """
    services, now = this.services, this.services.clock.now()
    key = find_look_key(services.config.ringcentral.server, webinar.target)
    reason = find_reason(look, sight, now, services.config.ringcentral.list_every)
    is_time = is_asked_for(look, sight.start, now)
    # Work is not put aside for an hour, but nothing is left to be done for a session that is gone.
    if not is_time and (reason is None or look.gone_at):
        return WebinarEnd(webinar.target, look.exit_code or EXIT_DONE)
    await services.ledger.run(looks.record_asked, key, now)
    try:
        return await fetch_session(services, webinar.target)
    except NotThere as error:
        if await _is_called_off(services, webinar.seen):
            return None if reason else WebinarEnd(webinar.target)
        await services.ledger.run(looks.record_gone, key, error.exit_code, now)
        return _leave_gone(webinar.target, error, is_told=look.gone_at is not None)


async def _is_called_off(services: Services, seen: StoredSession | None) -> bool:
    if seen is None:
        return False
    return await services.ledger.run(call_offs.load_call_off, seen.id) is not None


def _leave_gone(target: Target, error: NotThere, *, is_told: bool) -> WebinarEnd:
    """Make the end for a session that RingCentral does not know any more: said once."""
    message = f"{error.message} Nothing more is sent for it, and this is said only once."
    gone = NotThere(message, hint=error.hint)
    return WebinarEnd(target, error.exit_code, error=gone, is_told=is_told)


async def read_idle_result(services: Services, target: Target) -> Result | None:
    """Read how a webinar stands for which there was nothing to do; None before its first run."""
    seen = await find_seen_session(services, target)
    if seen is None or seen.run_at is None:
        return None
    records = await services.ledger.run(deliveries.list_deliveries, seen.id)
    problems = tuple(await services.ledger.run(sessions.list_problems, seen.id))
    notes = await services.ledger.run(partial(sessions.list_problems, only_notes=True), seen.id)
    found = tuple(problem for problem in problems if problem not in notes)
    return Result(
        name=target.name,
        title=seen.title,
        sent=0,
        registered=0,
        counts=Counter(record.delivery.state for record in records),
        problems=found,
        heavy_calls=0,
        has_changes=False,
        has_news=False,
        has_unsent_invites=False,
        attention=find_attention(records, found),
    )
