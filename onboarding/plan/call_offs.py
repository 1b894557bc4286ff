"""What is left to do for a session that a person has called off: cancellations, and nothing else.

Comes after all other modules of this room and overrules them: no person is added or changed, and no
other message is sent. A removal that was asked for stays. People hold a link if a message with one
was sent to them, wherever they are listed now; each of them gets a cancellation.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Mailbox
from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import CALLED_OFF
from onboarding.plan.messages_due import MAY_HAVE_ARRIVED, plan_cancellation
from onboarding.plan.snapshot import Action, PlanItem, SkipCode, Snapshot


def plan_call_off(items: Sequence[PlanItem], snapshot: Snapshot) -> list[PlanItem]:
    """Turn the items of a plan into those of a session that is called off."""
    planned = [_plan_called_off(item, snapshot) for item in items]
    listed = {address_key(item.invitee.email) for item in items if item.invitee.email}
    others = [
        PlanItem(_find_invitee(key, box, snapshot), Action.NONE, CALLED_OFF)
        for key, box in snapshot.mailboxes.items()
        if key not in listed and box.facts
    ]
    return planned + [_plan_called_off(item, snapshot) for item in others]


def _plan_called_off(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    # Their cancellation is planned already, with the removal that a person asked for.
    if item.action is Action.REMOVE:
        return item
    stays = replace(
        item,
        action=Action.NONE,
        reason=CALLED_OFF,
        changes=MappingProxyType({}),
        mail=None,
        mail_reason="",
        adopted=False,
        queued=False,
        held=False,
        # What was wrong with their row or record concerns a session that does not take place.
        problems=(),
        skip=SkipCode.CALLED_OFF,
    )
    # In doubt counts, too: `plan_cancellation` then sends nothing, but says that a person decides.
    if not (item.invitee.email and _may_hold_link(snapshot.mailbox(item.invitee.key))):
        return stays
    due = plan_cancellation(stays, snapshot)
    # A queued one keeps its own reason, which may say until when it is deferred.
    return replace(due, mail_reason=CALLED_OFF) if due.mail and not due.queued else due


def _may_hold_link(box: Mailbox) -> bool:
    """Whether a link was sent there and not cancelled since, or may have been."""
    return box.facts is not None or (box.last is not None and box.last.state in MAY_HAVE_ARRIVED)


def _find_invitee(key: str, box: Mailbox, snapshot: Snapshot) -> Invitee:
    """Find what is known of a person who is neither on the roster nor registered."""
    if known := snapshot.managed.get(key):
        return known.invitee
    # A Host who has left the roster: their last message is all that the ledger has of them.
    last = box.last
    return Invitee(0, last.email if last else key, last.facts.role if last else Role.PANELIST)
