"""Reviews for tests of the plan page: messages of the shipped templates, for fictional people."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from onboarding.messages.content import render_content
from onboarding.messages.load import load_template_set
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Rejected
from onboarding.model.kinds import RULES, Kind
from onboarding.model.people import Invitee, Problem, Role
from onboarding.model.reviews import (
    ApprovalMode,
    MessageContent,
    PlannedChange,
    PlannedMessage,
    Review,
    SessionFacts,
    content_digest,
    page_digest,
)
from onboarding.model.sessions import Facts
from tests.messages.samples import BRAND, SESSION, SHIPPED, make_invitee, make_request

STAND_IN = "https://v.example/w/join/stand-in"
MADE_AT = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
EARLIER = Facts("earlier", Role.PANELIST, SESSION.start.replace(hour=9), SESSION.duration)

HANNA = make_invitee(row=2, first_name="Hanna", last_name="Holm", email="hanna@example.com")
HANNA = replace(HANNA, role=Role.HOST, job_title="Head of Events")
CARLOS = make_invitee(row=3, first_name="Carlos", last_name="Ortega", email="carlos@example.com")
CARLOS = replace(CARLOS, role=Role.COHOST)
JOERG = make_invitee(row=4, first_name="Jörg", last_name="Müller", email="joerg@example.com")
JOERG = replace(JOERG, language="de", job_title="Geschäftsführer")
PANEL = (HANNA, CARLOS, JOERG)

TEMPLATES = load_template_set([SHIPPED], BRAND)


def render(person: Invitee, kind: Kind, templates: TemplateSet = TEMPLATES) -> MessageContent:
    """Render a message as for a page: with a stand-in for the link."""
    previous = EARLIER if RULES[kind].shows_previous else None
    request = make_request(kind, person, STAND_IN, panel=PANEL, previous=previous)
    content = render_content(templates, request)
    assert not isinstance(content, Rejected), content.reason
    return content


def plan(person: Invitee, kind: Kind = Kind.INVITATION, **fields: Any) -> PlannedMessage:
    """A planned message with its real content; any field may be given."""
    shown = fields.pop("shown", None) or render(person, kind)
    given = {
        "digest": content_digest(shown),
        "panel": "",
        "facts": SessionFacts(person.role, SESSION.start, SESSION.duration),
        "reason": "not registered yet",
        "shown": shown,
    }
    return PlannedMessage(person, kind, "", **(given | fields))


def make_review(messages: Sequence[PlannedMessage], **fields: Any) -> Review:
    """A review of these messages; their people are added at RingCentral."""
    changes = tuple(PlannedChange(message.invitee, "add", "on the roster") for message in messages)
    digests = [message.digest for message in messages]
    pairs = [(change.action, change.invitee.key) for change in changes]
    given = {
        "name": "launch",
        "session": SESSION,
        "made_at": MADE_AT,
        "changes": changes,
        "problems": (),
        "notes": (),
        "forecast": f"{len(messages)} emails will be sent at once, 11 days before the panel joins.",
        "digest": page_digest("101", "201", digests, pairs),
    }
    return Review(messages=tuple(messages), **(given | fields))


DIFFERENCE = """--- approved
+++ now
@@ -1,3 +1,3 @@
 Hello Carlos Ortega,
-please be there at 14:45.
+please be there at 14:30."""
FULL = make_review(
    (
        plan(HANNA, covered=True),
        plan(CARLOS, difference=DIFFERENCE),
        plan(JOERG),
        replace(
            plan(make_invitee(row=5, email="ada@example.com", first_name="Ada")),
            shown=None,
            fault="The template fails: 'table' is not a column of the roster.",
        ),
    ),
    problems=(
        Problem(7, "Rolle", "eve@example.com", "'Speaker' is no role. Write Host or Panelist."),
    ),
    notes=("RingCentral has mailed Bob Bauer itself.",),
    conditional=tuple(
        plan(person, kind, digest="", reason="would follow a change")
        for kind in (Kind.UPDATE, Kind.CANCELLATION)
        for person in PANEL
    ),
    approval=ApprovalMode.REQUIRED,
)
"""A review with everything in it."""
