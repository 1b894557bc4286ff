"""What a person agrees to when they let a plan be executed: a sentence, and a digest to bind it.

The sentence counts what the plan does. The digest tells whether a later plan of the same webinar
would do the same: where it differs, the person has to be asked again.
"""

from collections.abc import Iterable

from onboarding.model.digests import json_digest
from onboarding.model.registrations import registration_key
from onboarding.model.sessions import Session
from onboarding.plan.snapshot import Plan, PlanItem

DO_NOT_SEND_NOW = (
    "Don't click Send now at RingCentral: it would send RingCentral's own invitation "
    "to all people who were added silently."
)
"""What a person must know while RingCentral's own button would mail who was added from here."""


def describe_work(plan: Plan, to: str = "") -> str:
    """Say what a plan does, as in “Register 2, send 3 mails”; empty if it does nothing.

    `to` is the one address that all mail of a rehearsal goes to.
    """
    change, mails = plan.change, plan.message_count
    recipient = f" to {to}" if to else ""
    parts = {
        f"register {len(change.add)}": change.add,
        f"update {len(change.update)}": change.update,
        f"remove {len(change.remove)}": change.remove,
        f"send {mails} {'mail' if mails == 1 else 'mails'}{recipient}": mails,
        f"record {len(plan.as_told)} as told, without mailing them": plan.as_told,
    }
    sentence = ", ".join(part for part, is_needed in parts.items() if is_needed)
    return f"{sentence[:1].upper()}{sentence[1:]}"


def work_digest(plan: Plan, session: Session) -> str:
    """Compute the SHA-256 of what a plan does, with its people, session and time; 64 hex digits.

    Reasons, remarks and the time of the plan are no part of it: they may differ while the work is
    the same.
    """
    # The session's time is a part: a person who agrees to an invitation agrees to what it says.
    about = [
        str(session.key),
        session.title,
        session.start.isoformat(),
        session.duration.total_seconds(),
    ]
    return json_digest([about, *sorted(map(_describe_item, _list_work(plan)))])


def _list_work(plan: Plan) -> Iterable[PlanItem]:
    return (item for item in plan.items if item.needs_anything)


def _describe_item(item: PlanItem) -> list[object]:
    changes = sorted((field, list(values)) for field, values in item.changes.items())
    return [
        registration_key(item.invitee),
        item.invitee.name,
        item.role,
        item.action,
        changes,
        item.mail or "",
        item.queued,
        item.as_told or "",
        [due.entry.id for due in item.entries],
    ]
