"""What a person does on purpose to single people, where the webinar asks for approval.

An act goes without a page: it is recorded as that person's own approval, so that a later run that
has to go on with it is not held back. Under `strict` an approved page must have shown it.
"""

import asyncio
from collections.abc import Iterable

from onboarding.errors import EXIT_NEEDS_A_PERSON, OnboardingError
from onboarding.ledger import replacements, reviews
from onboarding.model.reviews import ApprovalMode, Approved, PlannedMessage
from onboarding.pipeline.mailer import load_templates
from onboarding.pipeline.planned_messages import PlannedMessages
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.review import as_reviewed, find_page_digest, list_changes, name_changes
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import PlanItem
from onboarding.plan.approval import is_act_covered


class NotApproved(OnboardingError):
    """A webinar with `approval = "strict"`: no approved page has shown what a person asks for."""

    exit_code = EXIT_NEEDS_A_PERSON


async def approve_act(
    services: Services,
    target: Target,
    state: RunState,
    items: Iterable[PlanItem],
    by: str,
    act: str,
) -> None:
    """Let through what a person does to these items, messages and changes alike.

    Call it before anything is queued or changed. `act` is the command's name. Does nothing for a
    webinar that asks for no approval. Raises NotApproved under `strict` if no approved page showed
    all of it, and ConfigurationError for a template that can't be used.
    """
    if target.approval is ApprovalMode.NONE:
        return
    acted = list(items)

    def render() -> list[PlannedMessage]:
        # Compiled even if no item has a message: a broken template is found before anything is
        # done.
        templates = load_templates(services.config, target)
        planned = PlannedMessages(templates, state.snapshot, state.webinar.dial_in)
        return [planned.plan_item(item) for item in acted if item.mail]

    # In a thread, as in `run.load_mailer`: a server shows its other pages meanwhile.
    messages = await asyncio.to_thread(render)
    # An empty `Approved`: only the names of the changes are needed here, not what covers them.
    changes = name_changes(list_changes(acted, Approved()))
    if target.approval is ApprovalMode.STRICT:
        approved = await services.ledger.run(reviews.load_approved, state.session_row)
        _refuse_unapproved(target, messages, changes, approved, act)
    # Under `strict` this stores what was approved already. History and later runs then have one
    # rule for acts and pages alike.
    digest = find_page_digest(state.snapshot.session.key, messages, changes)
    # A message with a fault has no content that could be approved; the run reports its fault.
    shown = [as_reviewed(message) for message in messages if message.shown]
    now = services.clock.now()
    await services.ledger.run(
        reviews.approve_at_once, state.session_row, digest, shown, changes, by, act, now
    )


def _refuse_unapproved(
    target: Target,
    messages: Iterable[PlannedMessage],
    changes: Iterable[tuple[str, str]],
    approved: Approved,
    act: str,
) -> None:
    held = [message.invitee.email for message in messages if not is_act_covered(message, approved)]
    # All people at once: an act is done for all of them or for none.
    held += [key for action, key in changes if (action, key) not in approved.changes]
    if held:
        people = ", ".join(dict.fromkeys(held))
        # Raised before anything is written or sent, so that the sentence "nothing was done" is
        # true.
        raise NotApproved(
            f"No approved page shows this for {people}: nothing was done.",
            hint=f'[webinars.{target.name}] has approval = "strict". {_name_way(target.name, act)}',
        )


def _name_way(name: str, act: str) -> str:
    """Say how an act gets its approval. No page shows a replacement before its row is changed."""
    if act == replacements.REPLACE:
        return (
            f"Change the row yourself, write a page with `onboarding plan {name} --remove --page"
            f" FILE`, have it approved, then `onboarding run {name} --remove`."
        )
    return "Approve a page that shows it."
