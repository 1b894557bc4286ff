"""One webinar, from roster to `sent`: refresh, plan, register, queue, deliver, give the result.

`prepare_run` changes nothing at RingCentral and sends nothing, so that a person can be asked in
between; `execute_plan` does what they agreed to. What writes and sends messages is behind `mailer`,
and is loaded only by a run that needs it. `is_finished` says which webinars `run --all` leaves
alone, because their session was over at the last run.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER, ConfigurationError
from onboarding.ledger import (
    deliveries,
    events,
    mailboxes,
    registrations,
    replacements,
    roster_rows,
    sessions,
)
from onboarding.ledger.sessions import StoredSession
from onboarding.model.deliveries import NEEDS_A_PERSON, UNDER_WAY, State
from onboarding.model.people import Problem, Roster, format_problem, shorten_problems
from onboarding.model.sessions import END_GRACE, has_ended
from onboarding.pipeline.hold_back import NOT_APPROVED
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.prune import prune
from onboarding.pipeline.refresh import (
    RunState,
    plan_approved,
    plan_fresh,
    read_roster,
    refresh_or_recall,
)
from onboarding.pipeline.register import register
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import Attention, find_attention, find_seen_session
from onboarding.pipeline.take_over import record_as_told
from onboarding.pipeline.target import Target
from onboarding.plan import Action, Options, Plan, PlanItem, SkipCode
from onboarding.plan.agreement import describe_work

if TYPE_CHECKING:
    from onboarding.pipeline.mailer import Mailer

RUN_ACT = "run"
"""What history calls a run that a person has agreed to."""

RETRY_WINDOW = timedelta(minutes=10)
"""How long a run waits for deferred messages before it leaves them to the next one."""

RECHECK_EVERY = timedelta(days=1)
"""How often a session that is over is checked: it may be moved, or another may follow."""

RECHECKED_FOR = timedelta(days=60)
"""How long after its end it is still checked."""


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that has looked and not yet done anything.

    `mailer` is None if there is nothing to send. `doubts` counts the messages of a dead run that
    this run has marked in doubt. `calls_before` are the scarce calls that this process had made.
    """

    target: Target
    state: RunState
    plan: Plan
    options: Options
    mailer: "Mailer | None"
    doubts: int
    calls_before: int


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    `problems` need a person; `attention` sums up. `skipped` are the items of people who were left
    alone; `recorded` counts mailboxes that `--as-told` has recorded. `has_changes`: it changed
    anything at RingCentral or in the ledger. `has_news`: its problems and notes differ from the
    last run's.
    """

    name: str
    title: str
    sent: int
    registered: int
    counts: Mapping[State, int]
    problems: tuple[Problem, ...]
    heavy_calls: int
    has_changes: bool
    has_news: bool
    has_unsent_invites: bool
    attention: Attention
    skipped: tuple[PlanItem, ...] = ()
    recorded: int = 0

    @property
    def exit_code(self) -> int:
        """0 all done; 1 something needs a person; 75 something is still to be sent."""
        # 75 comes first (EX_TEMPFAIL of sysexits.h): a caller that repeats on it gets the rest
        # sent, and then sees the 1 for what needs a person.
        if any(self.counts.get(state) for state in UNDER_WAY):
            return EXIT_TRY_LATER
        if self.problems or any(self.counts.get(state) for state in NEEDS_A_PERSON):
            return EXIT_NEEDS_A_PERSON
        return EXIT_DONE


@dataclass(slots=True)
class _Tally:
    """How far a run has come: what is recorded of it at its end, also if it was stopped."""

    state: RunState
    plan: Plan
    problems: tuple[Problem, ...]
    queued: int = 0
    sent: int = 0
    recorded: int = 0


async def prepare_run(
    services: Services, target: Target, options: Options, *, strict: bool = False
) -> PreparedRun:
    """Look at everything and plan; call while holding the webinar's lease.

    If there is anything to do, the templates are compiled: what is wrong with them is found before
    a person is asked, and before the first person is registered. Raises ConfigurationError for
    that, and if `strict` and the roster has a problem.
    """
    return await start_run(services, await plan_run(services, target, options, strict=strict))


async def plan_run(
    services: Services, target: Target, options: Options, *, strict: bool = False
) -> PreparedRun:
    """Look at everything and plan, as `prepare_run`, but compile nothing and record no run.

    For a caller that may find that the plan is not what a person has agreed to.
    """
    calls_before = count_heavy_calls(services)
    roster = await read_roster(target, services.stop)
    if strict and roster.problems:
        raise _roster_error(roster)
    state = await refresh_or_recall(services, target, roster)
    # After RingCentral has answered: with a clock far from the truth, its certificate is not valid.
    await prune(services, spare=state.session_row)
    state, doubts = await recover(services, state)
    state, plan = await plan_fresh(services, target, state, options)
    return PreparedRun(target, state, plan, options, None, doubts, calls_before)


async def start_run(services: Services, looked: PreparedRun) -> PreparedRun:
    """Compile the templates if they are needed, and record that a run is at work.

    `looked` is a run with its plan and without its mailer. Raises ConfigurationError for a wrong
    template.
    """
    state, target = looked.state, looked.target
    has_messages = bool(looked.plan) or await _has_queue(services, state)
    may_mail = has_messages and not looked.options.as_told
    # The first point at which a wrong template is found: no person has been registered by then.
    mailer = load_mailer(services, target) if may_mail else None
    calls = count_heavy_calls(services) - looked.calls_before
    # From here on it counts as a run, also if it is killed: `status` and `resolve` have something
    # to show. A run that was refused above, by a template say, has not been one.
    await services.ledger.run(
        sessions.store_run_start, state.session_row, calls, services.clock.now()
    )
    # At the start, so that the report and a call-off know the people of a run that is killed.
    roster_now = state.snapshot.roster.invitees
    await services.ledger.run(roster_rows.store_roster, state.session_row, roster_now)
    return replace(looked, mailer=mailer)


def load_mailer(services: Services, target: Target) -> "Mailer":
    """Load what writes and sends messages, and compile the templates.

    Raises ConfigurationError for a wrong template.
    """
    # A late import, as in `hold_back`: these modules and the templates take more processor time
    # than all the rest of a run.
    from onboarding.pipeline.mailer import Mailer  # noqa: PLC0415

    return Mailer.load(services, target)


async def execute_plan(
    services: Services,
    prepared: PreparedRun,
    lease: HeldLease,
    *,
    rehearsal_to: str = "",
    retry_window: timedelta = RETRY_WINDOW,
    by: str = "",
) -> Result:
    """Register, queue and deliver what was planned, and record how it ended, also if stopped.

    `by` is the person who agreed to the plan, for the history; empty for cron, and where the act
    that the run belongs to is recorded already.
    """
    if prepared.plan.mail:
        # A missing password is found here, before the first person is registered.
        services.pool.prepare()
    tally = _Tally(prepared.state, prepared.plan, prepared.plan.problems)
    try:
        # Ctrl-C may have come at the question. Within the `try`, so that the end is recorded.
        services.raise_if_stopped()
        await _record_agreement(services, prepared, by, rehearsal_to)
        # The order is the promise: no message before its person has a link, and no replacement or
        # notice is marked as done before the messages that depend on it have had their turn.
        await _register(services, prepared, tally)
        tally.recorded = await record_as_told(services, tally.state, tally.plan, by)
        await _queue_and_deliver(services, prepared, tally, lease, rehearsal_to, retry_window)
        await _finish_replacements(services, tally)
        await _record_mailed(services, tally.state, tally.plan)
    finally:
        # Also after an error: `status` and cron's mail need the problems found before it.
        has_new_notes = await _record_end(services, prepared, tally)
    return await _build_result(services, prepared, tally, has_new_notes=has_new_notes)


async def _record_agreement(
    services: Services, prepared: PreparedRun, by: str, rehearsal_to: str
) -> None:
    """Record who has agreed to the plan. Not where it does nothing: there was no question."""
    # Before the first change, so that what follows in history has its person before it.
    if by and prepared.plan:
        row, now = prepared.state.session_row, services.clock.now()
        work = describe_work(prepared.plan, rehearsal_to)
        keys = [events.WHOLE_SESSION]
        await services.ledger.run(events.record_act, row, keys, RUN_ACT, by, now, work)


async def _build_result(
    services: Services, prepared: PreparedRun, tally: _Tally, *, has_new_notes: bool
) -> Result:
    plan = prepared.plan
    row = prepared.state.session_row
    records = await services.ledger.run(deliveries.list_deliveries, row)
    newly_mailed = any(item.newly_mailed for item in tally.plan.items)
    return Result(
        name=prepared.target.name,
        title=prepared.state.snapshot.session.title,
        sent=tally.sent,
        recorded=tally.recorded,
        registered=len(plan.with_action(Action.ADD, Action.REPLACE)),
        counts=Counter(record.delivery.state for record in records),
        problems=tally.problems,
        heavy_calls=count_heavy_calls(services) - prepared.calls_before,
        has_changes=bool(
            # The first plan's change: the second plan has only what is left of it.
            tally.sent or tally.queued or tally.recorded or plan.change or prepared.doubts
        ),
        has_news=has_new_notes or newly_mailed,
        has_unsent_invites=_has_unsent_invites(prepared, tally.state),
        attention=find_attention(records, tally.problems),
        skipped=tally.plan.skipped,
    )


def _roster_error(roster: Roster) -> ConfigurationError:
    shown, rest = shorten_problems(roster.problems)
    problems = "\n".join(filter(None, (*map(format_problem, shown), rest)))
    hint = "Fix the roster, or leave --strict out to serve the other rows."
    return ConfigurationError(problems, hint=hint)


async def recover(services: Services, state: RunState) -> tuple[RunState, int]:
    """Settle what a dead run left in the queue.

    Returns the state afterwards, and how many messages are in doubt.
    """
    row, now = state.session_row, services.clock.now()
    doubts = await services.ledger.run(deliveries.recover_stalled, row, now)
    # The queue compares times with the clock. After it was set back, deferred messages would wait
    # for as long as it was wrong.
    await services.ledger.run(deliveries.bring_forward, row, now)
    if doubts:
        # A mailbox may hold the message that is in doubt: the plan must not owe it again.
        loaded = await services.ledger.run(mailboxes.load_mailboxes, row)
        state = replace(state, snapshot=replace(state.snapshot, mailboxes=loaded))
    return state, doubts


async def _has_queue(services: Services, state: RunState) -> bool:
    """Whether earlier runs left messages to send, those of a rehearsal included."""
    row = state.session_row
    real = await services.ledger.run(deliveries.count_queued, row)
    rehearsed = await services.ledger.run(deliveries.count_queued, row, rehearsal=True)
    return bool(real or rehearsed)


async def _register(services: Services, prepared: PreparedRun, tally: _Tally) -> None:
    """Apply the change at RingCentral, and plan again from what it says now."""
    tally.state, refused = await register(services, prepared.state, prepared.plan)
    # `within`: a person agreed to the first plan, so the second one may do less, but not more.
    tally.plan = await plan_approved(
        services, prepared.target, tally.state, prepared.options, within=prepared.plan
    )
    # RingCentral's refusals first: they explain why the plan still wants to add these people.
    tally.problems = tuple(dict.fromkeys((*refused, *tally.plan.problems)))
    # Before the queue is delivered, or an earlier run's message would leave all the same.
    await _hold_queued_messages(services, tally.state, tally.plan)


async def _queue_and_deliver(
    services: Services,
    prepared: PreparedRun,
    tally: _Tally,
    lease: HeldLease,
    rehearsal_to: str,
    retry_window: timedelta,
) -> None:
    """Queue what is owed, and deliver the queue."""
    if prepared.mailer is None:  # nothing was owed or queued when this run looked
        return
    state, plan = tally.state, tally.plan
    tally.queued = await prepared.mailer.queue(state, plan, rehearsal_to)
    services.raise_if_stopped()
    tally.sent = await prepared.mailer.deliver(
        state,
        plan,
        lease,
        rehearsal=bool(rehearsal_to),
        # A fence counts as a selection: the queue may hold messages from before it was put up.
        limited=prepared.options.is_selective or bool(state.snapshot.allow_domains),
        retry_window=retry_window,
    )


async def _finish_replacements(services: Services, tally: _Tally) -> None:
    """Forget the replacements that are done, so that no later run removes the person again.

    One stays while the old person is registered, and the roster has the new one instead.
    """
    snapshot = tally.state.snapshot
    on_roster = {invitee.key for invitee in snapshot.roster.invitees}
    waiting = {
        item.invitee.key
        for item in tally.plan.items
        if item.registration and snapshot.is_replaced(item.invitee)
    }
    # Back on the roster means that the person is wanted after all: then it is forgotten, too.
    done = snapshot.replacements.keys() - (waiting - on_roster)
    if done:
        row = tally.state.session_row
        await services.ledger.run(replacements.remove_replacements, row, sorted(done))


async def _hold_queued_messages(services: Services, state: RunState, plan: Plan) -> None:
    """Hold what an earlier run queued: RingCentral has mailed the person, or it is not approved."""
    mailed = [item.invitee.email for item in plan.items if item.held]
    unapproved = [
        item.invitee.email
        for item in plan.items
        if item.skip is SkipCode.NOT_APPROVED and item.mail is None
    ]
    held = {deliveries.MAILED_BY_RINGCENTRAL: mailed, NOT_APPROVED: unapproved}
    for reason, emails in held.items():
        if emails:
            row, now = state.session_row, services.clock.now()
            await services.ledger.run(deliveries.hold_back, row, emails, reason, now)


async def _record_mailed(services: Services, state: RunState, plan: Plan) -> None:
    """Record the people that this run reports as mailed by RingCentral, so that later runs don't.

    Called last of all: a run that is stopped has reported nothing.
    """
    newly_mailed = [item.invitee for item in plan.items if item.newly_mailed]
    if newly_mailed:
        await services.ledger.run(
            registrations.record_mailed, state.session_row, newly_mailed, services.clock.now()
        )


def _has_unsent_invites(prepared: PreparedRun, state: RunState) -> bool:
    """Whether RingCentral's *Send now* would mail people after this run."""
    # It mails people who were added silently, as this run adds them.
    # The session's flag is from before the PATCH, so it can't know the people added by it.
    added = bool(prepared.plan.change.add) and state.snapshot.holds_silent_records
    return added or state.snapshot.has_unsent_invites


async def _record_end(services: Services, prepared: PreparedRun, tally: _Tally) -> bool:
    """Record problems and notes. Returns whether they differ from those of the last run."""
    row = prepared.state.session_row
    problems, notes = tally.problems, _run_notes(tally.plan, prepared.state)
    # Read before `finish_run` replaces them: cron reports only what is new.
    earlier = await services.ledger.run(sessions.list_problems, row)
    calls = count_heavy_calls(services) - prepared.calls_before
    finish = partial(sessions.finish_run, notes=notes)
    await services.ledger.run(finish, row, problems, calls, services.clock.now())
    return list(earlier) != [*problems, *notes]


def _run_notes(plan: Plan, state: RunState) -> list[Problem]:
    """Say what needs nothing done: the plan's notes, and why people on the roster get no message.

    With the latter `status` has an answer for every row of the roster.
    """
    notes = [Problem(None, None, "", note) for note in plan.notes]
    unmailed = [
        Problem(item.invitee.row, None, item.invitee.email, item.mail_reason or item.reason)
        for item in plan.items
        if _is_left_unmailed(item, state)
    ]
    return [*notes, *unmailed]


def _is_left_unmailed(item: PlanItem, state: RunState) -> bool:
    """Whether a person on the roster has had no message, gets none now, and has no problem."""
    on_roster = bool(item.invitee.row)
    # Any earlier message counts, sent or not: `status` shows that one with its own reason.
    has_mail = item.mail or state.snapshot.mailbox(item.invitee.key).messages
    return on_roster and not has_mail and not item.problems


def count_heavy_calls(services: Services) -> int:
    """Count the scarce calls that this process has made."""
    return services.ringcentral.calls.get("Heavy", 0)


async def is_finished(services: Services, target: Target) -> bool:
    """Whether a webinar needs no run: its session is over, and was checked lately."""
    seen = await find_seen_session(services, target)
    return seen is not None and _needs_no_run(seen, services.clock.now())


def _needs_no_run(seen: StoredSession, now: datetime) -> bool:
    if not has_ended(seen.status, seen.end, now, grace=END_GRACE):
        return False
    # A run in the future was recorded before the clock was set back. It says nothing about today.
    checked = seen.run_at is not None and seen.run_at <= now < seen.run_at + RECHECK_EVERY
    # Without this end each old webinar in config.toml would cost a day's calls for ever.
    return checked or now > seen.end + RECHECKED_FOR
