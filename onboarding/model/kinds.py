"""The kinds of messages, and the rules of each: what it holds, when it is due, until when useful.

Planning, composing, verifying, sending and the reports read these rules. None of them compares with
a kind by name, so a new kind is a member of `Kind`, a row of `RULES`, its templates and its lines
in the docs. Only templates ask for a kind: a part says other words in a cancellation. Decides
nothing about people: which kind a mailbox is owed is planned in `plan.messages_due`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from types import MappingProxyType

from onboarding.model.sessions import Facts, Session, SessionStatus


class Kind(StrEnum):
    """What a message is for."""

    INVITATION = "invitation"
    UPDATE = "update"
    CANCELLATION = "cancellation"
    SCHEDULED = "scheduled"


class FactsEffect(Enum):
    """What a message, once sent, changes in the facts that its mailbox holds."""

    HOLDS_THEM = "the mailbox holds this message's facts from now on"
    HOLDS_NONE = "the mailbox holds no facts any more"
    UNCHANGED = "the mailbox holds the facts that it held before"


@dataclass(frozen=True, slots=True)
class KindRules:
    """The rules of one kind of message.

    `holds_join_link`: each of its parts has to show the reader's own link. `may_omit_link`: it may
    also hold none, as a thank-you does. `needs_registration`: it goes only to people who are on
    board. `has_calendar`: it carries a calendar entry; `calendar_method` is that entry's METHOD
    (RFC 5546 1.4), empty where the setting `[brand] calendar` decides. `template` names its
    templates where the message names none; empty: they are named like the kind. `due_after_end`: it
    is for the time after the session, which may then be finished. `useful_for` is how long after
    the session's end it is still of use. `facts_effect` says whether it counts as what a mailbox
    holds. `shows_previous`: its templates may show what the mailbox held before. `comes_first`: no
    other message went to the reader before it.
    """

    holds_join_link: bool = True
    may_omit_link: bool = False
    needs_registration: bool = True
    has_calendar: bool = True
    calendar_method: str = ""
    template: str = ""
    due_after_end: bool = False
    useful_for: timedelta = timedelta()
    facts_effect: FactsEffect = FactsEffect.HOLDS_THEM
    shows_previous: bool = False
    comes_first: bool = False

    def due_at(self, session: Session, now: datetime) -> datetime:
        """When a message that is queued now may leave: at once, or after the session's end."""
        return max(now, session.end) if self.due_after_end else now

    def expires_at(self, session: Session) -> datetime:
        """When a message's use is over, so that it is sent no more."""
        return session.end + self.useful_for

    def is_over(self, session: Session, now: datetime) -> bool:
        """Whether a message would come too late.

        RingCentral may call a session finished before its planned end. Then only messages that are
        due after the end are of use.
        """
        # UNKNOWN is not finished: a word of RingCentral's that is new must not stop all mail.
        is_finished = session.status is SessionStatus.FINISHED and not self.due_after_end
        return is_finished or now >= self.expires_at(session)

    def facts_after(self, facts: Facts, held: Facts | None) -> Facts | None:
        """The facts that a mailbox holds once a message is sent; `held` are those before."""
        # All effects are here: a new one that is forgotten raises KeyError, and is not taken for
        # another.
        effects = {
            FactsEffect.HOLDS_THEM: facts,
            FactsEffect.HOLDS_NONE: None,
            FactsEffect.UNCHANGED: held,
        }
        return effects[self.facts_effect]


RULES: Mapping[Kind, KindRules] = MappingProxyType(
    {
        Kind.INVITATION: KindRules(comes_first=True),
        Kind.UPDATE: KindRules(shows_previous=True),
        # Its reader was removed, or the webinar is called off: they may have no registration, and
        # a link is of no use to them.
        Kind.CANCELLATION: KindRules(
            holds_join_link=False,
            needs_registration=False,
            calendar_method="CANCEL",
            facts_effect=FactsEffect.HOLDS_NONE,
        ),
        # Says what the reader has been told already. Its entry says when it is of use.
        Kind.SCHEDULED: KindRules(
            may_omit_link=True,
            has_calendar=False,
            template="reminder",
            facts_effect=FactsEffect.UNCHANGED,
        ),
    }
)
"""Each kind's rules. `tests/docs/test_kinds.py` says so where a kind has none."""


def sets_facts(kind: Kind) -> bool:
    """Whether a mailbox holds the facts of a message of this kind once it is sent."""
    return RULES[kind].facts_effect is FactsEffect.HOLDS_THEM


def clears_facts(kind: Kind) -> bool:
    """Whether a message of this kind takes back what the mailbox holds, as a cancellation does."""
    return RULES[kind].facts_effect is FactsEffect.HOLDS_NONE


CANCELLING_KINDS = tuple(kind for kind in Kind if clears_facts(kind))
"""After one of these a person is on no panel; a session that is called off sends no other."""


def tells_facts(kind: Kind) -> bool:
    """Whether a message of this kind changes what a mailbox was told.

    Only such messages replace each other, block each other in doubt, and count as newer.
    """
    return RULES[kind].facts_effect is not FactsEffect.UNCHANGED


def default_template(kind: Kind) -> str:
    """Name the templates of a message that names none itself."""
    return RULES[kind].template or kind.value
