"""Makes a mould of the words of a letter to nobody, in which marks stand for a person's values.

What is the same in every letter is encoded here, once; and abridged, so that the proof of a filled mould need not
look through it again.
"""

import re
from binascii import a2b_qp
from collections.abc import Callable, Iterable, Iterator, Sequence

from onboarding.letters import calendar, headers, mould
from onboarding.letters.letter import Letter, Unfit
from onboarding.letters.marks import Marks
from onboarding.letters.mould import Mould, Shared, Slot
from onboarding.letters.quoted import encoded, ended, piece
from onboarding.letters.settings import BrandSettings
from onboarding.letters.skeleton import Skeleton
from onboarding.letters.words import Words

EDGE = 400
"""Bytes that stay at most at an end of a shared text when it is abridged: nothing that a proof finds is longer."""

_APART = re.compile(rb'[\s<>"]')
"""What no address and no place of a link holds: whatever a value and the text behind it make ends before it."""


def cast(letter: Letter, words: Words, title: str, marks: Marks, skeleton: Skeleton, brand: BrandSettings) -> Mould:
    """Make the mould from the words of a letter to nobody. Raises `Unfit` where none can be made of them."""
    frame = calendar.frame(letter, brand, title)
    lines = [Slot(mould.calendar_line, (line,)) if line in calendar.PERSONAL else line for line in frame]
    written: dict[str, Sequence[Shared | Slot]] = {
        "recipient": [Slot(mould.mailbox)],
        "subject": _subject_part(marks.cut(words.subject)),
        "message_id": [Slot(mould.message_id)],
        "date": [Slot(mould.date)],
        "text": _part([_line(marks.cut(line)) for line in _LINE.findall(words.text)], _as_one, b"\n"),
        "html": _part([_value(marks.cut(one), one) for one in words.pieces], encoded, b"<"),
        "calendar": _part(lines, _as_one, b"\n"),
    }
    parts: list[Shared | Slot] = [Shared(skeleton.cuts[0], skeleton.bare[0])]
    for name, *cut in zip(skeleton.order, skeleton.cuts[1:], skeleton.bare[1:], strict=True):
        parts += [*written[name], Shared(*cut)]
    return _by_turns(parts, marks.cut(words.about), brand)


def _by_turns(parts: Iterable[Shared | Slot], about: tuple[str, ...], brand: BrandSettings) -> Mould:
    """Bring the parts into the order of `Mould`: shared bytes and slots by turns."""
    blocks, edges, order = [b""], [b""], list[Slot]()
    for part in parts:
        if isinstance(part, Slot):
            order.append(part)
            blocks.append(b"")
            edges.append(b"")
        else:
            blocks[-1] += part.whole
            edges[-1] += part.edges
    slots = tuple(dict.fromkeys(order))
    return Mould(tuple(blocks), tuple(edges), slots, tuple(map(slots.index, order)), about, brand)


_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def _line(cut: tuple[str, ...]) -> str | Slot:
    return Slot(mould.text, cut) if len(cut) > 1 else cut[0]


def _value(cut: tuple[str, ...], piece_of_html: str) -> str | Slot:
    """A piece of HTML is a value, or the template's own; another could not be encoded by itself."""
    match cut:
        case (_,):
            return piece_of_html
        case ("", path, ""):
            return Slot(mould.html, (path,))
    raise Unfit("a template joins a person's value with others")


def _subject_part(cut: tuple[str, ...]) -> list[Shared | Slot]:
    if len(cut) > 1:
        return [Slot(mould.subject, cut)]
    written = headers.subject(cut[0])
    return [Shared(written, written)]


def _part(said: Sequence[str | Slot], encode: Callable[[Sequence[str]], bytes], opens: bytes) -> list[Shared | Slot]:
    """Encode what everybody gets of one part of the message, which ends with a line end.

    What a value and the text before it make begins behind `opens`: a text's values have lines of their own, and those
    of HTML stand in a tag, or behind one.
    """
    *runs, last = _runs(said, encode)
    ends_in_line = isinstance(said[-1], Slot) and said[-1].of[-1].endswith("\n")
    if isinstance(last, bytes) and not ends_in_line:
        last = ended(last)
    return [run if isinstance(run, Slot) else Shared(run, abridged(run, opens)) for run in (*runs, last)]


def _runs(said: Iterable[str | Slot], encode: Callable[[Sequence[str]], bytes]) -> Iterator[bytes | Slot]:
    """Encode together what stands together; the last run is always shared, though it may be empty."""
    shared: list[str] = []
    for one in said:
        if isinstance(one, Slot):
            yield encode(shared)
            yield one
            shared = []
        else:
            shared.append(one)
    yield encode(shared)


def _as_one(lines: Sequence[str]) -> bytes:
    return piece("".join(lines))


def may_abridge(links: Iterable[bytes]) -> bool:
    """Tell whether the places of links (`Guarded.links`) are such that what is left out can't hide half of one."""
    return not any(len(one) >= EDGE or _APART.search(one) for one in links)


def abridged(text: bytes, opens: bytes) -> bytes:
    """Leave only the edges of an encoded text, in whole lines, and an empty line between them."""
    lines = text.splitlines(keepends=True)
    said = [a2b_qp(line) for line in lines]
    head = _enough(said, lambda line: _APART.search(line) is not None)
    tail = _enough(said[::-1], lambda line: opens in line)
    return text if head + tail >= len(lines) else b"".join((*lines[:head], b"\r\n", *lines[-tail:]))


def _enough(said: Sequence[bytes], is_apart: Callable[[bytes], bool]) -> int:
    """Count the lines up to the first in which something stands that sets apart; `EDGE` bytes are enough without."""
    size = 0
    for count, line in enumerate(said, 1):
        size += len(line)
        if size >= EDGE or is_apart(line):
            return count
    return len(said)
