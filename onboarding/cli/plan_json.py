"""`plan --json`: a plan as programs read it. `output` has the other shapes."""

from collections.abc import Mapping
from itertools import starmap
from typing import Any

from onboarding.cli.plan_rows import ATTENDEE_REASON, attendee_name, display_name, join_reasons
from onboarding.model.kinds import Kind
from onboarding.model.pauses import Pause
from onboarding.model.people import Invitee
from onboarding.model.sessions import UntouchedRecord
from onboarding.plan import Action, Plan, PlanItem, SkipCode
from onboarding.plan.cron_removals import CronRemovals
from onboarding.plan.entries_due import DueEntry, TimelineRow
from onboarding.reports.report_json import problem_json


def plan_json(
    plan: Plan, pause: Pause | None = None, removals: CronRemovals | None = None
) -> dict[str, Any]:
    """`plan --json`.

    `register` says what becomes of each record, in one list per action. A person who is replaced
    (deleted and added again, because an update can't do it) is in `remove` with the old role and in
    `add` with the new one, with the same reason. `mail` says who is sent what, `as_told` who is
    only recorded as knowing it. `skip` says who is left alone and why: not registered, not removed,
    or not mailed. Attendees are there, too. A person who is up to date is only in `keep`.
    """
    return {
        "register": _register_json(plan),
        "mail": [*map(_mail_json, plan.mail), *starmap(_entry_json, plan.scheduled)],
        "as_told": [
            {**_item_json(item, item.mail_reason), "kind": item.as_told} for item in plan.as_told
        ],
        "skip": _skip_json(plan),
        "problems": [problem_json(problem) for problem in plan.problems],
        "heavy_calls": plan.heavy_calls,
        "notes": list(plan.notes),
        "pause": pause_json(pause),
        "schedule": [_timeline_json(row) for row in plan.timeline],
        "cron_removals": _removals_json(removals),
    }


def _removals_json(removals: CronRemovals | None) -> dict[str, Any] | None:
    if removals is None:
        return None
    emails = [person.email for person in removals.people]
    return {"emails": emails, "obstacle": removals.obstacle}


def _mail_json(item: PlanItem) -> dict[str, Any]:
    return {**_item_json(item, item.mail_reason), "kind": item.mail, "entry": ""}


def _entry_json(item: PlanItem, due: DueEntry) -> dict[str, Any]:
    about = _item_json(item, f"due since {due.due_at.isoformat()}")
    return {**about, "kind": Kind.SCHEDULED, "entry": due.entry.id}


def _timeline_json(row: TimelineRow) -> dict[str, Any]:
    entry = row.entry
    return {
        "entry": entry.id,
        "template": entry.template,
        "when": str(entry.when),
        "to": sorted(entry.to) if isinstance(entry.to, frozenset) else [entry.to.value],
        "first": row.first.isoformat(),
        "last": row.last.isoformat(),
        "waiting": row.waiting,
        "had": row.had,
    }


def _register_json(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    # A replaced person is in both lists, as the two records at RingCentral are.
    added = plan.with_action(Action.ADD, Action.REPLACE)
    removed = plan.with_action(Action.REMOVE, Action.REPLACE)
    return {
        "add": [_item_json(item, item.reason) for item in added],
        "update": [_update_json(item) for item in plan.with_action(Action.UPDATE)],
        "remove": [_item_json(item, item.reason, _old_role(item)) for item in removed],
        "keep": [_item_json(item, item.reason) for item in plan.with_action(Action.KEEP)],
    }


def _skip_json(plan: Plan) -> list[dict[str, Any]]:
    people = [skipped_json(item) for item in plan.skipped]
    return people + [_attendee_json(record) for record in plan.attendees]


def skipped_json(item: PlanItem) -> dict[str, Any]:
    """A person who is left alone, with the code and the reason in words."""
    return {**_item_json(item, join_reasons(item)), "code": item.skip}


def _item_json(item: PlanItem, reason: str, role: str = "") -> dict[str, Any]:
    return {
        "email": item.invitee.email,
        "name": display_name(item.invitee),
        "role": str(role or item.role),
        "reason": reason,
        "roster": _roster_json(item.invitee),
    }


def _roster_json(invitee: Invitee) -> dict[str, Any] | None:
    """All that the roster gives of a person; what is empty there may come from the directory.

    None for a person who is not on the roster.
    """
    # Rows of people begin with 2, so 0 is a person who is on no roster.
    if not invitee.row:
        return None
    user = invitee.linked_user
    return {
        "row": invitee.row,
        "first_name": invitee.first_name,
        "last_name": invitee.last_name,
        "role": invitee.role,
        "job_title": invitee.job_title,
        "language": invitee.language,
        "time_zone": invitee.time_zone,
        "account_id": user.account_id if user else "",
        "user_id": user.user_id if user else "",
        "extra": dict(invitee.extra),
    }


def _update_json(item: PlanItem) -> dict[str, Any]:
    return {**_item_json(item, item.reason), "changes": _changes_json(item.changes)}


def _changes_json(changes: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    """The differences, by the roster's column (`linked_user` for the two ids)."""
    return {field.replace(" ", "_"): [str(old), str(new)] for field, (old, new) in changes.items()}


def _attendee_json(record: UntouchedRecord) -> dict[str, Any]:
    return {
        "email": record.email,
        "name": attendee_name(record),
        "role": "Attendee",
        "reason": ATTENDEE_REASON,
        "roster": None,
        "code": SkipCode.ATTENDEE,
    }


def _old_role(item: PlanItem) -> str:
    return item.registration.role if item.registration else item.role


def pause_json(pause: Pause | None) -> dict[str, Any] | None:
    """A pause that holds now; `until` is null for one without an end."""
    if pause is None:
        return None
    until = pause.until.isoformat() if pause.until else None
    return {"since": pause.at.isoformat(), "until": until}
