"""A message on its way to an invitee: its states, the mail server's answer, what follows from it.

    queued --commit--> sending --250--> sent
      ^                  |  |
      |                  |  +-- 5xx to this recipient or message --> rejected
      |                  |  +-- 4xx --> queued, due later; time used up --> failed
      |                  +----- no answer after the final dot, or the run died --> in_doubt
      |                         (a person decides: sent, or queued again)
      +--> rejected, failed, superseded (newer facts), expired (too late), cancelled (by a person)

A delivery may also begin and end as `recorded`: nothing is sent, because a person said that the
mailbox holds its facts already.

`settle` is the only place that decides what an outcome means for a delivery. It writes nothing:
`ledger` does.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from pydantic import SecretStr

from onboarding.model.addresses import address_key, encode_address_domain
from onboarding.model.copies import MessageCopy
from onboarding.model.kinds import Kind, tells_facts
from onboarding.model.sessions import Facts, SessionKey


class State(StrEnum):
    """Where a delivery is on its way. Each comment says who moves it on."""

    # A run, once `due_at` has come.
    QUEUED = "queued"
    # The run that holds its lease; if that died, the next run makes it `in_doubt`.
    SENDING = "sending"
    # No one: our server took responsibility.
    SENT = "sent"
    # A person, who looks into the mail server's log.
    IN_DOUBT = "in_doubt"
    # A person, who fixes the address or the message and retries.
    REJECTED = "rejected"
    # A person: every attempt was deferred until the time was used up.
    FAILED = "failed"
    # No one: a later delivery carries newer facts.
    SUPERSEDED = "superseded"
    # No one: its use was over before it could be sent.
    EXPIRED = "expired"
    # No one: a person cancelled it.
    CANCELLED = "cancelled"
    # A person: accepted by our server, returned by a later one.
    BOUNCED = "bounced"
    # No one: never sent from here. A person said that the mailbox holds these facts (`--as-told`).
    RECORDED = "recorded"


NEEDS_A_PERSON = frozenset(
    {State.IN_DOUBT, State.REJECTED, State.FAILED, State.EXPIRED, State.BOUNCED}
)
"""States that end a run with exit code 1: a person has no link, or may have none."""

# Not IN_DOUBT and not BOUNCED: of neither can we say that it is in the mailbox.
HOLDS_FACTS = frozenset({State.SENT, State.RECORDED})
"""States in which a delivery says what its mailbox holds."""

WAS_ON_ITS_WAY = HOLDS_FACTS | {State.BOUNCED}
"""States of an invitation after which entries follow: a bounced one had left us, too."""

# The ledger's unique index names these two states as well (`ledger.schema`).
UNDER_WAY = frozenset({State.QUEUED, State.SENDING})
"""States out of which the program itself goes on."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's whole answer to one command (RFC 5321 4.2).

    `enhanced` is the enhanced status code (RFC 3463), empty where the server gives none. `queue_id`
    is the server's name for the message in its own log, empty where it names none.
    """

    code: int
    text: str
    enhanced: str = ""
    queue_id: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


@dataclass(frozen=True, slots=True)
class Sent:
    """The server answered 250 after the final dot: it has taken responsibility."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now, and certainly not taken: a 4xx, or a connection lost before the final dot left.

    `retry_after` is in seconds, where the server's answer is known to mean a certain wait.
    """

    reason: str
    reply: Reply | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server refuses this recipient or message for good, or we do (`reply` is None)."""

    reason: str
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The body left, or may have, and no answer came: it may have arrived (RFC 5321 4.5.3.2.6)."""

    reason: str


Outcome = Sent | Deferred | Rejected | InDoubt


@dataclass(frozen=True, slots=True)
class Message:
    """A finished message: an envelope with one recipient, and the bytes of the body.

    The body has CRLF line ends and no dot-stuffing yet. `needs_smtputf8`: an address has characters
    beyond ASCII before its `@` (RFC 6531). `canonical`: it is known that every line of the body
    ends in CRLF and none begins with a dot, so that it may be sent as it is. `join_link` is the
    link in the body; with it, an answer that quotes the body can be cleaned. `copy` is what is kept
    of the message once it leaves, None if nothing is. `bounce_token` names the delivery in the
    address that gets its bounces.
    """

    message_id: str
    sender: str
    recipient: str
    body: bytes
    needs_smtputf8: bool = False
    canonical: bool = False
    join_link: SecretStr | None = None
    copy: MessageCopy | None = None
    bounce_token: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one invitee, as the ledger holds it.

    `email` is the invitee's address as written; `number` counts the invitee's messages from 1;
    `attempt` counts the offers made to the mail server so far; times are aware, in UTC.
    `rehearsal_to` is the one address that a rehearsal mails instead of the invitee (empty: the real
    thing). `entry` is the schedule's entry of a scheduled message, empty for the other kinds. `uid`
    and `sequence` are those of its calendar entry; `uid` is empty where it has none.
    """

    id: int
    session: SessionKey
    email: str
    kind: Kind
    number: int
    state: State
    attempt: int
    queued_at: datetime
    due_at: datetime
    expires_at: datetime
    message_id: str
    facts: Facts
    rehearsal_to: str = ""
    entry: str = ""

    @property
    def label(self) -> str:
        """What it is, in words: its kind, and the entry of a scheduled one."""
        return f"{self.kind} {self.entry}".rstrip()

    uid: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What the ledger knows of one invitee's mailbox, rehearsals aside.

    `facts` are what the mailbox holds now: those of the last message sent or recorded, None before
    the first and after a cancellation. `last` is the latest delivery that no later one
    replaced, in any state; scheduled messages are none of these. `messages` counts the deliveries
    so far: the next number is one more. `invited_at` is when the first message of those that told
    them facts was queued, None while there is none and after a cancellation. `entries` are the
    entries of the schedule that were queued for them or that they missed: id -> starts of the
    session (UTC). `uid` names the person's calendar entry, empty before there is one; `sequence`
    is the SEQUENCE of the newest version of it that may have arrived, None before the first.
    """

    facts: Facts | None = None
    last: Delivery | None = None
    messages: int = 0
    invited_at: datetime | None = None
    entries: Mapping[str, tuple[datetime, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    uid: str = ""
    sequence: int | None = None

    @property
    def next_sequence(self) -> int:
        """The SEQUENCE of the next version of the calendar entry (RFC 5545 3.8.7.4)."""
        return 0 if self.sequence is None else self.sequence + 1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to try again when a server says "not now": growing waits up to `give_up_after`."""

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Transition:
    """A delivery's next state, for the ledger to write. `due_at` is set if that is `queued`."""

    state: State
    reason: str = ""
    reply: Reply | None = None
    due_at: datetime | None = None


def settle(
    delivery: Delivery, outcome: Outcome, policy: RetryPolicy, now: datetime, draw: float
) -> Transition:
    """Decide what an outcome means for a delivery as it was claimed.

    The delivery's `attempt` does not count the attempt that led to the outcome. `draw` is a random
    number in [0, 1) for the jitter.
    """
    # No default case: mypy then reports an outcome that is not decided here.
    match outcome:
        case Sent(reply):
            return Transition(State.SENT, reply=reply)
        case Rejected(reason, reply):
            return Transition(State.REJECTED, reason, reply)
        case InDoubt(reason):
            # Never queued again from here: only a person can know whether it arrived (promise 3).
            return Transition(State.IN_DOUBT, reason)
        case Deferred():
            return _settle_deferred(delivery, outcome, policy, now, draw)


def _settle_deferred(
    delivery: Delivery, outcome: Deferred, policy: RetryPolicy, now: datetime, draw: float
) -> Transition:
    """Queue again, or give up if the next attempt would come too late."""
    attempts = delivery.attempt + 1
    due_at = now + retry_delay(attempts, policy, draw, outcome.retry_after)
    # Counted from `queued_at`, not from the first attempt: a run that starts days later gives up.
    if due_at >= min(delivery.expires_at, delivery.queued_at + policy.give_up_after):
        reason = f"{outcome.reason}; tried {attempts} times"
        # An entry that comes too late is missed, and the plan says so: no person can do anything.
        if not tells_facts(delivery.kind) and due_at >= delivery.expires_at:
            return Transition(State.SUPERSEDED, reason, outcome.reply)
        return Transition(State.FAILED, reason, outcome.reply)
    return Transition(State.QUEUED, outcome.reason, outcome.reply, due_at)


def retry_delay(
    attempt: int, policy: RetryPolicy, draw: float, retry_after: float | None
) -> timedelta:
    """How long to wait before the next attempt (exponential backoff with jitter).

    It doubles from `first` to `longest`, times 0.75 to 1.25, and is never under `retry_after`
    (seconds). The jitter keeps deliveries that were deferred together from coming back together.
    """
    # At most 16 doublings, so that the product never overflows a timedelta.
    doubled = policy.first * (1 << min(attempt - 1, 16))
    spread = min(doubled, policy.longest) * (0.75 + 0.5 * draw)
    return max(spread, timedelta(seconds=retry_after or 0))


def message_id(
    session: SessionKey, email: str, kind: Kind, number: int, domain: str, rehearsal: str = ""
) -> str:
    """Build a message's Message-ID (RFC 5322 3.6.4). By it a receiver recognises a second copy.

    Made from who and what, never from the facts: facts can return, and a receiver that drops
    duplicates would lose the later mail. A rehearsal adds a word of its own, so that it never hides
    the real message.
    """
    # Joined by a line end, which no part can hold: two different lists never look alike.
    parts = (session.server, str(session), address_key(email), kind, str(number), rehearsal)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"<{digest[:40]}@{domain}>"


def calendar_uid(
    seed: str, session: SessionKey, email: str, domain: str, rehearsal: str = ""
) -> str:
    """Build the UID of a person's calendar entry (RFC 5545 3.8.4.7).

    `seed` is the ledger's random value: from an address alone no one can make the UID, and forge an
    answer. A rehearsal adds a word of its own, so that its entry is never taken for the real one.
    """
    # With the server: an entry of the simulator must never be taken for the real session's.
    parts = (seed, session.server, str(session), address_key(email), rehearsal)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{digest[:40]}@{domain}"


def ascii_message_id(name: str) -> str:
    """Encode a Message-ID as it is sent: a domain beyond ASCII as A-label (RFC 5890).

    Older versions stored it as the sender's domain was written. Such a message can't have left.
    """
    if name.isascii() or "@" not in name:
        return name
    try:
        return f"{encode_address_domain(name.removesuffix('>'))}>"
    except ValueError:
        return name
