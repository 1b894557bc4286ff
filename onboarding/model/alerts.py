"""Alerts: what the producer is told without asking, and how that is written.

Pure. An alert names the webinar and a number, and no person: who it is about, `status` says. It
holds no link and no secret, since it leaves to a chat or a mailbox that many may read.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AlertKind(StrEnum):
    """What an alert is about: a state that needs a person, an answer, or what stops the program."""

    IN_DOUBT = "in_doubt"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"
    BOUNCED = "bounced"
    DECLINED = "declined"
    FORWARDED = "forwarded"
    COUNTER = "counter"
    DELEGATED = "delegated"
    NOT_APPROVED = "not_approved"
    PROBLEM = "problem"
    ERROR = "error"
    ACCOUNT = "account"
    MAILBOX = "mailbox"
    LOG_IN = "log_in"


SENTENCES = {
    AlertKind.IN_DOUBT: ("message is in doubt", "messages are in doubt"),
    AlertKind.REJECTED: ("message was rejected", "messages were rejected"),
    AlertKind.FAILED: ("message was deferred for too long", "messages were deferred for too long"),
    AlertKind.EXPIRED: ("message was too late to be sent", "messages were too late to be sent"),
    AlertKind.BOUNCED: ("message came back", "messages came back"),
    AlertKind.DECLINED: ("person has declined", "people have declined"),
    AlertKind.FORWARDED: ("invitation was passed on", "invitations were passed on"),
    AlertKind.COUNTER: ("person proposes another time", "people propose another time"),
    AlertKind.DELEGATED: ("person wants to send another", "people want to send another"),
    AlertKind.NOT_APPROVED: ("person waits for an approval", "people wait for an approval"),
    AlertKind.PROBLEM: ("problem needs a person", "problems need a person"),
}
"""What follows a number: of one, and of several."""

FACTS = {
    AlertKind.ERROR: "the webinar can't be run",
    AlertKind.ACCOUNT: "no webinar of an account can be run",
    AlertKind.MAILBOX: "the mailbox of [replies] can't be read",
    AlertKind.LOG_IN: "a log-in is about to end",
}
"""What is said without a number; `detail` says the rest."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell; `thing` names it for good, so that it is told once.

    `webinar` is empty for what concerns all. `is_event`: it happened, and is told even if it is no
    longer so; all else is told only while it lasts.
    """

    thing: str
    kind: AlertKind
    webinar: str = ""
    detail: str = ""
    is_event: bool = False


MAILBOX_UNREADABLE = Alert("mailbox", AlertKind.MAILBOX)
"""The mailbox of `[replies]` can't be read."""


@dataclass(frozen=True, slots=True)
class AlertLine:
    """All alerts of a kind about one webinar, in one sentence."""

    webinar: str
    kind: AlertKind
    count: int
    text: str


def make_lines(alerts: Iterable[Alert]) -> list[AlertLine]:
    """Put alerts of a kind about one webinar together."""
    counts = Counter((alert.webinar, alert.kind, alert.detail) for alert in alerts)
    return [
        AlertLine(webinar, kind, count, _write_sentence(webinar, kind, detail, count))
        for (webinar, kind, detail), count in counts.items()
    ]


def _write_sentence(webinar: str, kind: AlertKind, detail: str, count: int) -> str:
    if kind in FACTS:
        said = FACTS[kind]
    else:
        one, several = SENTENCES[kind]
        said = f"{count} {one if count == 1 else several}"
    what = f"{said}{f': {detail}' if detail else ''}".removesuffix(".")
    about = f"{webinar}: " if webinar else ""
    where = f" `onboarding status {webinar}` says more." if webinar else ""
    return f"{about}{what}.{where}"


def as_json(lines: Iterable[AlertLine]) -> dict[str, Any]:
    """The body for a webhook that reads JSON."""
    return {
        "alerts": [
            {"webinar": line.webinar, "what": line.kind.value, "count": line.count,
             "text": line.text}
            for line in lines
        ]
    }  # fmt: skip


def as_slack(lines: Iterable[AlertLine]) -> dict[str, Any]:
    """The body for a webhook of Slack, or of a chat that reads the same."""
    # Slack gives these three a meaning of their own (its page "Formatting text").
    signs = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    table = str.maketrans(signs)
    return {"text": "\n".join(line.text.translate(table) for line in lines)}


def as_text(lines: Iterable[AlertLine]) -> str:
    """The text of a mail: a line for each."""
    return "".join(f"- {line.text}\n" for line in lines)


ALERT_ID = "<alert."
"""How the Message-ID of an alert begins, by which its own bounce is known."""


def is_alert_id(message_id: str) -> bool:
    """Whether a Message-ID is that of an alert."""
    return message_id.startswith(ALERT_ID)
