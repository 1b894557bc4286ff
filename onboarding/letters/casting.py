"""Makes a mould of the words of a letter to nobody, in which marks stand for a person's values.

What is the same in every letter is encoded here, once; and what no value stands next to is left out of what the proof
of a filled mould looks at.
"""

import re
from binascii import a2b_qp
from collections.abc import Callable, Iterable, Iterator, Sequence

from onboarding.letters import calendar, headers, mould
from onboarding.letters.letter import Letter, Unfit
from onboarding.letters.marks import Marks
from onboarding.letters.mould import Mould, Slot, Turns
from onboarding.letters.quoted import encoded, ended, piece
from onboarding.letters.settings import BrandSettings
from onboarding.letters.skeleton import Skeleton
from onboarding.letters.words import Words

_APART = re.compile(rb'[\s<>"]')
"""What no address and no place of a link holds: whatever a value and the text behind it make ends before it."""

_SCHEME = re.compile(rb"""(?:&#?\w+;|[^"':/?#])*.?""", re.DOTALL)
"""What may go on with the scheme of a link (`proof`), white space too, and what ends it."""

_OWN_FIELDS = {
    "recipient": b"To: ",
    "subject": b"\r\nSubject: ",
    "message_id": b"\r\nMessage-ID: ",
    "date": b"\r\nDate: ",
}

_OPEN_ENTITY = re.compile(r"&#?\w*\Z")


def cast(letter: Letter, words: Words, title: str, marks: Marks, skeleton: Skeleton, brand: BrandSettings) -> Mould:
    """Make the mould from the words of a letter to nobody. Raises `Unfit` where none can be made of them."""
    *before_values, _end = marks.cut("".join(words.pieces))[::2]
    if any(map(_OPEN_ENTITY.search, before_values)):
        raise Unfit("a template lets a person's value end an entity")
    frame = calendar.frame(letter, brand, title)
    lines = [Slot(mould.calendar_line, (line,)) if line in calendar.PERSONAL else line for line in frame]
    written: dict[str, list[bytes | Slot]] = {
        "recipient": [Slot(mould.mailbox)],
        "subject": [_subject(marks.cut(words.subject))],
        "message_id": [Slot(mould.message_id)],
        "date": [Slot(mould.date)],
        "text": _part([_line(marks.cut(line)) for line in _LINE.findall(words.text)], _as_one),
        "html": _part([_value(marks.cut(one), one) for one in words.pieces], encoded),
        "calendar": _part(lines, _as_one),
    }
    whole: list[bytes | Slot] = [skeleton.cuts[0]]
    for name, cut in zip(skeleton.order, skeleton.cuts[1:], strict=True):
        whole += [*written[name], cut]
    header = [part for name, field in _OWN_FIELDS.items() for part in (field, *written[name])]
    in_header = dict.fromkeys(part for part in header if isinstance(part, Slot))
    slots = tuple(in_header | dict.fromkeys(part for part in whole if isinstance(part, Slot)))
    return Mould(
        whole=_by_turns(whole, slots),
        header=_by_turns(header, slots),
        parts={
            "text": _by_turns(_lines_with_values(written["text"]), slots),
            "HTML": _by_turns(_next_to_values(written["html"]), slots),
            "calendar": _by_turns(_lines_with_values(written["calendar"]), slots),
        },
        slots=slots,
        in_header=len(in_header),
        about=marks.cut(words.about),
        brand=brand,
    )


def _by_turns(parts: Iterable[bytes | Slot], slots: Sequence[Slot]) -> Turns:
    blocks, order = [b""], list[int]()
    for part in parts:
        if isinstance(part, Slot):
            order.append(slots.index(part))
            blocks.append(b"")
        else:
            blocks[-1] += part
    return Turns(tuple(blocks), tuple(order))


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


def _subject(cut: tuple[str, ...]) -> bytes | Slot:
    return Slot(mould.subject, cut) if len(cut) > 1 else headers.subject(cut[0])


def _part(said: Sequence[str | Slot], encode: Callable[[Sequence[str]], bytes]) -> list[bytes | Slot]:
    """Encode what everybody gets of one part of the message, which ends with a line end."""
    *runs, last = _runs(said, encode)
    ends_in_line = isinstance(said[-1], Slot) and said[-1].of[-1].endswith("\n")
    return [*runs, ended(last) if isinstance(last, bytes) and not ends_in_line else last]


def _runs(said: Iterable[str | Slot], encode: Callable[[Sequence[str]], bytes]) -> Iterator[bytes | Slot]:
    """Encode together what stands together, by turns with the slots; a run is first and last, though maybe empty."""
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
    return not any(map(_APART.search, links))


def _lines_with_values(part: Iterable[bytes | Slot]) -> list[bytes | Slot]:
    """Leave out what everybody gets: the values of text and calendar have lines of their own."""
    return [run for run in part if isinstance(run, Slot)]


def _next_to_values(part: Sequence[bytes | Slot]) -> list[bytes | Slot]:
    """Leave out what no value stands next to in the HTML."""
    last = len(part) - 1
    return [
        run if isinstance(run, Slot) else abridged(a2b_qp(run), is_first=at == 0, is_last=at == last)
        for at, run in enumerate(part)
    ]


def abridged(html: bytes, *, is_first: bool = False, is_last: bool = False) -> bytes:
    """Leave what a value could make something of: up to what sets apart, and from the last tag that opens."""
    apart, scheme = _APART.search(html), _SCHEME.match(html)
    head = 0 if is_first else max(apart.end() if apart else len(html), scheme.end() if scheme else 0)
    tail = len(html) if is_last else max(html.rfind(b"<"), 0)
    return html if head >= tail else html[:head] + b"\n" + html[tail:]
