"""Sample people: every template is tried on them before a real person gets a message from it.

Finds what only rendering shows: tags that are left over, expressions that fail, a part without join
link. `load` and `lint` compose the messages; this module makes the requests.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from pydantic import SecretStr

from onboarding.messages.mime import MessageParts
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.model.kinds import RULES, Kind, clears_facts, default_template
from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import Facts, Registration, Session, SessionKey, SessionStatus

# Its last part is long enough to be guarded as a token, as in real links.
LINK = SecretStr("https://join.example/sample/rpqkzd8w2v6tfyhx4mb")
START = datetime(2030, 5, 14, 13, 0, tzinfo=UTC)
LONGER_AGO = timedelta(days=1)


class AnyColumn(dict[str, str]):
    """The further columns of any roster. All have an address, which is good as text and as link."""

    def __missing__(self, column: str) -> str:
        return "https://www.example.com/"


def _sample_invitee(row: int, role: Role, first_name: str, last_name: str) -> Invitee:
    return Invitee(
        row=row,
        email=f"{first_name.lower()}@sample.example",
        role=role,
        first_name=first_name,
        last_name=last_name,
        job_title="Engineer",
        extra=MappingProxyType(AnyColumn()),
    )


PANEL = (
    _sample_invitee(2, Role.HOST, "Harriet", "Host"),
    _sample_invitee(3, Role.COHOST, "Colin", "Cohost"),
    _sample_invitee(4, Role.PANELIST, "Paula", "Panelist"),
)
EARLIER = Facts("earlier", Role.PANELIST, START - LONGER_AGO, timedelta(hours=1))
"""What the reader of an update held before."""

GUARDED = ProtectedValues.of([LINK], [person.email for person in PANEL])
SESSION = Session(
    key=SessionKey("https://sample.example", "1", "1"),
    title="A sample webinar",
    start=START,
    duration=timedelta(minutes=90),
    time_zone="Europe/Berlin",
    status=SessionStatus.SCHEDULED,
    join_offset=timedelta(minutes=15),
)


class _SampleMessage(NamedTuple):
    """What a sample message is about; `rich`: it has all facts, else few."""

    kind: Kind
    template: str
    called_off: bool
    rich: bool


def sample_messages(languages: Iterable[str], scheduled: Sequence[str]) -> Iterator[MessageRequest]:
    """Make requests for every kind, role and language, each with all facts and with few.

    With few, a template fails that relies on what only some people have. `scheduled` are the
    templates of scheduled messages.
    """
    wanted = [
        _SampleMessage(kind, template, called_off, rich)
        for kind in Kind
        for template in (scheduled if RULES[kind].template else (default_template(kind),))
        # A cancellation has other words for a session that does not take place.
        for called_off in ((False, True) if clears_facts(kind) else (False,))
        for rich in (True, False)
    ]
    for sample, invitee, language in product(wanted, PANEL, languages):
        yield _make_request(sample, replace(invitee, language=language))


def _make_request(sample: _SampleMessage, invitee: Invitee) -> MessageRequest:
    rules = RULES[sample.kind]
    phone_code = "123 456" if sample.rich else ""
    return MessageRequest(
        kind=sample.kind,
        template=sample.template,
        invitee=invitee,
        session=SESSION,
        # Without one where real people may have none, so messages are tried as they will be.
        registration=(
            Registration(id="1", role=invitee.role, join_uri=LINK, phone_code=phone_code)
            if rules.needs_registration
            else None
        ),
        message_id="<sample@sample.example>",
        uid="sample@sample.example",
        date=START - timedelta(days=7),
        recipient=invitee.email,
        panel=PANEL if sample.rich else (),
        previous=EARLIER if sample.rich and rules.shows_previous else None,
        called_off=sample.called_off,
    )


_STYLE_SHEET = re.compile(r"<style.*?</style>", re.DOTALL | re.IGNORECASE)
_STYLE_SHEET_END = re.compile(r"</style>", re.IGNORECASE)
_TAG = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")


def leftover_tag(parts: MessageParts) -> str:
    """Find a tag that is left after rendering, with the text around it; empty if there is none.

    For sample people only: a real person may be called `{{7*7}}`.
    """
    for text in (_without_style_sheets(parts.html), parts.text, parts.calendar):
        if found := _TAG.search(text):
            return " ".join(text[max(0, found.start() - 20) : found.end() + 20].split())
    return ""


def _without_style_sheets(html: str) -> str:
    """Leave out style sheets, in which `}}` ends a media query."""
    # Behind the last end, each beginning would make the search go on to the end of the text.
    end = max((found.end() for found in _STYLE_SHEET_END.finditer(html)), default=0)
    return _STYLE_SHEET.sub("", html[:end]) + html[end:]
