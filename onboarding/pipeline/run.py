"""One webinar, from roster to `sent`: refresh, plan, register, queue, deliver, give the result.

`prepare_run` changes nothing at RingCentral and sends nothing, so that a person can be asked in
between; `execute_plan` does what they agreed to. What writes and sends messages is behind `mailer`,
and is loaded only by a run that needs it. `all_webinars` runs every webinar for cron.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from onboarding.ledger import claims, deliveries, events, looks, mailboxes, roster_rows, sessions
from onboarding.pipeline.evidence import settle_doubts
from onboarding.pipeline.hold_back import NOT_APPROVED
from onboarding.pipeline.inputs import digest_inputs, load_roster_file, strict_error
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.prune import prune
from onboarding.pipeline.refresh import RunState, plan_approved, plan_fresh, refresh_or_recall
from onboarding.pipeline.register import register
from onboarding.pipeline.run_end import (
    build_result,
    finish_replacements,
    is_settled,
    record_newly_mailed,
    record_problems,
)
from onboarding.pipeline.run_values import BegunRun, PreparedRun, Prior, Result, count_heavy_calls
from onboarding.pipeline.schedule import note_entries, record_missed
from onboarding.pipeline.services import Services
from onboarding.pipeline.take_over import record_as_told
from onboarding.pipeline.target import Target
from onboarding.pipeline.template_files import stamp_templates, template_folders
from onboarding.plan import Options, Plan, SkipCode
from onboarding.plan.agreement import describe_work
from onboarding.plan.messages_due import SUPPRESSED

if TYPE_CHECKING:
    from onboarding.pipeline.deliver import AlsoWrite
    from onboarding.pipeline.mailer import Mailer

RUN_ACT = "run"
"""What history calls a run that a person has agreed to."""

RETRY_WINDOW = timedelta(minutes=10)
"""How long a run waits for deferred messages before it leaves them to the next one."""


async def prepare_run(
    services: Services,
    target: Target,
    options: Options,
    *,
    strict: bool = False,
    prior: Prior | None = None,
) -> PreparedRun:
    """Look at everything and plan; call while holding the webinar's lease.

    If there is anything to do, the templates are compiled: what is wrong with them is found before
    a person is asked, and before the first person is registered. Raises ConfigurationError for
    that, and if `strict` and the roster has a problem.
    """
    looked = await plan_run(services, target, options, strict=strict, prior=prior)
    return await start_run(services, looked)


async def plan_run(
    services: Services,
    target: Target,
    options: Options,
    *,
    strict: bool = False,
    prior: Prior | None = None,
) -> PreparedRun:
    """Look at everything and plan, as `prepare_run`, but compile nothing and record no run.

    For a caller that may find that the plan is not what a person has agreed to.
    """
    calls_before = count_heavy_calls(services)
    prior = prior or await _load_prior(services, target, options)
    if strict and prior.roster.problems:
        raise strict_error(prior.roster)
    state = await refresh_or_recall(services, target, prior.roster, listed=prior.listed)
    state = await note_entries(services, state)
    # After RingCentral has answered: with a clock far from the truth, its certificate is not valid.
    await prune(services, spare=state.session_row)
    state, doubts = await recover(services, state)
    state, plan = await plan_fresh(services, target, state, options)
    started_from = (prior.inputs, prior.file.digest)
    return PreparedRun(target, state, plan, options, None, doubts, calls_before, *started_from)


async def _load_prior(services: Services, target: Target, options: Options) -> Prior:
    file = await load_roster_file(services, target)
    config = services.config
    stamp = stamp_templates(config, template_folders(config, target.templates))
    inputs = digest_inputs(config, target, options, file, stamp)
    return Prior(file, file.parse(target), None, inputs)


async def start_run(services: Services, looked: PreparedRun) -> PreparedRun:
    """Compile the templates if they are needed, and record that a run is at work.

    `looked` is a run with its plan and without its mailer. Raises ConfigurationError for a wrong
    template.
    """
    state, target = looked.state, looked.target
    has_messages = bool(looked.plan) or await _has_queue(services, state)
    may_mail = has_messages and not looked.options.as_told
    # The first point at which a wrong template is found: no person has been registered by then.
    mailer = await load_mailer(services, target) if may_mail else None
    calls = count_heavy_calls(services) - looked.calls_before
    # From here on it counts as a run, also if it is killed: `status` and `resolve` have something
    # to show. A run that was refused above, by a template say, has not been one.
    await services.ledger.run(
        sessions.store_run_start, state.session_row, calls, services.clock.now()
    )
    # At the start, so that the report and a call-off know the people of a run that is killed.
    roster_now = state.snapshot.roster.invitees
    await services.ledger.run(roster_rows.store_roster, state.session_row, roster_now)
    seen = (looked.look_key, state.session_digest, looked.roster_digest)
    await services.ledger.run(looks.record_run, *seen, services.clock.now())
    return replace(looked, mailer=mailer)


async def load_mailer(services: Services, target: Target) -> "Mailer":
    """Load what writes and sends messages, and compile the templates.

    Raises ConfigurationError for a wrong template.
    """
    # A late import, as in `hold_back`: these modules and the templates take more processor time
    # than all the rest of a run.
    from onboarding.pipeline.mailer import Mailer  # noqa: PLC0415

    # In a thread: a server shows its other pages meanwhile.
    return await asyncio.to_thread(Mailer.load, services, target)


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
    begun = await begin_run(services, prepared, rehearsal_to=rehearsal_to, by=by)
    return await finish_run(services, begun, lease, retry_window)


async def begin_run(
    services: Services,
    prepared: PreparedRun,
    *,
    rehearsal_to: str = "",
    by: str = "",
    also: "AlsoWrite | None" = None,
) -> BegunRun:
    """Register and queue what was planned. All calls at RingCentral are made by the end of this.

    `also` is executed in the transaction that queues. If it fails or is stopped, that is recorded
    as the run's end.
    """
    if prepared.plan.message_count:
        # A missing password is found here, before the first person is registered.
        services.pool.prepare()
    begun = BegunRun(prepared, prepared.state, prepared.plan, prepared.plan.problems, rehearsal_to)
    try:
        # Ctrl-C may have come at the question. Within the `try`, so that the end is recorded.
        services.raise_if_stopped()
        await _record_agreement(services, prepared, by, rehearsal_to)
        # The order is the promise: no message before its person has a link, and no replacement or
        # notice is marked as done before the messages that depend on it have had their turn.
        await _register(services, begun)
        begun.recorded = await record_as_told(services, begun.state, begun.plan, by)
        if prepared.mailer:  # None: nothing was owed or queued when this run looked
            begun.queued = await prepared.mailer.queue(begun.state, begun.plan, rehearsal_to, also)
        services.raise_if_stopped()
    # A signal, too: `status` and cron's mail need the problems that were found by then.
    except BaseException:
        await record_problems(services, begun)
        raise
    begun.heavy_calls = count_heavy_calls(services) - prepared.calls_before
    return begun


async def finish_run(
    services: Services, begun: BegunRun, lease: HeldLease, retry_window: timedelta
) -> Result:
    """Deliver the queue, and record how the run ended, also if it was stopped."""
    try:
        await _deliver_queue(begun, lease, retry_window)
        await _finish_plan(services, begun)
    finally:
        news = await record_problems(services, begun)
    result = await build_result(services, begun, news)
    # A rehearsal leaves all mail to be sent, so the next run has to look again.
    inputs = "" if begun.rehearsal_to else begun.prepared.inputs
    await _record_look(services, begun, result, inputs)
    return result


async def finish_queued(services: Services, begun: BegunRun) -> Result:
    """Record how a run ended whose messages are sent by others (`pipeline.chunks`).

    What is queued does not keep the webinar open: only what could not be queued, because an
    earlier message to the same mailbox is just being sent.
    """
    try:
        await _finish_plan(services, begun)
    finally:
        news = await record_problems(services, begun)
    result = await build_result(services, begun, news)
    is_blocked = any(item.skip is SkipCode.BEING_SENT for item in begun.plan.items)
    result = replace(result, is_sent_by_others=not is_blocked)
    await _record_look(services, begun, result, begun.prepared.inputs)
    return result


async def _finish_plan(services: Services, begun: BegunRun) -> None:
    """Mark as done what no later run has to do again."""
    await finish_replacements(services, begun)
    await record_newly_mailed(services, begun.state, begun.plan)
    # A rehearsal takes no real message's place, and so misses none.
    if not begun.rehearsal_to:
        await record_missed(services, begun.state, begun.plan)


async def _record_look(services: Services, begun: BegunRun, result: Result, inputs: str) -> None:
    end = partial(looks.record_end, is_settled=is_settled(services, result))
    await services.ledger.run(end, begun.prepared.look_key, inputs, result.exit_code)


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


async def recover(services: Services, state: RunState) -> tuple[RunState, int]:
    """Settle what a dead run left in the queue.

    Returns the state afterwards, and how many messages are in doubt.
    """
    row, now = state.session_row, services.clock.now()
    doubts = await services.ledger.run(claims.recover_stalled, row, now)
    # The queue compares times with the clock. After it was set back, deferred messages would wait
    # for as long as it was wrong.
    await services.ledger.run(deliveries.bring_forward, row, now)
    # Before the plan: a message that turns out to be sent blocks nothing any more.
    settled = await settle_doubts(services, row)
    if doubts or settled:
        # A mailbox may hold the message that is in doubt: the plan must not owe it again.
        loaded = await services.ledger.run(mailboxes.load_mailboxes, row, now)
        state = replace(state, snapshot=replace(state.snapshot, mailboxes=loaded))
    return state, doubts


async def _has_queue(services: Services, state: RunState) -> bool:
    """Whether earlier runs left messages to send, those of a rehearsal included."""
    row = state.session_row
    real = await services.ledger.run(deliveries.count_queued, row)
    rehearsed = await services.ledger.run(deliveries.count_queued, row, rehearsal=True)
    return bool(real or rehearsed)


async def _register(services: Services, begun: BegunRun) -> None:
    """Apply the change at RingCentral, and plan again from what it says now."""
    prepared = begun.prepared
    begun.state, refused = await register(services, prepared.state, prepared.plan)
    # `within`: a person agreed to the first plan, so the second one may do less, but not more.
    begun.plan = await plan_approved(
        services, prepared.target, begun.state, prepared.options, within=prepared.plan
    )
    # RingCentral's refusals first: they explain why the plan still wants to add these people.
    begun.problems = tuple(dict.fromkeys((*refused, *begun.plan.problems)))
    # Before the queue is delivered, or an earlier run's message would leave all the same.
    await _hold_queued_messages(services, begun.state, begun.plan)


async def _deliver_queue(begun: BegunRun, lease: HeldLease, retry_window: timedelta) -> None:
    """Deliver the queue, if there was anything to send when this run looked."""
    prepared, state = begun.prepared, begun.state
    if prepared.mailer is None:
        return
    begun.sent = await prepared.mailer.deliver(
        state,
        begun.plan,
        lease,
        rehearsal=bool(begun.rehearsal_to),
        # A fence counts as a selection: the queue may hold messages from before it was put up.
        limited=prepared.options.is_selective or bool(state.snapshot.allow_domains),
        retry_window=retry_window,
    )


async def _hold_queued_messages(services: Services, state: RunState, plan: Plan) -> None:
    """Hold what an earlier run queued: RingCentral has mailed the person, or it is not approved."""
    mailed = [item.invitee.email for item in plan.items if item.held]
    # With mail of their own only an entry is held back: what is queued is approved, and may go.
    unapproved = [
        item.invitee.email
        for item in plan.items
        if item.skip is SkipCode.NOT_APPROVED and item.mail is None
    ]
    suppressed = [item.invitee.email for item in plan.items if item.skip is SkipCode.SUPPRESSED]
    held = {
        deliveries.MAILED_BY_RINGCENTRAL: mailed,
        NOT_APPROVED: unapproved,
        SUPPRESSED: suppressed,
    }
    for reason, emails in held.items():
        if emails:
            row, now = state.session_row, services.clock.now()
            await services.ledger.run(deliveries.hold_back, row, emails, reason, now)
