"""A plan as rows of a table, one for each person. Nothing is decided or printed here."""

from onboarding.model.people import Invitee
from onboarding.model.sessions import UntouchedRecord
from onboarding.plan import Action, Plan, PlanItem

# Attendees may stand in RingCentral's list of invitees. They registered themselves, so no roster
# has them, and that must not look like a removal.
ATTENDEE_REASON = "an attendee in RingCentral's list, left alone"

NOTHING = "-"
"""In a plan's table: nothing is done, nothing is sent."""

PlanRow = tuple[str, str, str, str, str]
"""A person in the table of a plan: name, role, what happens at RingCentral, the mail, and why."""


def plan_rows(plan: Plan) -> list[PlanRow]:
    """A plan as rows of a table, one for each item."""
    return [
        (
            display_name(item.invitee),
            item.role,
            # “none” would look like something that is done.
            NOTHING if item.action is Action.NONE else item.action.value,
            _mail_word(item),
            join_reasons(item),
        )
        for item in plan.items
    ]


def _mail_word(item: PlanItem) -> str:
    if item.as_told:
        return "as told"
    return item.mail.value if item.mail else NOTHING


def attendee_rows(plan: Plan) -> list[PlanRow]:
    """The attendees in RingCentral's list, in the columns of `plan_rows`."""
    return [
        (attendee_name(record), "Attendee", NOTHING, NOTHING, ATTENDEE_REASON)
        for record in plan.attendees
    ]


def attendee_name(record: UntouchedRecord) -> str:
    """Name an attendee, even without a name or an address."""
    name = f"{record.first_name} {record.last_name}".strip()
    return name or record.email or f"invitee {record.id}"


def display_name(invitee: Invitee) -> str:
    """Name a person, even if only their ids are known."""
    user = invitee.linked_user
    return invitee.name or (f"user {user.user_id}" if user else "(no name)")


def join_reasons(item: PlanItem) -> str:
    """Say why RingCentral is asked for this, and why this mail is or is not sent: a reason once."""
    # Often both are the same sentence.
    return "; ".join(dict.fromkeys(filter(None, (item.reason, item.mail_reason))))
