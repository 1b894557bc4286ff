"""A letter's mould: all that the letters of one role, language and zone share, encoded once, with slots for the rest.

Filling it (`casting` makes it) gives, byte for byte, what rendering and assembling would have; `press` sees to that. It
also gives the message abridged: whatever is the same in every letter is left out of it but for its edges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import escape

from onboarding.letters import calendar, headers
from onboarding.letters.letter import Letter
from onboarding.letters.quoted import piece
from onboarding.letters.settings import BrandSettings


@dataclass(frozen=True, slots=True)
class Person:
    """One person's part: their letter, the address on the envelope, and their values by path, display-ready."""

    letter: Letter
    recipient: str
    name: str
    values: Mapping[str, str]
    calendar: Mapping[str, str]


class Slot(NamedTuple):
    """A place for one person's part: who writes it, encoded as the place wants it, and of what."""

    write: Callable[[Person, tuple[str, ...]], bytes]
    of: tuple[str, ...] = ()


class Shared(NamedTuple):
    """Bytes that everybody gets, and what stays of them in an abridged message."""

    whole: bytes
    edges: bytes


@dataclass(frozen=True, slots=True)
class Mould:
    """The shared bytes, whole and abridged, before, between and behind the slots; and the calendar's description.

    `slots` are different ones; `order` says which comes where, for a link stands in several places. `canonical`:
    the shared bytes are, as `Message.canonical` means it.
    """

    blocks: tuple[bytes, ...]
    edges: tuple[bytes, ...]
    slots: tuple[Slot, ...]
    order: tuple[int, ...]
    about: tuple[str, ...]
    brand: BrandSettings
    canonical: bool = False

    def fill(self, letter: Letter, recipient: str, name: str, values: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Put a person's part in: the finished message, and the same abridged."""
        lines = calendar.own_lines(letter, self.brand, name, joined(self.about, values))
        person = Person(letter, recipient, name, values, lines)
        written = [write(person, of) for write, of in self.slots]
        parts = [written[at] for at in self.order]
        return _woven(self.blocks, parts), _woven(self.edges, parts)


def _woven(blocks: Sequence[bytes], parts: Sequence[bytes]) -> bytes:
    whole = [b""] * (len(blocks) + len(parts))
    whole[::2] = blocks
    whole[1::2] = parts
    return b"".join(whole)


def joined(parts: Sequence[str], values: Mapping[str, str]) -> str:
    """Put values between texts, as `Marks.cut` cut them."""
    whole = list(parts)
    whole[1::2] = [values[path] for path in parts[1::2]]
    return "".join(whole)


def mailbox(person: Person, _of: tuple[str, ...]) -> bytes:
    """Whom it is for."""
    return headers.mailbox(person.name, person.recipient)


def subject(person: Person, cut: tuple[str, ...]) -> bytes:
    """A subject that holds values of theirs."""
    return headers.subject(joined(cut, person.values))


def message_id(person: Person, _of: tuple[str, ...]) -> bytes:
    """The message's name."""
    return person.letter.message_id.encode("ascii")


def date(person: Person, _of: tuple[str, ...]) -> bytes:
    """When it was written."""
    return headers.date(person.letter.date)


def text(person: Person, cut: tuple[str, ...]) -> bytes:
    """A line of the text that holds values of theirs."""
    return piece(joined(cut, person.values))


def html(person: Person, path: tuple[str, ...]) -> bytes:
    """A value in the HTML."""
    return piece(escape(person.values[path[0]]))


def calendar_line(person: Person, name: tuple[str, ...]) -> bytes:
    """A line of the calendar entry that is their own."""
    return piece(person.calendar[name[0]])
