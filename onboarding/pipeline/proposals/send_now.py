"""*Send now*: `onboarding run NAME` in two steps, with the plan between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from onboarding.config import Config
from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.foreign_text import printable
from onboarding.pipeline.forecast import forecast
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.pause import find_pause
from onboarding.pipeline.proposals.proposal import (
    ENDING_OF_EXIT_CODE,
    HINT_WHEN_HELD,
    ActEnd,
    ActOutcome,
    Proposal,
    ProposedPerson,
    build_idle_outcome,
    count,
    describe_problems,
)
from onboarding.pipeline.run import RETRY_WINDOW, execute_plan, load_mailer, plan_run, start_run
from onboarding.pipeline.run_values import PreparedRun, Result
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Action, Options, Plan, PlanItem, SkipCode
from onboarding.plan.agreement import DO_NOT_SEND_NOW, describe_work, work_digest


@dataclass(frozen=True, slots=True)
class SendNow:
    """A run of one webinar. `retry_window` is how long it waits for deferred messages."""

    target: Target
    retry_window: timedelta = RETRY_WINDOW

    async def propose(self, services: Services) -> Proposal:
        """Plan a run."""
        async with webinar_lease(services, self.target, hint=HINT_WHEN_HELD):
            planned = await plan_run(services, self.target, Options())
            if planned.plan:
                # A wrong template is found before a person is asked.
                await load_mailer(services, self.target)
            return await _propose_run(services, planned)

    async def execute(self, services: Services, digest: str, by: str) -> ActOutcome | Proposal:
        """Run, if the plan is still the one that was agreed to."""
        async with webinar_lease(services, self.target, hint=HINT_WHEN_HELD) as lease:
            planned = await plan_run(services, self.target, Options())
            if _digest_work(planned) != digest:
                proposal = await _propose_run(services, planned)
                return proposal or build_idle_outcome(proposal)
            prepared = await start_run(services, planned)
            result = await execute_plan(
                services, prepared, lease, retry_window=self.retry_window, by=by
            )
        return _sum_up_run(result)


def _digest_work(planned: PreparedRun) -> str:
    return work_digest(planned.plan, planned.state.snapshot.session) if planned.plan else ""


async def _propose_run(services: Services, planned: PreparedRun) -> Proposal:
    plan = planned.plan
    is_paused = await find_pause(services, planned.target) is not None
    return Proposal(
        sentence=f"{describe_work(plan)}." if plan else _describe_idleness(plan),
        people=tuple(_describe_person(item) for item in plan.items if item.needs_anything),
        remarks=tuple(_list_remarks(services.config, planned, is_paused=is_paused)),
        warnings=tuple(_list_run_warnings(planned)),
        digest=_digest_work(planned),
    )


def _list_remarks(config: Config, planned: PreparedRun, *, is_paused: bool) -> Iterator[str]:
    """List what a person should know before a yes: how long it takes, and what is out of order."""
    snapshot, messages = planned.state.snapshot, planned.plan.message_count
    if pace := forecast(messages, config.smtp, snapshot.panel_joins_at, snapshot.now):
        yield pace
    yield from planned.plan.notes
    if is_paused:
        yield "The webinar is paused: this run goes all the same, and the pause stays."
    if allowed := config.rehearsal.allow_domains:
        yield f"Rehearsal: only people at {', '.join(allowed)} are registered and mailed."
    if config.smtp.is_plaintext:
        yield f"Mail goes unencrypted to {config.smtp.host_and_port}."


def _describe_idleness(plan: Plan) -> str:
    if plan.problems or _count_held_back(plan):
        return "Nothing can be done automatically."
    if left_alone := len(plan.skipped):
        who = "1 person is" if left_alone == 1 else f"{left_alone} people are"
        return (
            f"Nothing to do: {who} left alone, all others are up to date. "
            "`onboarding plan` says why."
        )
    return "All people are up to date: nothing to do."


def _list_run_warnings(planned: PreparedRun) -> Iterator[str]:
    plan = planned.plan
    yield from describe_problems(plan.problems)
    if held := _count_held_back(plan):
        who = "1 person is" if held == 1 else f"{held} people are"
        yield f"{who} held back, since no approved plan page shows this."
    if planned.state.snapshot.has_unsent_invites:
        yield DO_NOT_SEND_NOW


def _count_held_back(plan: Plan) -> int:
    return sum(item.skip is SkipCode.NOT_APPROVED for item in plan.items)


def _describe_person(item: PlanItem) -> ProposedPerson:
    action = "" if item.action in {Action.KEEP, Action.NONE} else item.action.value
    mails = [f"mail: {item.mail}"] if item.mail else []
    mails += [f"mail: scheduled {due.entry.id}" for due in item.entries]
    # Often both reasons are the same sentence.
    why = "; ".join(dict.fromkeys(filter(None, (item.reason, item.mail_reason))))
    return ProposedPerson(
        email=printable(item.invitee.email),
        name=printable(item.invitee.name),
        what=", ".join(filter(None, (action, *mails))),
        why=printable(why),
    )


def _sum_up_run(result: Result) -> ActOutcome:
    """Say how a run ended."""
    ending = ENDING_OF_EXIT_CODE[result.exit_code]
    if ending is ActEnd.DONE and not result.has_changes:
        ending = ActEnd.NOTHING
    waiting = result.counts.get(State.QUEUED, 0)
    lines = []
    if waiting:
        lines.append(f"{count(waiting, 'message')} queued: the next run sends what is due.")
    if result.has_unsent_invites:
        lines.append(DO_NOT_SEND_NOW)
    return ActOutcome(ending, _count_done(result), (*describe_problems(result.problems), *lines))


def _count_done(result: Result) -> str:
    """Count what was done, and what needs a person: “4 mails sent, 1 rejected.”."""
    parts = [f"{result.registered} registered"] if result.registered else []
    parts.append(f"{count(result.sent, 'mail')} sent")
    troubled = [
        f"{number} {state.replace('_', ' ')}"
        for state, number in result.counts.items()
        if state in NEEDS_A_PERSON
    ]
    if result.problems:
        troubled.append(count(len(result.problems), "problem"))
    return f"{', '.join([*parts, *(troubled or ['no problems'])])}."
