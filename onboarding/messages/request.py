"""What goes into one message, and what no other message may hold. Frozen values; no I/O.

The pipeline makes a `MessageRequest` from a delivery, the roster and RingCentral's answers, and one
`ProtectedValues` per session.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from onboarding.messages.join_links import Tokens, link_places
from onboarding.messages.normal_form import normal_key
from onboarding.model.answers import Answer
from onboarding.model.kinds import RULES, Kind, default_template
from onboarding.model.people import Invitee
from onboarding.model.sessions import Facts, Registration, Session, link_digest


class UnrenderableValue(ValueError):
    """A value that can't be in a message; the words don't hold the value, so may be shown."""


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """Everything that one message is made from.

    `registration` is None for a kind that needs none. `uid` and `sequence` are those of the
    calendar entry, where the kind has one. `date` is aware: the `Date:` header and DTSTAMP.
    `counted_from` is the moment from which a scheduled message counts how far away the session is,
    None for `date`.
    `recipient` is the address on envelope and `To:` header; it differs from the invitee's in a
    rehearsal. `panel` is all on board, for the producer's sheet. `previous` is what the invitee's
    mailbox holds so far (updates). `entry` is the id of the schedule's entry that it is for, empty
    for other kinds; `template` names its templates (empty: those of its kind). `join_link` is the
    link that the message has to hold: the invitee's own, None for a kind that holds no link.
    `participation` is what the reader has answered to these times, None for no answer. With
    `called_off` a cancellation says that the session does not take place, not that the reader left.
    """

    kind: Kind
    invitee: Invitee
    session: Session
    registration: Registration | None
    message_id: str
    date: datetime
    recipient: str
    panel: tuple[Invitee, ...] = ()
    previous: Facts | None = None
    entry: str = ""
    template: str = ""
    uid: str = ""
    sequence: int = 0
    counted_from: datetime | None = None
    participation: Answer | None = None
    called_off: bool = False
    join_link: SecretStr | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "template", self.template or default_template(self.kind))
        # Decided once and here, so that neither a template nor the check can take a link for a kind
        # that holds none, such as a cancellation.
        record = self.registration if RULES[self.kind].holds_join_link else None
        object.__setattr__(self, "join_link", record.join_uri if record else None)


@dataclass(frozen=True, slots=True)
class ProtectedValues:
    """What may be in its owner's message only: links and addresses of one session's people.

    Made once per session. `links` are the few places, in lower case, below which any join link of
    the session lies (none: there is no link yet), so that a proof costs the message's size and not
    the number of people. `tokens` are the words in the links that are one person's only: they may
    not stand in another message by themselves either. `addresses` are keys (`address_key`),
    `domains` what stands behind their `@`. `shared` are digests of links that several records have:
    RingCentral's mistake, but two guests on one link make a recording unusable.
    """

    links: tuple[bytes, ...] = field(repr=False)
    tokens: Tokens = field(repr=False)
    addresses: frozenset[str] = field(repr=False)
    domains: frozenset[bytes] = field(repr=False)
    shared: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, join_links: Iterable[SecretStr], addresses: Iterable[str]) -> "ProtectedValues":
        """Guard these people's links and addresses. Empty addresses don't count.

        A linked user who was not yet looked up has one.
        """
        given = list(join_links)
        written = [link.get_secret_value() for link in given]
        places = sorted(link_places(written))
        # By digest, so that what is kept beyond this call is no link.
        times = Counter(map(link_digest, given))
        keys = frozenset(map(normal_key, filter(None, addresses)))
        return cls(
            links=tuple(place.encode() for place in places),
            tokens=Tokens.of(written, places),
            addresses=keys,
            domains=frozenset(key.rpartition("@")[2].encode() for key in keys),
            shared=frozenset(digest for digest, count in times.items() if count > 1),
        )
