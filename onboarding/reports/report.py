"""What the report says: people, their messages, what needs a person. Values and decisions, pure.

The pipeline builds a `Report` from the ledger (`pipeline.hand_off`); `table`, `report_page` and
`crm` show it. It knows no join link, only fingerprints, so none of them can leak one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from types import MappingProxyType

from onboarding.model.deliveries import NEEDS_A_PERSON, UNDER_WAY, State
from onboarding.model.kinds import Kind, clears_facts, tells_facts
from onboarding.model.people import FORGOTTEN, Problem, Role
from onboarding.model.sessions import SessionKey

SHOWN_FINGERPRINT = 12
"""Hex digits of a link's fingerprint in tables: no two links of a panel begin with the same."""


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """One message to a person, and what came of it.

    `at` (aware) is when its state last changed, `due_at` when a queued one may leave. `reply` is
    the mail server's answer, `reason` says in our words why. `link_fingerprint` is the link's
    digest, empty where the message holds none. `id` is the delivery's number in the ledger.
    """

    kind: Kind
    state: State
    at: datetime
    attempts: int
    message_id: str
    reply: str
    reason: str
    link_fingerprint: str
    entry: str = ""
    id: int = 0
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportedPerson:
    """One person of a session, with their messages in order, those aside that a later one replaced.

    `extra` are the roster's further columns, name -> value. `link_fingerprint` is that of the link
    which their mailbox holds, empty without one. `outdated` names what is no longer true of what
    the mailbox holds. `note` says why they have no message. `answer`, `attendance` and `joined_at`
    are empty where nothing is known; `wrong_door`: they came in by the attendees' door.
    """

    email: str
    name: str
    role: Role
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    registered_at: datetime | None = None
    link_fingerprint: str = ""
    outdated: tuple[str, ...] = ()
    messages: tuple[ReportedMessage, ...] = ()
    note: str = ""
    answer: str = ""
    attendance: str = ""
    joined_at: datetime | None = None
    wrong_door: bool = False

    @property
    def latest(self) -> ReportedMessage | None:
        """The latest message that says what is true for them, None before the first.

        A reminder that was refused takes no link away, so scheduled messages are none of these.
        """
        with_facts = [message for message in self.messages if tells_facts(message.kind)]
        return with_facts[-1] if with_facts else None

    @property
    def is_forgotten(self) -> bool:
        """Whether their data was removed: nothing can be done for them any more."""
        return self.email == FORGOTTEN

    @property
    def needs_a_person(self) -> bool:
        """Whether a message of theirs needs a person, or their mailbox holds what is not true."""
        is_open = any(message.state in NEEDS_A_PERSON for message in self.messages)
        return not self.is_forgotten and (bool(self.outdated) or is_open)


@dataclass(frozen=True, slots=True)
class WebinarReport:
    """One webinar session: its people, and what the last run reported.

    `start` is aware, `time_zone` an IANA name. `problems` need a person, `notes` need nothing done.
    `person_problems` are those of the problems that are about a person whose row could be used.
    `call_off` says who has called it off; empty for a session that takes place.
    """

    webinar_name: str
    title: str
    key: SessionKey
    start: datetime
    duration: timedelta
    time_zone: str
    people: tuple[ReportedPerson, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    person_problems: tuple[Problem, ...] = ()
    call_off: str = ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes; the first is that it is called off, where it is."""
        return (self.call_off, *self.notes) if self.call_off else self.notes

    @property
    def messages(self) -> tuple[ReportedMessage, ...]:
        """The messages of all people."""
        return tuple(chain.from_iterable(person.messages for person in self.people))

    @property
    def counts(self) -> list[tuple[State, int]]:
        """How many messages are in each state that occurs, the sent ones first."""
        counts = Counter(message.state for message in self.messages)
        # `sorted` is stable, so all other states keep their order of definition.
        in_order = sorted(State, key=lambda state: state is not State.SENT)
        return [(state, counts[state]) for state in in_order if counts[state]]

    @property
    def outdated_people(self) -> tuple[ReportedPerson, ...]:
        """The people with something in their mailbox that is no longer true."""
        return tuple(person for person in self.people if person.outdated)

    @property
    def attention(self) -> int:
        """How many people and problems need a person."""
        return sum(person.needs_a_person for person in self.people) + len(self.problems)


@dataclass(frozen=True, slots=True)
class Report:
    """The hand-off about one or several webinars. `made_at` is aware."""

    made_at: datetime
    webinars: tuple[WebinarReport, ...]

    def list_extra_columns(self) -> list[str]:
        """List the names of the rosters' further columns, in the order in which they are met."""
        people = chain.from_iterable(webinar.people for webinar in self.webinars)
        return list(dict.fromkeys(chain.from_iterable(person.extra for person in people)))


MEANINGS = {
    State.QUEUED: "The message is queued; the next run sends it.",
    State.SENDING: "The message is on its way to the mail server right now.",
    State.SENT: "Our mail server has accepted the message and is responsible for it.",
    State.IN_DOUBT: "The connection dropped before the server confirmed. It may have been sent.",
    State.REJECTED: "The mail server rejected the message for good.",
    State.FAILED: "The mail server deferred the message until it was too late.",
    State.SUPERSEDED: "The message was never sent: a newer one replaced it.",
    State.EXPIRED: "The message was never sent: it would have come too late.",
    State.CANCELLED: "The message was cancelled before it was sent, or after it had come back.",
    State.RECORDED: (
        "Nothing was sent from here: a person said that they have these facts already (--as-told)."
    ),
    State.BOUNCED: "Our mail server accepted the message, a later one returned it.",
}
"""What each state means, for readers of the report."""

# Each state in which a delivery needs a person has to be here, or the report would count it and say
# no way out.
NEXT_STEPS = {
    State.IN_DOUBT: (
        "Look for the Message-ID in the mail server's log. Then type"
        " `onboarding resolve {name} EMAIL` with `--sent` or `--resend`."
    ),
    State.REJECTED: (
        "Read the server's reply. If the address is wrong, correct it on the roster: the next run"
        " writes to the new one. Else remove the cause and type `onboarding retry {name} EMAIL`."
    ),
    State.FAILED: "Type `onboarding retry {name} EMAIL`: the next run sends it.",
    State.EXPIRED: "Call them: it is too late for a message.",
    State.BOUNCED: (
        "Correct the address on the roster: the next run writes to the new one. If they are to get"
        " nothing, type `onboarding cancel {name} EMAIL`."
    ),
}
"""What a person has to do, for each state that needs one; `{name}` is the webinar's."""


def list_next_steps(webinar: WebinarReport) -> Iterator[tuple[State, str, list[ReportedPerson]]]:
    """Yield each state that needs a person: what to do, and the people it is about."""
    for state, step in NEXT_STEPS.items():
        people = [
            person
            for person in webinar.people
            # Any message, not only the latest: an older one in doubt still waits for a person.
            if not person.is_forgotten
            and any(message.state is state for message in person.messages)
        ]
        if people:
            yield state, step.format(name=webinar.webinar_name), people


NO_MESSAGE, OFF_BOARD = "no_message", "removed"
"""Words of a person's status that no message has: on the roster without one; taken off board."""

ATTENDANCE = ("joined", "missing", "unknown")
"""Words of a person's attendance."""

STATUS_WORDS = (*State, NO_MESSAGE, OFF_BOARD, *ATTENDANCE)
"""All words that a person's status can be."""


def person_status(person: ReportedPerson) -> str:
    """Say in one word where a person is: their attendance if known, else their latest message.

    A person with a cancellation as their latest message is `removed`, in any state of it.
    """
    # What a person did counts for more than what was sent to them.
    if person.attendance:
        return person.attendance
    if person.latest is None:
        return NO_MESSAGE
    return OFF_BOARD if clears_facts(person.latest.kind) else person.latest.state


def format_masked_link(link_fingerprint: str) -> str:
    """Show a join link as its fingerprint: enough to tell two apart, useless to join with."""
    return f"https://…/•••• {link_fingerprint[:4]}" if link_fingerprint else ""


def badge(state: State) -> str:
    """Choose a state's badge: one of the page's four colours, each with its sign."""
    match state:
        case State.SENT:
            return "done"
        # The two sets share no state, and SENT is in neither: the order of the cases is free.
        case _ if state in NEEDS_A_PERSON:
            return "attention"
        case _ if state in UNDER_WAY:
            return "under-way"
        case _:
            return "over"
