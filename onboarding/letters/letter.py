"""What goes into one letter, and what no letter to anybody else may hold. Frozen values; no rendering, no I/O.

The pipeline makes a `Letter` from a delivery, the roster and RingCentral's answers, and one `Guarded` per session.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from onboarding.model.deliveries import Kind
from onboarding.model.people import Invitee, address_key
from onboarding.model.sessions import Facts, Registration, Session, link_digest


class Unfit(ValueError):
    """A person's value that can't stand in a letter; the words say so without the value, so they may be shown."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that one message is made from.

    `registration` is None for a cancellation. `number` counts the invitee's messages from 1 and becomes the calendar
    entry's SEQUENCE. `date` is aware: the `Date:` header and DTSTAMP. `recipient` is the address on envelope
    and `To:` header; it differs from the invitee's in a rehearsal. `panel` is everybody on board, for the
    producer's sheet. `previous` is what the invitee was told before (updates).
    """

    kind: Kind
    invitee: Invitee
    session: Session
    registration: Registration | None
    number: int
    message_id: str
    date: datetime
    recipient: str
    panel: tuple[Invitee, ...] = ()
    previous: Facts | None = None

    @property
    def join_link(self) -> SecretStr | None:
        """The link this letter has to hold: the invitee's own, none in a cancellation."""
        if self.registration is None or self.kind is Kind.CANCELLATION:
            return None
        return self.registration.join_uri


@dataclass(frozen=True, slots=True)
class Guarded:
    """What may stand in its owner's letter only: the join links and addresses of one session's people.

    Made once per session. `links` are the few places, in lower case, below which any join link of the session lies
    (none: there is no link yet), so that a proof costs the message's size and not the number of people.
    `addresses` are keys (`address_key`), `domains` what stands behind their `@`. `shared` are digests of links that
    several records have: RingCentral's mistake, but two guests on one link make a recording unusable.
    """

    links: tuple[bytes, ...] = field(repr=False)
    addresses: frozenset[str] = field(repr=False)
    domains: frozenset[bytes] = field(repr=False)
    shared: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, join_links: Iterable[SecretStr], addresses: Iterable[str]) -> "Guarded":
        """Guard these people's links and addresses; empty addresses (linked users not yet looked up) don't count."""
        written = list(join_links)
        places = sorted(link_places(link.get_secret_value() for link in written))
        times = Counter(map(link_digest, written))
        keys = frozenset(address_key(one) for one in addresses if one)
        return cls(
            links=tuple(place.encode().lower() for place in places),
            addresses=keys,
            domains=frozenset(key.rpartition("@")[2].encode() for key in keys),
            shared=frozenset(digest for digest, count in times.items() if count > 1),
        )


def link_places(links: Iterable[str]) -> set[str]:
    """Where a session's join links live: per host, the deepest folder that all of them share, without the scheme.

    Everything below such a place is taken for somebody's join link. So a link cut short, one with something
    appended, and one of a person who has left meanwhile are seen too.
    """
    folders: dict[str, list[list[str]]] = {}
    for link in set(map(_above, links)):
        parts = urlsplit(unquote(link))
        folders.setdefault(parts.netloc, []).append(parts.path.split("/")[1:-1])
    return {"/".join((host, *_shared(paths), "")) for host, paths in folders.items()}


def _above(link: str) -> str:
    """Cut off what is a link's own, so that many links become few; one that is written in an unusual way stays."""
    folder, slash, _own = link.rpartition("/")
    return link if any(one in link for one in "%?#") or folder.count("/") < len("://") else folder + slash


def _shared(paths: Iterable[list[str]]) -> list[str]:
    """Name the folders in which all paths begin."""
    return [level[0] for level in takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))]
