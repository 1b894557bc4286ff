"""Fictional people, the requests for their messages, and small template folders, for tests."""

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from onboarding.messages.composer import Composer
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.messages.settings import BrandSettings
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import RULES, Kind, default_template
from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import Registration, Session, SessionKey, SessionStatus

SHIPPED = Path(__file__).parents[2] / "templates"
BRAND = BrandSettings(
    name="Northwind",
    sender="Northwind Webinars <webinars@northwind.example>",
    reply_to="help@northwind.example",
    imprint="Northwind Ltd, 1 Harbour Street, Exampleton",
    dial_in="+44 117 496 0123",
)
OWN = "https://v.example/w/join/own0aa11bb22cc33dd44"
OTHERS = "https://v.example/w/join/other9zz88yy77xx66ww"
OTHER = Invitee(
    row=3, email="boris@example.com", role=Role.COHOST, first_name="Boris", last_name="Beispiel"
)
SESSION = Session(
    key=SessionKey("https://platform.example", "101", "201"),
    title="Robots in the warehouse",
    start=datetime(2026, 5, 12, 13, 0, tzinfo=UTC),
    duration=timedelta(minutes=90),
    time_zone="Europe/Berlin",
    status=SessionStatus.SCHEDULED,
    join_offset=timedelta(minutes=15),
    locale="en_US",
)


def make_invitee(**fields: Any) -> Invitee:
    given = {
        "row": 2,
        "email": "anna@example.com",
        "role": Role.PANELIST,
        "first_name": "Anna",
        "last_name": "Author",
        "job_title": "Engineer",
    }
    return Invitee(**(given | fields))


def make_request(
    kind: Kind = Kind.INVITATION, person: Invitee | None = None, link: str = OWN, **fields: Any
) -> MessageRequest:
    """A letter to Anna, or to `person`; any field of `MessageRequest` may be given."""
    person = person or make_invitee()
    registration = Registration(
        id="7", role=person.role, join_uri=SecretStr(link), phone_code="482 917"
    )
    given = {
        "kind": kind,
        "invitee": person,
        "session": SESSION,
        "registration": registration if RULES[kind].needs_registration else None,
        "uid": "0123456789@northwind.example",
        "message_id": "<0123456789@northwind.example>",
        "date": datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
        "recipient": person.email,
        "panel": (person, OTHER),
    }
    return MessageRequest(**(given | fields))


def protect(*people: Invitee) -> ProtectedValues:
    """Guard Anna's and Boris' links, their addresses, and those of further people."""
    return ProtectedValues.of(
        map(SecretStr, (OWN, OTHERS)),
        ["anna@example.com", OTHER.email, *(person.email for person in people)],
    )


def as_email(composed: Message | Rejected) -> EmailMessage:
    """Read a finished message by the `email` package."""
    assert isinstance(composed, Message), composed
    message = email.message_from_bytes(composed.body, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def find_part(message: EmailMessage, content_type: str) -> str:
    """The content of the message's one part of that type."""
    found = [inner for inner in message.walk() if inner.get_content_type() == content_type]
    assert len(found) == 1
    return found[0].get_content().replace("\r\n", "\n")


def find_calendar(message: EmailMessage) -> str:
    """The calendar entry, its lines unfolded; empty where the message carries none."""
    types = [inner.get_content_type() for inner in message.walk()]
    return (
        find_part(message, "text/calendar").replace("\n ", "") if "text/calendar" in types else ""
    )


HTML = """<!doctype html>
<html><head><title>{title}</title><style>.x {{ color: #123456; }}</style></head>
<body><p class="x">{words}</p><a href="{{{{ join_link }}}}">{{{{ join_link }}}}</a></body></html>
"""
FAREWELL = (
    "<html><head><title>Cancelled</title></head>"
    "<body>{% if called_off %}It is off{% else %}Goodbye{% endif %}</body></html>"
)


def write_templates(
    folder: Path, words: str = "Hello", title: str = "Welcome", **files: str
) -> Path:
    """Write a small set of templates that a run could use.

    `files` replace or add templates; `__` in a name is a dot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    letter = HTML.format(title=title, words=words)
    written = {
        f"{default_template(kind)}.html.j2": letter if RULES[kind].holds_join_link else FAREWELL
        for kind in Kind
    }
    written |= {name.replace("__", "."): text for name, text in files.items()}
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def with_extra(person: Invitee, **columns: str) -> Invitee:
    return replace(person, extra=columns)


def compose(
    templates: TemplateSet, request: MessageRequest, protected: ProtectedValues
) -> Message | Rejected:
    """Compose a message as the first of its session."""
    return Composer(templates, protected).compose(request)
