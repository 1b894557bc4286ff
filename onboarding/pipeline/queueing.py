"""Turns what a plan owes into queued deliveries: each with its name, its facts, and the time when its use is over."""

from datetime import datetime

from onboarding.ledger import deliveries
from onboarding.model.deliveries import Kind, message_id
from onboarding.model.sessions import Facts, Session
from onboarding.pipeline.looking import View
from onboarding.pipeline.rooms import Rooms
from onboarding.plan import Action, Plan, Step
from onboarding.plan.mailing import facts

UNDONE = frozenset({Action.ADD, Action.REPLACE, Action.REMOVE})
"""What would have changed a person's link, had it been carried out."""


async def enqueue(rooms: Rooms, view: View, plan: Plan, rehearsal_to: str = "") -> int:
    """Queue what the plan owes; returns how many messages that are.

    `plan` is the one made after registering. Who is still to be added, replaced or removed in it was not: RingCentral
    refused, or its list lags behind. What they are owed is owed once that is done.
    """
    now = rooms.clock.now()
    domain = rooms.config.brand.sender_address.rpartition("@")[2]
    orders = [
        order
        for step in plan.mail
        if _is_due(step, rehearsal_to) and (order := _order(step, view, domain, now, rehearsal_to))
    ]
    await rooms.ledger.run(deliveries.enqueue, view.session_row, orders, now)
    return len(orders)


def _is_due(step: Step, rehearsal_to: str) -> bool:
    """Whether a message is true already, and not in the queue yet; a rehearsal's own never is."""
    return step.action not in UNDONE and (bool(rehearsal_to) or not step.queued)


def _order(step: Step, view: View, domain: str, now: datetime, rehearsal_to: str) -> deliveries.Order | None:
    """One message to queue; None where the link has not come (its problem was told already)."""
    invitee, session = step.invitee, view.picture.session
    box = view.picture.mailbox(invitee.key)
    told = box.told if step.mail is Kind.CANCELLATION else _true_now(step, session)
    if step.mail is None or told is None:
        return None
    number = box.messages + 1
    rehearsal = f"rehearsal {now.isoformat()}" if rehearsal_to else ""
    return deliveries.Order(
        email=invitee.email,
        name=invitee.name,
        kind=step.mail,
        number=number,
        message_id=message_id(session.key, invitee.email, step.mail, number, domain, rehearsal),
        facts=told,
        due_at=now,
        expires_at=session.end,
        rehearsal_to=rehearsal_to,
    )


def _true_now(step: Step, session: Session) -> Facts | None:
    record = step.registration
    return facts(session, record.role, record) if record else None
