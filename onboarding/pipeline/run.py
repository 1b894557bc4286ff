"""One webinar, from roster to `sent`: look, plan, register, queue, deliver, and say how it ended.

`prepared` does what changes nothing, so that a person can be asked in between; `carry_out` does what they agreed to.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER, ConfigurationError
from onboarding.ledger import deliveries, registrations, sessions
from onboarding.messages.composer import TemplateSet
from onboarding.model.deliveries import NEEDS_A_PERSON, UNDER_WAY, State
from onboarding.model.people import Problem
from onboarding.pipeline.deliver import deliver, enqueue
from onboarding.pipeline.delivery_run import prepare_delivery
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.refresh import RunState, plan_fresh, read_roster, refresh
from onboarding.pipeline.register import register
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.pipeline.templates import load_templates
from onboarding.plan import Action, Options, Plan, make_plan

RETRY_WINDOW = timedelta(minutes=10)
"""How long a run waits for messages that were put off before it leaves them to the next one."""


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that has looked and not yet done anything. `doubts`: messages that a dead run left in doubt just now."""

    target: Target
    state: RunState
    plan: Plan
    options: Options
    stationery: TemplateSet
    doubts: int
    calls_before: int


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. `did` tells whether it changed anything; `news` whether its problems differ from the last run's.

    `problems` need a person.
    """

    name: str
    title: str
    sent: int
    registered: int
    counts: Mapping[State, int]
    problems: tuple[Problem, ...]
    heavy_calls: int
    did: bool
    news: bool
    has_unsent_invites: bool

    @property
    def exit_code(self) -> int:
        """0 all done; 1 something needs a person; 75 something is still to be sent."""
        if any(self.counts.get(state) for state in UNDER_WAY):
            return EXIT_TRY_LATER
        if self.problems or any(self.counts.get(state) for state in NEEDS_A_PERSON):
            return EXIT_NEEDS_A_PERSON
        return EXIT_DONE


async def prepare_run(services: Services, target: Target, options: Options, *, strict: bool = False) -> PreparedRun:
    """Look at everything and plan; call while holding the webinar's lease.

    Templates are compiled first: what is wrong with them is found before anybody is registered. Raises
    ConfigurationError where `strict` and the roster has a problem.
    """
    calls_before = _heavy(services)
    if services.config.ledger.keep:
        before = services.clock.now() - timedelta(days=services.config.ledger.keep)
        await services.ledger.run(sessions.forget_ended, before)
    letters = load_templates(services.config, target)
    roster = await read_roster(target, services.stop)
    if strict and roster.problems:
        raise ConfigurationError(
            "\n".join(f"row {one.row}, {one.column or 'whole row'}: {one.message}" for one in roster.problems),
            hint="Mend the roster, or leave --strict out to serve the other rows.",
        )
    state = await refresh(services, target, roster)
    doubts = await services.ledger.run(deliveries.recover_stalled, state.session_row, services.clock.now())
    await services.ledger.run(deliveries.bring_forward, state.session_row, services.clock.now())
    if doubts:
        boxes = await services.ledger.run(deliveries.mailboxes, state.session_row)
        state = replace(state, snapshot=replace(state.snapshot, mailboxes=boxes))
    state, plan = await plan_fresh(services, target, state, options)
    await services.ledger.run(
        sessions.begin_run, state.session_row, _heavy(services) - calls_before, services.clock.now()
    )
    return PreparedRun(target, state, plan, options, letters, doubts, calls_before)


async def execute_plan(
    services: Services,
    prepared: PreparedRun,
    lease: HeldLease,
    *,
    rehearsal_to: str = "",
    patience: timedelta = RETRY_WINDOW,
) -> Result:
    """Register, queue and deliver what was planned, and note how it ended, also where it was stopped."""
    plan, problems, sent, queued = prepared.plan, prepared.plan.problems, 0, 0
    if plan.mail:
        services.post.pool()  # a missing password is found before anybody is registered, and not after
    try:
        services.raise_if_stopped()
        state, refused = await register(services, prepared.state, plan)
        plan = make_plan(state.snapshot, prepared.options, within=prepared.plan)
        problems = tuple(dict.fromkeys((*refused, *plan.problems)))
        await _hold_back(services, state, plan)
        queued = await enqueue(services, state, plan, rehearsal_to)
        services.raise_if_stopped()
        limited = prepared.options.limit is not None
        run = prepare_delivery(
            services, state, plan, prepared.stationery, lease, rehearsal=bool(rehearsal_to), limited=limited
        )
        sent = await deliver(services, run, patience)
        await _note_mailed(services, state, plan)
    finally:
        before = await services.ledger.run(sessions.problems_of, prepared.state.session_row)
        noted = (*problems, *_notes(plan, prepared.state))
        await _note_end(services, prepared, noted)
    entries = await services.ledger.run(deliveries.entries, prepared.state.session_row)
    return Result(
        name=prepared.target.name,
        title=prepared.state.snapshot.session.title,
        sent=sent,
        registered=len(prepared.plan.at(Action.ADD, Action.REPLACE)),
        counts=Counter(entry.delivery.state for entry in entries),
        problems=problems,
        heavy_calls=_heavy(services) - prepared.calls_before,
        did=bool(sent or queued or prepared.plan.change or prepared.doubts),
        news=list(before) != list(noted) or any(item.turned for item in plan.items),
        has_unsent_invites=_has_unsent_invites(prepared, state),
    )


async def _hold_back(services: Services, state: RunState, plan: Plan) -> None:
    """Keep back what an earlier run queued for people whom RingCentral has mailed since."""
    held = [item.invitee.email for item in plan.items if item.held]
    if held:
        await services.ledger.run(deliveries.hold_back, state.session_row, held, services.clock.now())


async def _note_mailed(services: Services, state: RunState, plan: Plan) -> None:
    """Remember whom this run names, so that later runs don't. Last of all: a run that breaks off has named nobody."""
    turned = [item.invitee for item in plan.items if item.turned]
    if turned:
        await services.ledger.run(registrations.note_mailed, state.session_row, turned, services.clock.now())


def _has_unsent_invites(prepared: PreparedRun, state: RunState) -> bool:
    """Whether *Send now* would mail somebody after this run: who was just added is silent, whatever was so before."""
    added = bool(prepared.plan.change.add) and state.snapshot.holds_silent_records
    return added or state.snapshot.has_unsent_invites


async def _note_end(services: Services, prepared: PreparedRun, noted: Sequence[Problem]) -> None:
    calls = _heavy(services) - prepared.calls_before
    await services.ledger.run(sessions.finish_run, prepared.state.session_row, noted, calls, services.clock.now())


def _notes(plan: Plan, state: RunState) -> list[Problem]:
    """Why somebody on the roster gets no message though nothing is wrong: `status` shows an end of every row.

    And what else the plan has said that needs nothing done.
    """
    return [
        *(Problem(None, None, "", note) for note in plan.notes),
        *_unmailed(plan, state),
    ]


def _unmailed(plan: Plan, state: RunState) -> list[Problem]:
    return [
        Problem(item.invitee.row, None, item.invitee.email, item.mail_reason or item.reason)
        for item in plan.items
        if item.invitee.row
        and not item.mail
        and not item.problems
        and not state.snapshot.mailbox(item.invitee.key).messages
    ]


def _heavy(services: Services) -> int:
    return services.ringcentral.calls.get("Heavy", 0)
