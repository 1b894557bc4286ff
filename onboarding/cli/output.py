"""Values as text: the JSON that programs read, a plan as rows of a table.

All shapes of `--json` are here, but for the report's (`reports.report_json`). `docs/reference.md`
documents them and a test compares: keys and values stay as they are, since other people's programs
read them. Nothing is decided and nothing is printed here.
"""

from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import TYPE_CHECKING, Any

from onboarding.model.kinds import Kind
from onboarding.model.pauses import Pause
from onboarding.model.people import Colleague, Invitee
from onboarding.model.sessions import CallOff, Session, UntouchedRecord
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.schedule import PersonEntries
from onboarding.pipeline.status import HistoryEvent, Status
from onboarding.plan import Action, Plan, PlanItem, SkipCode
from onboarding.plan.entries_due import DueEntry, TimelineRow
from onboarding.reports.report_json import problem_json

if TYPE_CHECKING:
    # It loads every template tool, and a run with nothing to do needs none.
    from onboarding.messages.lint import LintWarning
    from onboarding.pipeline.kept_messages import KeptForPerson
    from onboarding.pipeline.replace import PreparedReplacement, Replacement
    from onboarding.pipeline.resend import ResendResult

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


def plan_json(plan: Plan, pause: Pause | None = None) -> dict[str, Any]:
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
        "pause": _pause_json(pause),
        "schedule": [_timeline_json(row) for row in plan.timeline],
    }


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


def result_json(result: Result) -> dict[str, Any]:
    """`run --json`: how a run ended."""
    return {
        "webinar": result.name,
        "title": result.title,
        "registered": result.registered,
        "sent": result.sent,
        "recorded": result.recorded,
        "counts": {state.value: count for state, count in result.counts.items()},
        "skip": [skipped_json(item) for item in result.skipped],
        "problems": [problem_json(problem) for problem in result.problems],
        "heavy_calls": result.heavy_calls,
        "exit_code": result.exit_code,
    }


def call_off_json(result: Result, call_off: CallOff, doubts: Sequence[str]) -> dict[str, Any]:
    """`call-off --json`: who called it off, what was sent, and who is in doubt."""
    run = result_json(result)
    return {
        "webinar": result.name,
        "title": result.title,
        "called_off": _call_off_json(call_off),
        "sent": result.sent,
        "counts": run["counts"],
        "in_doubt": list(doubts),
        "exit_code": result.exit_code,
    }


def _call_off_json(call_off: CallOff | None) -> dict[str, str] | None:
    return {"at": call_off.at.isoformat(), "by": call_off.by} if call_off else None


def replacement_json(prepared: "PreparedReplacement", replacement: "Replacement") -> dict[str, Any]:
    """`replace --json`: what a run for the two did, and where the roster's copy is."""
    change, result = prepared.change, replacement.result
    return {
        "webinar": result.name,
        "old": change.old.email,
        "new": change.new.email,
        "roster": str(change.path),
        "backup": str(replacement.backup),
        "old_link_works": prepared.keeps_link,
        "sent": result.sent,
        "problems": [problem_json(problem) for problem in result.problems],
        "exit_code": result.exit_code,
    }


def resend_json(name: str, results: "Sequence[ResendResult]") -> dict[str, Any]:
    """`resend --json`: what came of it for each person; `state` is null for a refusal."""
    return {"webinar": name, "results": [_resend_result_json(result) for result in results]}


def status_json(status: Status) -> dict[str, Any]:
    """`status --json`: the deliveries that count, and what is wrong."""
    return {
        "webinar": status.name,
        "session": _session_json(status),
        "counts": status.counts,
        "deliveries": _deliveries_json(status),
        "problems": [problem_json(problem) for problem in status.problems],
        "heavy_calls": status.seen.heavy_calls if status.seen else 0,
        "mailed_by_ringcentral": list(status.mailed_by_ringcentral),
        "pause": _pause_json(status.pause),
        "called_off": _call_off_json(status.call_off),
        "answers": [
            {
                "email": status.written_address(key),
                "answer": given.answer,
                "at": given.stamp.isoformat(),
            }
            for key, given in status.answers.items()
        ],
        "suppressed": [
            {"email": status.written_address(key), "reason": reason}
            for key, reason in status.suppressed.items()
        ],
        "attendance": [
            {
                "email": status.written_address(key),
                "attendance": came.attendance,
                "joined_at": came.joined_at.isoformat() if came.joined_at else None,
                "wrong_door": came.wrong_door,
            }
            for key, came in status.attendance.items()
        ],
        "next": [_next_json(person) for person in status.upcoming.people if person.entries.next],
    }


def _next_json(person: PersonEntries) -> dict[str, Any]:
    """What comes next for a person by the schedule: an entry, and when it is due."""
    due = person.entries.next
    return {
        "email": person.invitee.email,
        "entry": due.entry.id if due else "",
        "template": due.entry.template if due else "",
        "due_at": due.due_at.isoformat() if due else None,
    }


def sessions_json(sessions: Sequence[Session], names: Sequence[str | None]) -> list[dict[str, Any]]:
    """`webinars --json`: upcoming sessions, each with its name in config.toml if it has one."""
    return [
        {
            "title": session.title,
            "start": session.start.isoformat(),
            "status": session.status,
            "webinar_id": session.key.webinar_id,
            "session_id": session.key.session_id,
            "configured": name,
        }
        for session, name in zip(sessions, names, strict=True)
    ]


def colleagues_json(colleagues: Sequence[Colleague]) -> list[dict[str, str]]:
    """`directory --json`: what the company directory has."""
    return [
        {
            "email": colleague.email,
            "first_name": colleague.first_name,
            "last_name": colleague.last_name,
            "job_title": colleague.job_title,
            "account_id": colleague.linked_user.account_id,
            "user_id": colleague.linked_user.user_id,
        }
        for colleague in colleagues
    ]


def history_json(events: Sequence[HistoryEvent]) -> list[dict[str, Any]]:
    """`history --json`: what happened to one address."""
    return [
        {
            "at": event.at.isoformat(),
            "webinar_id": event.webinar_id,
            "session_id": event.session_id,
            "title": event.title,
            "delivery": event.delivery,
            "what": event.what,
            "detail": event.detail,
        }
        for event in events
    ]


def kept_json(found: "KeptForPerson") -> list[dict[str, Any]]:
    """`show --json`: the messages that are kept for one address, the latest last."""
    return [
        {
            "number": number,
            "kind": message.record.delivery.kind,
            "entry": message.record.delivery.entry,
            "state": message.record.delivery.state,
            "at": message.record.at.isoformat(),
            "reply": message.record.reply,
            "reason": message.record.reason,
            "rehearsal_to": message.record.delivery.rehearsal_to,
            "left_at": message.at.isoformat(),
            "sender": message.sender,
            "recipient": message.recipient,
            "headers": message.headers,
            "text": message.text,
            "html": message.html,
            "calendar": message.calendar,
            "attachments": [file._asdict() for file in message.files],
            # A fingerprint, never the link: with that, a reader of
            # this JSON could join as the person.
            "link_fingerprint": message.record.delivery.facts.link,
            "sha256": message.sha256,
        }
        for number, message in enumerate(found.messages, 1)
    ]


def lint_json(warnings: Sequence["LintWarning"]) -> list[dict[str, Any]]:
    """`lint --json`: what is wrong or unwise in the templates."""
    return [
        {"where": warning.where, "message": warning.message, "error": warning.is_error}
        for warning in warnings
    ]


def _pause_json(pause: Pause | None) -> dict[str, Any] | None:
    """A pause that holds now; `until` is null for one without an end."""
    if pause is None:
        return None
    until = pause.until.isoformat() if pause.until else None
    return {"since": pause.at.isoformat(), "until": until}


def _resend_result_json(result: "ResendResult") -> dict[str, Any]:
    record = result.record
    return {
        "email": result.email,
        "kind": record.delivery.kind if record else None,
        "state": record.delivery.state if record else None,
        "message_id": record.delivery.message_id if record else None,
        "reply": record.reply if record else "",
        "reason": result.reason,
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


def _session_json(status: Status) -> dict[str, Any] | None:
    seen = status.seen
    if seen is None:
        return None
    return {
        "server": seen.key.server,
        "webinar_id": seen.key.webinar_id,
        "session_id": seen.key.session_id,
        "title": seen.title,
        "start": seen.start.isoformat(),
        # Whole seconds, as all durations in JSON: other programs
        # parse it, and must not meet a fraction.
        "duration": int(seen.duration.total_seconds()),
        "time_zone": seen.time_zone,
        "status": seen.status,
        "run_at": seen.run_at.isoformat() if seen.run_at else None,
    }


def _deliveries_json(status: Status) -> list[dict[str, Any]]:
    return [
        {
            "email": record.delivery.email,
            "name": record.name,
            "role": record.delivery.facts.role,
            "kind": record.delivery.kind,
            "entry": record.delivery.entry,
            "state": record.delivery.state,
            "at": record.at.isoformat(),
            "attempts": record.delivery.attempt,
            "message_id": record.delivery.message_id,
            "reply": record.reply,
            "reason": record.reason,
        }
        for record in status.current
    ]
