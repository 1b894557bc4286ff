"""A plan as rows of a table for people. It decides nothing; programs read `cli.output`."""

from onboarding.model.people import Invitee
from onboarding.model.sessions import UntouchedRecord
from onboarding.plan.snapshot import Action, Plan, PlanItem

ATTENDEE_REASON = "an attendee in RingCentral's list, left alone"


def as_rows(plan: Plan) -> list[tuple[str, str, str, str, str]]:
    """Format a plan: name, role, what happens at RingCentral, the mail, and why (`-` is nothing)."""
    return [
        (
            display_name(item.invitee),
            item.role,
            "-" if item.action is Action.NONE else item.action.value,
            item.mail.value if item.mail else "-",
            join_reasons(item),
        )
        for item in plan.items
    ]


def attendee_lines(plan: Plan) -> list[tuple[str, str, str, str, str]]:
    """Format the attendees in RingCentral's list, in the columns of `as_rows`."""
    return [
        (attendee_name(record), "Attendee", "-", "-", ATTENDEE_REASON) for record in plan.attendees
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
    """Say why this happens at RingCentral, and why this mail is or is not sent: each reason once."""
    return "; ".join(dict.fromkeys(filter(None, (item.reason, item.mail_reason))))
