"""One message on its way to one invitee: its states, what the mail server said, and what follows from it.

    queued --commit--> sending --250--> sent
      ^                  |  |
      |                  |  +-- 5xx to this recipient or message --> rejected
      |                  |  +-- 4xx --> queued, due later; time used up --> failed
      |                  +----- line lost after the final dot, or the sender died --> in_doubt --> by a person
      +--> rejected, failed, superseded (newer facts), expired (too late), cancelled (by a person)

`settle` is the only place that decides what an outcome means for a delivery. It writes nothing:
`ledger` does.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import SecretStr

from onboarding.model.addresses import address_key, encode_address_domain
from onboarding.model.kinds import Kind
from onboarding.model.sessions import Facts, SessionKey


class State(StrEnum):
    """Where a delivery stands. Each line says who moves it on."""

    QUEUED = "queued"  # a run, once `due_at` has come
    SENDING = (
        "sending"  # the run that holds its lease; if that died, the next run makes it `in_doubt`
    )
    SENT = "sent"  # no one: our server took responsibility
    IN_DOUBT = "in_doubt"  # a person, who looks into the mail server's log
    REJECTED = "rejected"  # a person, who fixes the address or the message and retries
    FAILED = "failed"  # a person: every attempt was deferred until the time was used up
    SUPERSEDED = "superseded"  # no one: a later delivery carries newer facts
    EXPIRED = "expired"  # no one: its use was over before it could be sent
    CANCELLED = "cancelled"  # no one: a person cancelled it
    BOUNCED = "bounced"  # a person: accepted by our server, returned by a later one


NEEDS_A_PERSON = frozenset(
    {State.IN_DOUBT, State.REJECTED, State.FAILED, State.EXPIRED, State.BOUNCED}
)
"""States that end a run with exit code 1: a person has no link, or may have none."""

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
    """Not now, and certainly not taken: a 4xx, or a line lost before the final dot left.

    `retry_after` is in seconds, where the server's answer is known to mean a certain wait.
    """

    reason: str
    reply: Reply | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server refuses this recipient or this message for good, or we do (reply is None: it never left)."""

    reason: str
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The body left with its final dot, or may have, and no answer came: it may have arrived (RFC 5321 4.5.3.2.6)."""

    reason: str


Outcome = Sent | Deferred | Rejected | InDoubt


@dataclass(frozen=True, slots=True)
class Message:
    """A finished message: an envelope of one recipient and the bytes that leave, CRLF line ends, no dot-stuffing.

    `needs_smtputf8`: an address has characters beyond ASCII before its `@` (RFC 6531). `canonical`:
    it is known that every line of the body ends in CRLF and none begins with a dot, so that it may
    travel as it is. `join_link` is the one in the body, so that it is recognised in an answer that
    quotes the body.
    """

    message_id: str
    sender: str
    recipient: str
    body: bytes
    needs_smtputf8: bool = False
    canonical: bool = False
    join_link: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one invitee, as the ledger holds it.

    `email` is the invitee's address as written; `number` counts the invitee's messages from 1;
    `attempt` counts the offers made to the mail server so far; times are aware, in UTC.
    `rehearsal_to` is the one address that a rehearsal mails instead of the invitee (empty: the real
    thing).
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


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What the ledger knows of one invitee's mailbox, rehearsals aside.

    `facts` are what the mailbox holds now: those of the last message sent, None before the
    first and after a cancellation. `last` is the latest delivery that no later one replaced,
    whatever its state. `messages` counts the deliveries so far, so the next one's number is one
    more.
    """

    facts: Facts | None = None
    last: Delivery | None = None
    messages: int = 0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on with a server that says "not now": growing, jittered waits up to `give_up_after`."""

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Transition:
    """What becomes of a delivery, to be written by the ledger. `due_at` is set where it goes back to `queued`."""

    state: State
    reason: str = ""
    reply: Reply | None = None
    due_at: datetime | None = None


def settle(
    delivery: Delivery, outcome: Outcome, policy: RetryPolicy, now: datetime, draw: float
) -> Transition:
    """Decide what an outcome means for a delivery as it was claimed: `attempt` doesn't count the offer that led to it.

    `draw` is a random number in [0, 1) for the jitter.
    """
    match outcome:
        case Sent(reply):
            return Transition(State.SENT, reply=reply)
        case Rejected(reason, reply):
            return Transition(State.REJECTED, reason, reply)
        case InDoubt(reason):
            return Transition(State.IN_DOUBT, reason)
        case Deferred(reason, reply, retry_after):
            attempts = delivery.attempt + 1
            due_at = now + retry_delay(attempts, policy, draw, retry_after)
            if due_at >= min(delivery.expires_at, delivery.queued_at + policy.give_up_after):
                return Transition(State.FAILED, f"{reason}; tried {attempts} times", reply)
            return Transition(State.QUEUED, reason, reply, due_at)


def retry_delay(
    attempt: int, policy: RetryPolicy, draw: float, retry_after: float | None
) -> timedelta:
    """Wait before the next attempt: doubling from `first` to `longest`, times 0.75 to 1.25, never under `retry_after`.

    The spread keeps many deliveries that were deferred together from coming back together.
    """
    doubled = policy.first * (1 << min(attempt - 1, 16))
    spread = min(doubled, policy.longest) * (0.75 + 0.5 * draw)
    return max(spread, timedelta(seconds=retry_after or 0))


def message_id(
    session: SessionKey, email: str, kind: Kind, number: int, domain: str, rehearsal: str = ""
) -> str:
    """Build a message's permanent name (RFC 5322 3.6.4), by which a receiver recognises a second copy.

    Made from who and what, never from the facts: facts can return, and a receiver that drops
    duplicates would lose the later mail. A rehearsal adds a word of its own, so that it never hides
    the real message.
    """
    parts = (session.server, str(session), address_key(email), kind, str(number), rehearsal)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"<{digest[:40]}@{domain}>"


def ascii_message_id(name: str) -> str:
    """Write a message's name as it travels: a domain beyond ASCII as A-label (RFC 5890).

    Older versions stored it as the sender's domain was written. Such a message can't have left.
    """
    if name.isascii() or "@" not in name:
        return name
    try:
        return f"{encode_address_domain(name.removesuffix('>'))}>"
    except ValueError:
        return name
