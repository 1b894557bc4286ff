"""A letter's mould: all that the letters of one role, language and zone share, encoded once, with slots for the rest.

Filling it (`casting` makes it) gives, byte for byte, what rendering and assembling would have; `press` sees to that. It
also gives what in the message is one person's own, read back from the very bytes, for the proof.
"""

import re
from binascii import a2b_qp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import escape

from onboarding.letters import calendar, headers
from onboarding.letters.letter import Letter
from onboarding.letters.quoted import piece
from onboarding.letters.settings import BrandSettings


class Person(NamedTuple):
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


class Turns(NamedTuple):
    """Shared bytes, and between each two of them the slot of that number."""

    blocks: tuple[bytes, ...]
    order: tuple[int, ...]

    def filled(self, written: Sequence[bytes]) -> bytes:
        """Put in what was written for each slot."""
        whole = [b""] * (len(self.blocks) + len(self.order))
        whole[::2] = self.blocks
        whole[1::2] = [written[at] for at in self.order]
        return b"".join(whole)


class Filled(NamedTuple):
    """A finished message, and what in it is one person's own.

    `own` are the bytes that were put in, each ending its line; `header` the lines of the header that hold some of
    them; `parts` the text, the HTML and the calendar as they read, without what nobody's value stands next to.
    """

    body: bytes
    own: bytes
    header: bytes
    parts: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Mould:
    """The whole message, its header's own lines and its parts, each by turns; and the calendar's description.

    `slots` are different ones, for a link stands in several places; those of the header come first. `canonical`: the
    shared bytes are, as `Message.canonical` means it.
    """

    whole: Turns
    header: Turns
    parts: Mapping[str, Turns]
    slots: tuple[Slot, ...]
    in_header: int
    about: tuple[str, ...]
    brand: BrandSettings
    canonical: bool = False

    def fill(self, letter: Letter, recipient: str, name: str, values: Mapping[str, str]) -> Filled:
        """Put one person's part in."""
        lines = calendar.own_lines(letter, self.brand, name, joined(self.about, values))
        person = Person(letter, recipient, name, values, lines)
        written = [write(person, of) for write, of in self.slots]
        read = [*written[: self.in_header], *map(a2b_qp, written[self.in_header :])]
        return Filled(
            body=self.whole.filled(written),
            own=b"\r\n".join(written[: self.in_header]) + b"\r\n" + b"".join(written[self.in_header :]),
            header=self.header.filled(read),
            parts={name: turns.filled(read) for name, turns in self.parts.items()},
        )


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
    value = person.values[path[0]]
    return piece(escape(value) if _SPECIAL.search(value) else value)


_SPECIAL = re.compile(r"[&<>'\"]")
"""What `escape` changes: most values have none."""


def calendar_line(person: Person, name: tuple[str, ...]) -> bytes:
    """A line of the calendar entry that is their own."""
    return piece(person.calendar[name[0]])
