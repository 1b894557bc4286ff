"""A plan in words: JSON for programs, lines for a terminal's table. Decides nothing."""

from collections.abc import Mapping
from typing import Any

from onboarding.model.people import Invitee, Problem
from onboarding.model.sessions import UntouchedRecord
from onboarding.plan.snapshot import Action, Plan, PlanItem


def as_json(plan: Plan) -> dict[str, Any]:
    """The shape that programs read; it stays so (`docs/reference.md`).

    `register` says what becomes of the records: everybody who has one or gets one stands in one of its lists, but for
    somebody who is replaced (deleted and added, because an update can't do it): they stand in `remove` in the old role
    and in `add` in the new one, both with the same reason. `mail` is who is sent what; `skip` who is left alone
    in a matter, and why: not registered, not removed, or not mailed; attendees stand there, too. Who is
    kept and up to date is in `keep` alone.
    """
    return {
        "register": {
            "add": [_person(step, step.reason, step.invitee.role) for step in plan.at(Action.ADD, Action.REPLACE)],
            "update": [
                {**_person(step, step.reason), "changes": _changes(step.changes)} for step in plan.at(Action.UPDATE)
            ],
            "remove": [_person(step, step.reason, _old_role(step)) for step in plan.at(Action.REMOVE, Action.REPLACE)],
            "keep": [_person(step, step.reason) for step in plan.at(Action.KEEP)],
        },
        "mail": [{**_person(step, step.mail_reason), "kind": step.mail} for step in plan.mail],
        "skip": [
            *(_person(step, _why(step)) for step in plan.items if _is_skipped(step)),
            *(_attendee(record) for record in plan.attendees),
        ],
        "problems": [_problem(one) for one in plan.problems],
        "heavy_calls": plan.heavy_calls,
        "notes": list(plan.notes),
    }


def as_rows(plan: Plan) -> list[tuple[str, str, str, str, str]]:
    """A line per person for people: name, role, what happens at RingCentral, the mail, and why (`-` is nothing)."""
    return [
        (
            display_name(step.invitee),
            step.role,
            "-" if step.action is Action.NONE else step.action.value,
            step.mail.value if step.mail else "-",
            _why(step),
        )
        for step in plan.items
    ]


def attendee_lines(plan: Plan) -> list[tuple[str, str, str, str, str]]:
    """A line per attendee in RingCentral's list, in the columns of `lines`."""
    people = map(_attendee, plan.attendees)
    return [(person["name"], person["role"], "-", "-", person["reason"]) for person in people]


def display_name(invitee: Invitee) -> str:
    """What to call a person, also one of whom only ids are known."""
    user = invitee.linked_user
    return invitee.name or (f"user {user.user_id}" if user else "(no name)")


def _is_skipped(step: PlanItem) -> bool:
    return step.mail is None and (step.action is Action.NONE or bool(step.mail_reason))


def _why(step: PlanItem) -> str:
    return "; ".join(dict.fromkeys(filter(None, (step.reason, step.mail_reason))))


def _old_role(step: PlanItem) -> str:
    return step.registration.role if step.registration else step.role


def _person(step: PlanItem, reason: str, role: str = "") -> dict[str, Any]:
    invitee = step.invitee
    return {
        "email": invitee.email,
        "name": display_name(invitee),
        "role": str(role or step.role),
        "reason": reason,
    }


def _attendee(record: UntouchedRecord) -> dict[str, Any]:
    name = f"{record.first_name} {record.last_name}".strip()
    return {
        "email": record.email,
        "name": name or record.email or f"invitee {record.id}",
        "role": "Attendee",
        "reason": "an attendee in RingCentral's list, left alone",
    }


def _changes(changes: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    """The differences under the names of the roster's columns (`linked_user` for the two ids)."""
    return {field.replace(" ", "_"): [str(old), str(new)] for field, (old, new) in changes.items()}


def _problem(problem: Problem) -> dict[str, Any]:
    return {"row": problem.row, "column": problem.column, "email": problem.email, "message": problem.message}
