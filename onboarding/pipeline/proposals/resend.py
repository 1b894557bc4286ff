"""*Resend*: `onboarding resend` in two steps, for single people."""

from dataclasses import dataclass, replace

from onboarding.errors import EXIT_DONE
from onboarding.model.digests import json_digest
from onboarding.model.foreign_text import printable
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.proposals.proposal import (
    ENDING_OF_EXIT_CODE,
    HINT_WHEN_HELD,
    ActOutcome,
    Proposal,
    ProposedPerson,
    build_idle_outcome,
    count,
    find_outcome,
)
from onboarding.pipeline.resend import (
    PreparedResend,
    ResendResult,
    describe_last,
    describe_result,
    execute_resend,
    prepare_resend,
    resend_exit_code,
)
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import PlanItem
from onboarding.plan.agreement import work_digest


@dataclass(frozen=True, slots=True)
class Resend:
    """A second copy of their message for these people; `reason` is for the history."""

    target: Target
    emails: tuple[str, ...]
    reason: str = ""

    async def propose(self, services: Services) -> Proposal:
        """Look at who can be sent their message again."""
        async with webinar_lease(services, self.target, hint=HINT_WHEN_HELD):
            return _propose_copies(await prepare_resend(services, self.target, self.emails))

    async def execute(self, services: Services, digest: str, by: str) -> ActOutcome | Proposal:
        """Send the copies, if the people, their kinds and what they got last are still the same."""
        async with webinar_lease(services, self.target, hint=HINT_WHEN_HELD) as lease:
            prepared = await prepare_resend(services, self.target, self.emails)
            proposal = _propose_copies(prepared)
            if proposal.digest != digest:
                return proposal or build_idle_outcome(proposal)
            results, error = await execute_resend(services, prepared, lease, by, self.reason)
        lines = tuple(_describe_copy(result) for result in results)
        if error:
            # What was sent before the error has to be said all the same.
            return replace(find_outcome(error), lines=lines)
        code = resend_exit_code(results)
        sentence = "Sent again." if code == EXIT_DONE else "Not all of it was sent."
        return ActOutcome(ENDING_OF_EXIT_CODE[code], sentence, lines)


def _propose_copies(prepared: PreparedResend) -> Proposal:
    due = prepared.plan.mail
    refused = tuple(_describe_copy(result) for result in prepared.refused)
    if not due:
        return Proposal("No message can be sent again.", warnings=refused)
    return Proposal(
        sentence=f"Send {count(len(due), 'mail')} again.",
        people=tuple(_describe_resend(prepared, item) for item in due),
        warnings=refused,
        digest=_digest_resend(prepared),
    )


def _describe_resend(prepared: PreparedResend, item: PlanItem) -> ProposedPerson:
    waits = ", which waits in the queue" if item.queued else ""
    return ProposedPerson(
        email=printable(item.invitee.email),
        name=printable(item.invitee.name),
        what=f"mail: {item.mail}{waits}",
        why=f"last message: {describe_last(prepared, item.invitee.key)}",
    )


def _digest_resend(prepared: PreparedResend) -> str:
    # With the latest message: where a run has sent one meanwhile, a copy is no more what the
    # person asked for.
    keys = sorted(item.invitee.key for item in prepared.plan.mail)
    latest = [prepared.latest[key].delivery for key in keys]
    last = [[delivery.id, delivery.state, delivery.attempt] for delivery in latest]
    return json_digest([work_digest(prepared.plan, prepared.state.snapshot.session), *last])


def _describe_copy(result: ResendResult) -> str:
    return printable(f"{result.email}: {describe_result(result)}")
