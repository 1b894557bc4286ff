"""The plan page: everything that a run would change and send, for a person to read and approve.

Takes a `Review` that the pipeline has made and returns one HTML file that fetches nothing and needs
no script to be read. It composes no message and decides nothing; it never holds a join link, since
the messages of a `Review` are composed with a stand-in. Story: `onboarding plan --page`.
"""

import hashlib
import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from onboarding.model.people import Invitee, format_problem, join_names
from onboarding.model.reviews import (
    SHOWN_DIGITS,
    ApprovalMode,
    InlinePicture,
    PlannedMessage,
    Review,
)
from onboarding.reports.calendar_words import describe_calendar
from onboarding.reports.mail_frame import MailFrame, box_for, build_frame, count_lines
from onboarding.reports.page import PAGES

# Read once: the policy's hash and the script on the page have to be of the same text.
SCRIPT = (Path(__file__).parent / "plan_page.js").read_text(encoding="utf-8")
"""The page's only script: it filters, opens and closes messages. Without it all of them are open.

The page's policy names it by its hash, so nothing else can run.
"""

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src 'sha256-{b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
"""What the page, and the messages in its frames, may load and run."""

WIDE, NARROW = 68, 40
"""Characters in a line of a message, on a desktop and on a phone: they give a frame its height."""


class MessageState(Enum):
    """How a planned message is, with its tone on the page; what needs a person comes first."""

    BROKEN = ("can't be made", "attention")
    CHANGED = ("changed since approval", "attention")
    TO_APPROVE = ("to be approved", "under-way")
    APPROVED = ("approved", "done")
    LATER = ("due later", "under-way")
    READY = ("ready", "done")

    @property
    def label(self) -> str:
        """The state in words."""
        return self.value[0]

    @property
    def tone(self) -> str:
        """The state's colour and sign."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class MessageCard:
    """A message as the page shows it. `frame` is None where it can't be composed.

    `wide` and `narrow` are the lines of the frame at the two widths. `calendar` are labels and
    texts. `others` are the people who get the same message with their own name.
    """

    message: PlannedMessage
    state: MessageState
    frame: MailFrame | None
    wide: int
    narrow: int
    calendar: tuple[tuple[str, str], ...]
    others: tuple[Invitee, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanContent:
    """What a plan page says, put in order: the cards, what is counted, and what to be warned of.

    `conditional` are the messages that would follow from a change, one of each sort; `scheduled`
    those that the schedule has for later.
    """

    review: Review
    cards: Sequence[MessageCard]
    conditional: Sequence[MessageCard]
    scheduled: Sequence[MessageCard]
    warnings: Sequence[str]

    @property
    def states(self) -> list[tuple[MessageState, int]]:
        """How many messages are in each state that occurs."""
        return _count_states(self.cards)

    @property
    def actions(self) -> Counter[str]:
        """How many changes there are at RingCentral, by action."""
        return Counter(change.action for change in self.review.changes)

    @property
    def digest(self) -> str:
        """The page digest, as it is shown."""
        return self.review.digest[:SHOWN_DIGITS]

    @property
    def needs_approval(self) -> bool:
        """Whether the webinar waits for an approval."""
        return self.review.approval is not ApprovalMode.NONE


def arrange(review: Review) -> PlanContent:
    """Put in order what a plan page says."""
    return PlanContent(
        review,
        [_make_card(message, review) for message in review.messages],
        _make_groups(review.conditional, review),
        _make_groups(review.scheduled, review),
        _list_warnings(review),
    )


def render_plan_page(review: Review) -> str:
    """Render the page. Times are in the session's zone."""
    content = arrange(review)
    return PAGES.get_template("plan_page.html.j2").render(
        review=review,
        cards=content.cards,
        conditional=content.conditional,
        scheduled=content.scheduled,
        states=content.states,
        state_choices=[(state.name, state.label) for state, _ in content.states],
        actions=content.actions,
        roles=_list_choices(message.invitee.role for message in review.messages),
        kinds=_list_choices(message.kind for message in review.messages),
        warnings=content.warnings,
        digest=content.digest,
        command=format_approve_command(review),
        needs_approval=content.needs_approval,
        policy=PAGE_POLICY,
        script=SCRIPT,
    )


def format_approve_command(review: Review) -> str:
    """Write the command that approves exactly this page, for a shell."""
    # A person copies this line into a shell, so a name must not be able to run anything.
    name = shlex.quote(review.name)
    return f'onboarding approve {name} {review.digest[:SHOWN_DIGITS]} --by "Your name"'


def state_of(message: PlannedMessage, review: Review) -> MessageState:
    """Find a message's state: what keeps it from being sent counts before when it is due."""
    if message.shown is None:
        return MessageState.BROKEN
    # Measured at the page's own time, so that it shows the same whenever it is opened.
    is_due_later = message.due_at is not None and message.due_at > review.made_at
    if review.approval is ApprovalMode.NONE:
        return MessageState.LATER if is_due_later else MessageState.READY
    if message.covered:
        return MessageState.LATER if is_due_later else MessageState.APPROVED
    return MessageState.CHANGED if message.difference else MessageState.TO_APPROVE


def _make_card(
    message: PlannedMessage, review: Review, others: Sequence[PlannedMessage] = ()
) -> MessageCard:
    shown = message.shown
    text = shown.text if shown else ""
    return MessageCard(
        message=message,
        state=state_of(message, review),
        frame=build_frame(shown.html) if shown else None,
        wide=count_lines(text, WIDE),
        narrow=count_lines(text, NARROW),
        calendar=describe_calendar(shown.calendar, review.session.time_zone) if shown else (),
        others=tuple(other.invitee for other in others),
    )


def _make_groups(messages: Sequence[PlannedMessage], review: Review) -> list[MessageCard]:
    groups = _group_alike(messages, review)
    return [_make_card(people[0], review, others=people[1:]) for people in groups]


def _group_alike(messages: Sequence[PlannedMessage], review: Review) -> list[list[PlannedMessage]]:
    """Group messages that are not due by kind, entry, role and language.

    In a group they differ in names only: a message that is not approved, or can't be made, is never
    hidden behind another one.
    """
    groups: dict[tuple[object, ...], list[PlannedMessage]] = {}
    for message in messages:
        invitee, state = message.invitee, state_of(message, review)
        # With state and fault in the key: else a message that can't be made would hide behind one
        # that can.
        about = (message.kind, message.entry, message.called_off, invitee.role, invitee.language)
        groups.setdefault((*about, state, message.fault), []).append(message)
    return list(groups.values())


def _count_states(cards: Iterable[MessageCard]) -> list[tuple[MessageState, int]]:
    counts = Counter(card.state for card in cards)
    return [(state, counts[state]) for state in MessageState if counts[state]]


def _list_choices(values: Iterable[str]) -> list[tuple[str, str]]:
    """List a filter's values, each once, in the order in which they come, with their labels."""
    return [(value, value) for value in dict.fromkeys(values)]


def _list_warnings(review: Review) -> list[str]:
    """List what needs a person, what concerns all people first.

    That all wait for approval is no warning: the page is made for that.
    """
    late = [review.forecast] if review.is_late else []
    problems = [format_problem(problem) for problem in review.problems]
    broken = [
        f"{message.invitee.name} would get no {_name_message(message)}: {message.fault}"
        for message in review.all_messages
        if message.shown is None
    ]
    # A kind may follow in several forms (`entry`). A fault that they share is said once.
    return [*late, *problems, *dict.fromkeys(broken), *_list_changed(review)]


def _list_changed(review: Review) -> Iterator[str]:
    """Say for each kind who has a message that has changed since it was approved."""
    names: dict[str, list[str]] = {}
    for message in review.all_messages:
        if state_of(message, review) is MessageState.CHANGED:
            # By kind: a changed template concerns all people, and a line for each would bury the
            # rest.
            names.setdefault(_name_message(message), []).append(message.invitee.name)
    for kind, people in names.items():
        yield f"The {kind} has changed since it was approved: {join_names(people)}."


def _name_message(message: PlannedMessage) -> str:
    """Name a message by its entry, or else its kind."""
    return message.entry or message.kind.value


def data_url(picture: InlinePicture) -> str:
    """Write a picture as a `data:` address."""
    return f"data:{picture.media_type};base64,{b64encode(picture.content).decode()}"


PAGES.filters |= {"data_url": data_url, "box": box_for}
