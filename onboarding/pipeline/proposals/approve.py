"""*Approve*: `onboarding approve` in two steps. It needs no lease and asks RingCentral nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from onboarding.errors import ConfigurationError
from onboarding.ledger import reviews
from onboarding.model.foreign_text import printable
from onboarding.model.reviews import SHOWN_DIGITS, ReviewedMessage
from onboarding.pipeline.approve import approve_page, find_page
from onboarding.pipeline.proposals.proposal import (
    ActEnd,
    ActOutcome,
    Proposal,
    ProposedPerson,
    count,
)
from onboarding.pipeline.refresh import read_roster
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target


@dataclass(frozen=True, slots=True)
class Approve:
    """The approval of the plan page with this digest; `reason` is for the history."""

    target: Target
    page: str
    reason: str = ""

    async def propose(self, services: Services) -> Proposal:
        """Say what the page showed: its messages, its changes, and the people."""
        review = await find_page(services, self.target, self.page)
        messages, changes = await services.ledger.run(reviews.load_shown, review.id)
        due = [message for message in messages if message.digest]
        follow = len(messages) - len(due)
        remarks = [f"It also shows {count(follow, 'message')} that may follow."] if follow else []
        if review.approved_by:
            remarks.append(f"Approved already by {', '.join(review.approved_by)}.")
        return Proposal(
            sentence=f"Approve the plan page {review.digest[:SHOWN_DIGITS]} of "
            f"“{printable(review.title)}”: {_count_messages(due)}, "
            f"{count(len(changes), 'change')} at RingCentral.",
            people=_list_people(due, changes, await _read_names(services, self.target)),
            remarks=tuple(remarks),
            digest=review.digest,
        )

    async def execute(self, services: Services, digest: str, by: str) -> ActOutcome | Proposal:
        """Record the approval. The digest is the page's own, so what it showed can't differ."""
        approval = await approve_page(services, self.target, digest, by, self.reason)
        shown = approval.digest[:SHOWN_DIGITS]
        newer = (
            approval.newer and f"A newer page is not approved yet: {approval.newer[:SHOWN_DIGITS]}."
        )
        lines = tuple(filter(None, (newer,)))
        if not approval.is_new:
            return ActOutcome(ActEnd.NOTHING, f"You had approved the page {shown} before.", lines)
        hint = "A run sends what it shows: one of cron, or “Send now”."
        return ActOutcome(ActEnd.DONE, f"The page {shown} is approved.", lines, hint)


def _count_messages(due: Sequence[ReviewedMessage]) -> str:
    """Count the messages, those of the schedule apart: the page counts them apart, too."""
    scheduled = sum(bool(message.entry) for message in due)
    now = count(len(due) - scheduled, "message")
    return f"{now}, {scheduled} on the schedule" if scheduled else now


async def _read_names(services: Services, target: Target) -> Mapping[str, str]:
    """Read the names of the people on the roster, by their key; none if it can't be read."""
    try:
        roster = await read_roster(target, services.stop)
    except ConfigurationError:
        # What the page showed can be approved without it, and the next run says what is wrong.
        return {}
    return {invitee.key: invitee.name for invitee in roster.invitees}


def _list_people(
    due: Iterable[ReviewedMessage],
    changes: Iterable[tuple[str, str]],
    names: Mapping[str, str],
) -> tuple[ProposedPerson, ...]:
    """List each person once, with all that the page shows for them."""
    found: dict[str, list[str]] = {}
    for action, key in changes:
        found.setdefault(key, []).append(f"{action} at RingCentral")
    for message in due:
        found.setdefault(message.key, []).append(f"mail: {message.kind} {message.entry}".rstrip())
    return tuple(
        ProposedPerson(printable(key), printable(names.get(key, "")), ", ".join(what))
        for key, what in sorted(found.items())
    )
