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
            "add": [
                _person_json(item, item.reason, item.invitee.role)
                for item in plan.with_action(Action.ADD, Action.REPLACE)
            ],
            "update": [
                {**_person_json(item, item.reason), "changes": _changes_json(item.changes)}
                for item in plan.with_action(Action.UPDATE)
            ],
            "remove": [
                _person_json(item, item.reason, _old_role(item))
                for item in plan.with_action(Action.REMOVE, Action.REPLACE)
            ],
            "keep": [_person_json(item, item.reason) for item in plan.with_action(Action.KEEP)],
        },
        "mail": [{**_person_json(item, item.mail_reason), "kind": item.mail} for item in plan.mail],
        "skip": [
            *(_person_json(item, _join_reasons(item)) for item in plan.items if _is_skipped(item)),
            *(_attendee_json(record) for record in plan.attendees),
        ],
        "problems": [_problem_json(one) for one in plan.problems],
        "heavy_calls": plan.heavy_calls,
        "notes": list(plan.notes),
    }


def as_rows(plan: Plan) -> list[tuple[str, str, str, str, str]]:
    """A line per person for people: name, role, what happens at RingCentral, the mail, and why (`-` is nothing)."""
    return [
        (
            display_name(item.invitee),
            item.role,
            "-" if item.action is Action.NONE else item.action.value,
            item.mail.value if item.mail else "-",
            _join_reasons(item),
        )
        for item in plan.items
    ]


def attendee_lines(plan: Plan) -> list[tuple[str, str, str, str, str]]:
    """A line per attendee in RingCentral's list, in the columns of `lines`."""
    people = map(_attendee_json, plan.attendees)
    return [(person["name"], person["role"], "-", "-", person["reason"]) for person in people]


def display_name(invitee: Invitee) -> str:
    """What to call a person, also one of whom only ids are known."""
    user = invitee.linked_user
    return invitee.name or (f"user {user.user_id}" if user else "(no name)")


def _is_skipped(item: PlanItem) -> bool:
    return item.mail is None and (item.action is Action.NONE or bool(item.mail_reason))


def _join_reasons(item: PlanItem) -> str:
    return "; ".join(dict.fromkeys(filter(None, (item.reason, item.mail_reason))))


def _old_role(item: PlanItem) -> str:
    return item.registration.role if item.registration else item.role


def _person_json(item: PlanItem, reason: str, role: str = "") -> dict[str, Any]:
    invitee = item.invitee
    return {
        "email": invitee.email,
        "name": display_name(invitee),
        "role": str(role or item.role),
        "reason": reason,
    }


def _attendee_json(record: UntouchedRecord) -> dict[str, Any]:
    name = f"{record.first_name} {record.last_name}".strip()
    return {
        "email": record.email,
        "name": name or record.email or f"invitee {record.id}",
        "role": "Attendee",
        "reason": "an attendee in RingCentral's list, left alone",
    }


def _changes_json(changes: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    """The differences under the names of the roster's columns (`linked_user` for the two ids)."""
    return {field.replace(" ", "_"): [str(old), str(new)] for field, (old, new) in changes.items()}


def _problem_json(problem: Problem) -> dict[str, Any]:
    return {"row": problem.row, "column": problem.column, "email": problem.email, "message": problem.message}
