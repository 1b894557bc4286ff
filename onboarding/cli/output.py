"""The JSON that programs read, but for a plan's (`plan_json`) and the report's (`report_json`).

`docs/reference.md` documents all shapes and a test compares: keys and values stay as they are,
since other people's programs read them. Nothing is decided and nothing is printed here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from onboarding.cli.plan_json import pause_json, skipped_json
from onboarding.model.people import Colleague
from onboarding.model.sessions import CallOff, Session
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.schedule import PersonEntries
from onboarding.pipeline.status import HistoryEvent, Status
from onboarding.reports.report_json import problem_json

if TYPE_CHECKING:
    # It loads every template tool, and a run with nothing to do needs none.
    from onboarding.messages.lint import LintWarning
    from onboarding.pipeline.kept_messages import KeptForPerson
    from onboarding.pipeline.replace import PreparedReplacement, Replacement
    from onboarding.pipeline.resend import ResendResult


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
        "problems": [problem_json(problem) for problem in (*status.problems, *status.notes)],
        "heavy_calls": status.seen.heavy_calls if status.seen else 0,
        "mailed_by_ringcentral": list(status.mailed_by_ringcentral),
        "pause": pause_json(status.pause),
        "called_off": _call_off_json(status.call_off),
        "answers": [
            {
                "email": status.find_written_address(key),
                "answer": given.answer,
                "at": given.stamp.isoformat(),
            }
            for key, given in status.answers.items()
        ],
        "suppressed": [
            {"email": status.find_written_address(key), "reason": reason}
            for key, reason in status.suppressed.items()
        ],
        "attendance": [
            {
                "email": status.find_written_address(key),
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
    """`history --json`: what happened to one address, or to a webinar as a whole."""
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
