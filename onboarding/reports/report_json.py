"""The shape of `report --json`: each webinar with its people, and each person with their messages.

Apart from the other shapes (`cli.output`), because the console hands this one out, too.
`docs/reference.md` documents it and a test compares: keys and values stay as they are.
"""

from typing import Any

from onboarding.model.people import Problem
from onboarding.reports.report import (
    SHOWN_FINGERPRINT,
    Report,
    ReportedMessage,
    ReportedPerson,
    WebinarReport,
    list_next_steps,
    person_status,
)


def report_json(report: Report) -> dict[str, Any]:
    """`report --json`: each webinar with its people, and each person with their messages."""
    return {
        "made_at": report.made_at.isoformat(),
        "webinars": [_webinar_json(webinar) for webinar in report.webinars],
    }


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem; row and column are null where it has none."""
    return {
        "row": problem.row,
        "column": problem.column,
        "email": problem.email,
        "message": problem.message,
    }


def _webinar_json(webinar: WebinarReport) -> dict[str, Any]:
    return {
        "webinar": webinar.webinar_name,
        "server": webinar.key.server,
        "webinar_id": webinar.key.webinar_id,
        "session_id": webinar.key.session_id,
        "title": webinar.title,
        "start": webinar.start.isoformat(),
        "duration": int(webinar.duration.total_seconds()),
        "time_zone": webinar.time_zone,
        "counts": {state.value: count for state, count in webinar.counts},
        "people": [_person_json(person) for person in webinar.people],
        "next_steps": [
            {"state": state.value, "what": step, "people": [person.email for person in people]}
            for state, step, people in list_next_steps(webinar)
        ],
        "problems": [problem_json(problem) for problem in webinar.problems],
        "notes": list(webinar.remarks),
    }


def _person_json(person: ReportedPerson) -> dict[str, Any]:
    return {
        "email": person.email,
        "name": person.name,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "role": person.role.value,
        "company": person.company,
        "extra": dict(person.extra),
        "status": str(person_status(person)),
        "registered_at": person.registered_at.isoformat() if person.registered_at else None,
        # Shortened, so that it can be compared by eye, and of no use to guess a link.
        "link_fingerprint": person.link_fingerprint[:SHOWN_FINGERPRINT],
        "outdated": list(person.outdated),
        "note": person.note,
        "answer": person.answer,
        "attendance": person.attendance,
        "joined_at": person.joined_at.isoformat() if person.joined_at else None,
        "wrong_door": person.wrong_door,
        "messages": [_message_json(message) for message in person.messages],
    }


def _message_json(message: ReportedMessage) -> dict[str, Any]:
    return {
        "kind": message.kind.value,
        "entry": message.entry,
        "state": message.state.value,
        "at": message.at.isoformat(),
        "attempts": message.attempts,
        "message_id": message.message_id,
        "reply": message.reply,
        "reason": message.reason,
        "link_fingerprint": message.link_fingerprint[:SHOWN_FINGERPRINT],
    }
