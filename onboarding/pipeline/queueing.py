"""Turns what a plan owes into queued deliveries: each with its name, its facts, and the time when its use is over."""

from datetime import datetime
from email.utils import parseaddr

from onboarding.ledger import deliveries
from onboarding.model.deliveries import Kind, message_id
from onboarding.model.sessions import Facts, Session
from onboarding.pipeline.looking import View
from onboarding.pipeline.rooms import Rooms
from onboarding.plan import Plan, Step
from onboarding.plan.mailing import facts


async def enqueue(rooms: Rooms, view: View, plan: Plan, rehearsal_to: str = "") -> int:
    """Queue what the plan owes; returns how many messages that are."""
    now = rooms.clock.now()
    domain = parseaddr(rooms.config.brand.sender)[1].rpartition("@")[2]
    orders = [
        order
        for step in plan.mail
        if _is_new(step, rehearsal_to) and (order := _order(step, view, domain, now, rehearsal_to))
    ]
    await rooms.ledger.run(deliveries.enqueue, view.session_row, orders, now)
    return len(orders)


def _is_new(step: Step, rehearsal_to: str) -> bool:
    """Whether a message is not in the queue already; a rehearsal's own never is."""
    return bool(rehearsal_to) or not step.queued


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
