"""What a plan page shows and an approval covers: planned messages, and changes at RingCentral.

Pure. A message's content is what its reader would see, composed with stand-ins for the join link,
the phone code and the list of the panel, so that it is known before a person is registered. What
differs from one attempt to the next (Date, DTSTAMP, Message-ID, boundaries, SEQUENCE) is no
content.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from onboarding.model.digests import json_digest
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee, Problem, Role
from onboarding.model.sessions import Session

SHOWN_DIGITS = 12
"""Hex digits of a page digest that are shown, and that are enough to approve it."""


class ApprovalMode(StrEnum):
    """What `[webinars.NAME] approval` asks for."""

    NONE = "none"
    REQUIRED = "required"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class MessageContent:
    """A message as its reader sees it. `calendar` is without DTSTAMP and SEQUENCE.

    `headers` are the fixed header fields of `[smtp.headers]`, name and value; `attachments` the
    SHA-256 of each attached file, in hex digits, with its name (the logo has none).
    """

    kind: Kind
    entry: str
    recipient: str
    subject: str
    sender: str
    reply_to: str
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    calendar: str
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What RingCentral's side says that a message tells, the join link aside."""

    role: Role
    start: datetime
    duration: timedelta


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One message of a plan, or one that may follow from it.

    `digest` is its content digest, composed with stand-ins for link, phone code and panel. It is
    empty for a message that is not due, and would be only if the session moves or the person is
    removed. `wording` is the digest of all that the message says beside its facts, for the kinds
    that such a change can cause; empty for the others. `panel` is the digest of the list of the
    panel, empty where the message doesn't show it. `facts` are what it tells.

    `shown` is the content with the real panel, None where it can't be composed; then `fault` says
    why. `due_at` is None for what is sent as soon as a run is started. `reason` says why it is due.
    `text` is its text part with the made-up panel, for comparing. `covered`: it needs no further
    approval. `difference` is a unified diff of its text against what was approved last.
    `called_off`: it says that the session does not take place.
    """

    invitee: Invitee
    kind: Kind
    entry: str
    digest: str
    panel: str
    facts: SessionFacts
    reason: str
    shown: MessageContent | None
    fault: str = ""
    due_at: datetime | None = None
    wording: str = ""
    text: str = ""
    covered: bool = False
    difference: str = ""
    called_off: bool = False


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One change at RingCentral: `action` is `add`, `update`, `replace` or `remove`.

    `covered`: an approved page shows it.
    """

    invitee: Invitee
    action: str
    reason: str
    covered: bool = False


@dataclass(frozen=True, slots=True)
class InlinePicture:
    """A picture that travels inside messages: their HTML names it as `cid:` and its Content-ID."""

    content_id: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that a plan page shows of one webinar. `digest` is the page digest, 64 hex digits.

    `messages` are due. `conditional` are those that follow without a further look if the session
    moves or a person is removed: for each person an update and a cancellation, with today's facts.
    `scheduled` are those that the schedule has for later.
    `approval` is what the webinar asks for before anything is done. `forecast` is the sentence
    about how long sending takes; `is_late` if that is until after the panel joins. `problems` need
    a person; `notes` are worth knowing. `pictures` travel inside the messages.
    """

    name: str
    session: Session
    made_at: datetime
    messages: tuple[PlannedMessage, ...]
    changes: tuple[PlannedChange, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    forecast: str
    digest: str
    conditional: tuple[PlannedMessage, ...] = ()
    scheduled: tuple[PlannedMessage, ...] = ()
    approval: ApprovalMode = ApprovalMode.NONE
    pictures: tuple[InlinePicture, ...] = ()
    is_late: bool = False

    @property
    def all_messages(self) -> tuple[PlannedMessage, ...]:
        """Every message on the page: those that are due, and those that may follow."""
        return (*self.messages, *self.conditional, *self.scheduled)


@dataclass(frozen=True, slots=True)
class ReviewedMessage:
    """One message that a page has shown, as the ledger keeps it.

    `key` is the address key. `digest` and `wording` are as in `PlannedMessage`. `text` is the text
    part with stand-ins, for showing what has changed since.
    """

    key: str
    kind: Kind
    entry: str
    digest: str
    panel: str
    facts: SessionFacts
    text: str
    wording: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    """Everything that the approved pages of a session cover, messages of the latest page first.

    `changes` are pairs of action and address key.
    """

    messages: tuple[ReviewedMessage, ...] = ()
    changes: frozenset[tuple[str, str]] = frozenset()


def content_digest(content: MessageContent) -> str:
    """Compute the digest of a message's content, 64 hex digits: equal content has one digest."""
    # By the fields in their order: a field that is added or moved changes every digest, and then
    # no approval so far covers anything.
    return json_digest(astuple(content))


def wording_digest(contents: Iterable[MessageContent]) -> str:
    """Compute the digest of a message in all its forms, 64 hex digits."""
    # Not sorted: each form has its place, and one that is added or missing is a change.
    return json_digest([astuple(content) for content in contents])


def panel_digest(people: Iterable[Invitee]) -> str:
    """Compute the digest of a panel as messages list it: names, roles, titles, in order."""
    # Addresses are not in it: messages show none of other people.
    return json_digest(
        [[person.first_name, person.last_name, person.role, person.job_title] for person in people]
    )


def page_digest(
    webinar_id: str, session_id: str, digests: Iterable[str], changes: Iterable[tuple[str, str]]
) -> str:
    """Compute a page's digest, 64 hex digits, from content digests and changes (action, key)."""
    # Sorted: the order in which people are planned is nothing that a person approves.
    return json_digest([webinar_id, session_id, sorted(digests), sorted(changes)])
