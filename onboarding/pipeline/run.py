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
    view: RunState
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


async def prepare_run(rooms: Services, target: Target, options: Options, *, strict: bool = False) -> PreparedRun:
    """Look at everything and plan; call while holding the webinar's lease.

    Templates are compiled first: what is wrong with them is found before anybody is registered. Raises
    ConfigurationError where `strict` and the roster has a problem.
    """
    calls_before = _heavy(rooms)
    if rooms.config.ledger.keep:
        before = rooms.clock.now() - timedelta(days=rooms.config.ledger.keep)
        await rooms.ledger.run(sessions.forget_ended, before)
    letters = load_templates(rooms.config, target)
    roster = await read_roster(target, rooms.stop)
    if strict and roster.problems:
        raise ConfigurationError(
            "\n".join(f"row {one.row}, {one.column or 'whole row'}: {one.message}" for one in roster.problems),
            hint="Mend the roster, or leave --strict out to serve the other rows.",
        )
    view = await refresh(rooms, target, roster)
    doubts = await rooms.ledger.run(deliveries.recover_stalled, view.session_row, rooms.clock.now())
    await rooms.ledger.run(deliveries.bring_forward, view.session_row, rooms.clock.now())
    if doubts:
        boxes = await rooms.ledger.run(deliveries.mailboxes, view.session_row)
        view = replace(view, snapshot=replace(view.snapshot, mailboxes=boxes))
    view, plan = await plan_fresh(rooms, target, view, options)
    await rooms.ledger.run(sessions.begin_run, view.session_row, _heavy(rooms) - calls_before, rooms.clock.now())
    return PreparedRun(target, view, plan, options, letters, doubts, calls_before)


async def execute_plan(
    rooms: Services, ready: PreparedRun, lease: HeldLease, *, rehearsal_to: str = "", patience: timedelta = RETRY_WINDOW
) -> Result:
    """Register, queue and deliver what was planned, and note how it ended, also where it was stopped."""
    plan, problems, sent, queued = ready.plan, ready.plan.problems, 0, 0
    if plan.mail:
        rooms.post.pool()  # a missing password is found before anybody is registered, and not after
    try:
        rooms.raise_if_stopped()
        view, refused = await register(rooms, ready.view, plan)
        plan = make_plan(view.snapshot, ready.options, within=ready.plan)
        problems = tuple(dict.fromkeys((*refused, *plan.problems)))
        await _hold_back(rooms, view, plan)
        queued = await enqueue(rooms, view, plan, rehearsal_to)
        rooms.raise_if_stopped()
        limited = ready.options.limit is not None
        work = prepare_delivery(
            rooms, view, plan, ready.stationery, lease, rehearsal=bool(rehearsal_to), limited=limited
        )
        sent = await deliver(rooms, work, patience)
        await _note_mailed(rooms, view, plan)
    finally:
        before = await rooms.ledger.run(sessions.problems_of, ready.view.session_row)
        noted = (*problems, *_notes(plan, ready.view))
        await _note_end(rooms, ready, noted)
    entries = await rooms.ledger.run(deliveries.entries, ready.view.session_row)
    return Result(
        name=ready.target.name,
        title=ready.view.snapshot.session.title,
        sent=sent,
        registered=len(ready.plan.at(Action.ADD, Action.REPLACE)),
        counts=Counter(entry.delivery.state for entry in entries),
        problems=problems,
        heavy_calls=_heavy(rooms) - ready.calls_before,
        did=bool(sent or queued or ready.plan.change or ready.doubts),
        news=list(before) != list(noted) or any(step.turned for step in plan.items),
        has_unsent_invites=_has_unsent_invites(ready, view),
    )


async def _hold_back(rooms: Services, view: RunState, plan: Plan) -> None:
    """Keep back what an earlier run queued for people whom RingCentral has mailed since."""
    held = [step.invitee.email for step in plan.items if step.held]
    if held:
        await rooms.ledger.run(deliveries.hold_back, view.session_row, held, rooms.clock.now())


async def _note_mailed(rooms: Services, view: RunState, plan: Plan) -> None:
    """Remember whom this run names, so that later runs don't. Last of all: a run that breaks off has named nobody."""
    turned = [step.invitee for step in plan.items if step.turned]
    if turned:
        await rooms.ledger.run(registrations.note_mailed, view.session_row, turned, rooms.clock.now())


def _has_unsent_invites(ready: PreparedRun, view: RunState) -> bool:
    """Whether *Send now* would mail somebody after this run: who was just added is silent, whatever was so before."""
    added = bool(ready.plan.change.add) and view.snapshot.holds_silent_records
    return added or view.snapshot.has_unsent_invites


async def _note_end(rooms: Services, ready: PreparedRun, noted: Sequence[Problem]) -> None:
    calls = _heavy(rooms) - ready.calls_before
    await rooms.ledger.run(sessions.finish_run, ready.view.session_row, noted, calls, rooms.clock.now())


def _notes(plan: Plan, view: RunState) -> list[Problem]:
    """Why somebody on the roster gets no message though nothing is wrong: `status` shows an end of every row.

    And what else the plan has said that needs nothing done.
    """
    return [
        *(Problem(None, None, "", note) for note in plan.notes),
        *_unmailed(plan, view),
    ]


def _unmailed(plan: Plan, view: RunState) -> list[Problem]:
    return [
        Problem(step.invitee.row, None, step.invitee.email, step.mail_reason or step.reason)
        for step in plan.items
        if step.invitee.row
        and not step.mail
        and not step.problems
        and not view.snapshot.mailbox(step.invitee.key).messages
    ]


def _heavy(rooms: Services) -> int:
    return rooms.ringcentral.calls.get("Heavy", 0)
