"""How much a template may do: how large a value, how many steps, how long.

The sandbox asks before each operation.

Reaching a limit is that message's error (`LimitExceeded`), not the run's end. What an operation
would make is estimated in `size_estimates`; this module measures what is there, and counts.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextvars import ContextVar, Token
from dataclasses import dataclass
from itertools import islice
from math import log10
from time import perf_counter, thread_time
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from jinja2 import Undefined
from markupsafe import Markup

from onboarding.messages.context_types import FIELDS_OF
from onboarding.messages.request import UnrenderableValue

LARGEST_VALUE = 1_000_000
"""Characters and items of one value, those inside it included."""

LARGEST_PART = 2_000_000
"""Characters of one rendered part: the HTML, the text, the calendar entry's description."""

MOST_MADE = 5 * LARGEST_PART
"""Characters and items of all values that one message makes or writes, each counted by itself.

Without it, a loop could keep values in a list until the machine has no memory left.
"""

DEEPEST_VALUE = 100
"""Lists and mappings inside each other. Python compares, writes and hashes them by recursion."""

MOST_STEPS = 100_000
"""Steps of all loops of one message, those of filters such as `map` included."""

MOST_SECONDS = 5.0
"""Processor time for one message."""

UNMEASURED = 0.1
"""Seconds on the clock until processor time is taken: nearly every message is done by then."""

MOST_SECONDS_FOR_SAMPLES = 10.0
"""Processor time for the messages to all sample people together (`sample_people`)."""

MOST_DIGITS = 4_000
"""Of a whole number. Python itself writes none beyond 4,300."""

LONGEST_SLOW = 100_000
"""Characters for filters with work that grows faster (`striptags`, `urlize`, `wordwrap`)."""

_ONE_DIGIT = 3
"""Bits of a whole number that certainly has one digit."""

_PIECES_AT_ONCE = 64


class LimitExceeded(UnrenderableValue):
    """A template asks for more than a message may take."""


class Group(NamedTuple):
    """What `groupby` gives for each group, under Jinja's own names."""

    grouper: Any
    list: Any


@dataclass(slots=True)
class Budget:
    """What a message has used up of its time (`seconds` of the processor's), steps and characters.

    `now` is any clock that is quick to ask, `processor` this thread's processor time. `with` a
    budget, everything that is rendered inside counts towards it.
    """

    seconds: float = MOST_SECONDS
    now: Callable[[], float] = perf_counter
    processor: Callable[[], float] = thread_time
    steps: int = 0
    made: int = 0
    _started: float | None = None
    _look_again: float = 0.0
    _token: Token["Budget"] | None = None

    def __post_init__(self) -> None:
        self._look_again = self.now() + UNMEASURED

    def __enter__(self) -> None:
        self._token = CURRENT.set(self)

    def __exit__(self, *_error: object) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)

    def look(self) -> None:
        """Raise `LimitExceeded` where the message has had its time.

        The processor's clock takes a system call, so it is asked only when that much time has
        passed at all. It counts from when it is asked first.
        """
        if self.now() >= self._look_again:
            self._measure()

    def _measure(self) -> None:
        processor = self.processor()
        if self._started is None:
            self._started = processor
        used = processor - self._started
        if used >= self.seconds:
            raise LimitExceeded(
                f"the template takes more than {self.seconds:.0f} seconds of processor time"
            )
        # A thread's processor time never runs faster than the clock: before this moment the limit
        # can't be reached, so it need not be looked at.
        self._look_again = self.now() + self.seconds - used

    def step(self) -> None:
        """Count a step of a loop."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise LimitExceeded(f"the template's loops take more than {MOST_STEPS:,} steps")
        # Counting is not enough: a single step may be slow.
        self.look()

    def make(self, size: int) -> None:
        """Count a value: its characters and items and one more, so that empty ones end too."""
        self.made += size + 1
        if self.made > MOST_MADE:
            raise LimitExceeded(
                f"the template makes values of more than {MOST_MADE:,} characters and items in all"
            )


# A context variable, because Jinja calls filters and loops with nothing of ours in their arguments.
# Each thread has its own, so messages that are composed side by side don't add up.
CURRENT: ContextVar[Budget] = ContextVar("budget")


def current() -> Budget:
    """The budget of the message that is being rendered; outside of one, a new one for each call."""
    return CURRENT.get(None) or Budget()


class Steps:
    """A loop's items; each is a step."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        # Asked for once per loop: outside of a message each `current()` is a new budget, and the
        # steps of a loop would never add up.
        step = current().step
        for item in self._items:
            step()
            yield item

    def __len__(self) -> int:
        # Jinja asks, and catches the error of one without a length.
        return len(self._items)  # type: ignore[arg-type]


TEXTS = (str, Markup)
SEQUENCES = (tuple, list, Group)
MAPPINGS = (dict, MappingProxyType)


def size_of(value: Any, *, anything: bool = False) -> int:
    """Count a value's characters and items, those inside it included.

    Raises `LimitExceeded` beyond the limits of size and depth, and `UnrenderableValue` for what is
    no value (a macro, an imported template) unless it may be `anything`.
    """
    # `type`, not `isinstance`, here and below: a subclass could answer `len` as it likes.
    if type(value) in TEXTS:
        return fitting(len(value))
    # Level by level: a loop can nest lists deeper than Python's stack. What is inside twice counts
    # twice, since that is what printing it costs: twenty doublings are a million.
    total, depth, level = 0, 0, [value]
    while level:
        if depth > DEEPEST_VALUE:
            raise LimitExceeded(f"the template nests lists more than {DEEPEST_VALUE} deep")
        below: list[Any] = []
        for inside in level:
            total = fitting(total + _own_size(inside, anything=anything))
            content = _contents_size(inside)
            # Most lists hold plain values of one type: summed without a step of Python each.
            at_once = _size_at_once(content)
            total = fitting(total + (at_once or 0))
            below += content if at_once is None else []
        level, depth = below, depth + 1
    return total


def count_value(value: Any, *, anything: bool = False) -> Any:
    """Give back a value that an operation has made, counted towards the message's limit."""
    current().make(size_of(value, anything=anything))
    return value


def check_key(value: Any) -> Any:
    """Give back what an item is asked for by. Raises `UnrenderableValue` unless it is plain.

    Python hashes a tuple by all that is inside, as often as it is inside: forty doublings never
    end.
    """
    if type(value) in SEQUENCES:
        raise UnrenderableValue("only texts and numbers name an item")
    return value


def fitting(size: int) -> int:
    """Give back a size, or raise `LimitExceeded`."""
    if size > LARGEST_VALUE:
        raise LimitExceeded(
            f"the template makes a value of more than {LARGEST_VALUE:,} characters or items"
        )
    return size


def _own_size(value: Any, *, anything: bool) -> int:
    """Count a value's items, or its characters beyond the first of a number; not what is inside."""
    kind = type(value)
    if kind in TEXTS or kind in SEQUENCES or kind in MAPPINGS:
        return len(value)
    if kind is range:
        # A filter makes all of its numbers; the longest is the first or the last.
        longest = max(map(int.bit_length, (*value[:1], *value[-1:])), default=0)
        return len(value) * (1 + digits(longest))
    if kind is int:
        return digits(value.bit_length())
    if (
        anything
        or kind in FIELDS_OF
        or kind in {float, bool, type(None)}
        # A missing name passes: using it raises Jinja's own error, which says what is missing.
        or isinstance(value, Undefined)
    ):
        return 0
    raise UnrenderableValue(f"the template uses {_type_name(kind)} as if it were text")


def _contents_size(value: Any) -> Collection[Any]:
    """What is inside a value."""
    kind = type(value)
    if kind in SEQUENCES:
        return cast("Collection[Any]", value)
    if kind in MAPPINGS:
        return [*value, *value.values()]
    return [getattr(value, name) for name in FIELDS_OF.get(kind, ())]


def _size_at_once(values: Collection[Any]) -> int | None:
    """Measure values that are all texts, or all numbers, at once; None for others."""
    kinds = set(map(type, values))
    # First, because an empty collection ends here as well: `max` below would raise for it.
    if kinds <= {str, Markup}:
        return sum(map(len, values))
    if kinds == {int}:
        digits(max(map(int.bit_length, values)))
        return sum(
            int(bits * log10(2)) for bits in map(int.bit_length, values) if bits > _ONE_DIGIT
        )
    return 0 if kinds <= {bool, float, type(None)} else None


def digits(bits: int) -> int:
    """Say how many digits beyond the first a number of so many bits has. Raises `LimitExceeded`."""
    # From its bits: to write a huge number down, only to measure it, takes the square of its
    # length.
    written = int(bits * log10(2))
    if written >= MOST_DIGITS:
        raise LimitExceeded(f"the template makes a number of more than {MOST_DIGITS:,} digits")
    return written


_TYPE_NAMES = {
    "Macro": "a macro",
    "TemplateModule": "an imported template",
    "Namespace": "a namespace",
}


def _type_name(kind: type) -> str:
    return _TYPE_NAMES.get(kind.__name__, "something other than text, numbers and lists")


def join_text(pieces: Iterable[str]) -> str:
    """Join the pieces of a rendered part; raises `LimitExceeded` before they become too long."""
    return "".join(keep(pieces))


def keep(pieces: Iterable[str]) -> tuple[str, ...]:
    """Collect pieces that the template itself may keep, such as a macro's text: they count."""
    kept = collect(pieces)
    current().make(sum(map(len, kept)))
    return kept


def collect(pieces: Iterable[str]) -> tuple[str, ...]:
    """Collect the pieces of a rendered part; raises `LimitExceeded` before they are too many."""
    kept: list[str] = []
    left, size = iter(pieces), 0
    # Looked at every so many pieces, not at each. No value is larger than its own limit, so what is
    # kept beyond the limit of a part stays bounded.
    while more := list(islice(left, _PIECES_AT_ONCE)):
        kept += more
        size += sum(map(len, more))
        # Their number counts as well: empty pieces have no size, and a loop can yield them for
        # ever.
        if size > LARGEST_PART or len(kept) > LARGEST_PART:
            raise LimitExceeded(
                f"the template writes a part of more than {LARGEST_PART:,} characters"
            )
    return tuple(kept)
