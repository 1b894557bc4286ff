"""How large the result of an operation can be, said before it is carried out.

One pure function for each operator and filter with a result that can be larger than what it is made
from by more than a fixed factor. Each takes what the operation takes, and says an upper bound of
the result's size (`limits.size_of`), but for such a factor (upper case, escapes). Raises
`limits.LimitExceeded` where a parameter alone is too large.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from math import log2
from typing import Any

from onboarding.messages.sandbox.limits import (
    LARGEST_VALUE,
    MAPPINGS,
    SEQUENCES,
    digits,
    fitting,
    size_of,
)


def times(left: Any, right: Any) -> int:
    """`left * right`: two numbers, or a text or list so many times."""
    if isinstance(left, int) and isinstance(right, int):
        return digits(left.bit_length() + right.bit_length())
    if isinstance(left, int):
        return max(0, left) * size_of(right)
    # Python makes an empty text of a negative count.
    return size_of(left) * (max(0, right) if isinstance(right, int) else 1)


def power(base: Any, exponent: Any) -> int:
    """`base ** exponent`."""
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 0:
        # The exponent is capped: beyond what a float can hold, the product would raise an error of
        # Python's that doesn't name the limit.
        return digits(int(log2(abs(base)) * min(exponent, LARGEST_VALUE)) + 1)
    return size_of(base) + size_of(exponent)


def remainder(left: Any, right: Any) -> int:
    """`left % right`: a remainder, or a text with values put into it."""
    if isinstance(left, str):
        return percent_format(left, right)
    return size_of(left) + size_of(right)


def plus(left: Any, right: Any) -> int:
    """`left + right`, and the other operators with a result no larger than both."""
    return size_of(left) + size_of(right)


_CONVERSION = re.compile(r"%(?:\([^()]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d*))?[hlL]?(.)", re.DOTALL)
_LONGEST_FLOAT = 330
"""Characters of the longest float as `%f` writes it, without further decimals."""

_AS_CODE = 10
"""Times that `%r` and `%a` can lengthen a text: each character as an escape."""


def percent_format(text: str, values: Any) -> int:
    """`text % values`: each conversion as wide as it asks for, with the largest of the values."""
    if re.search(r"%\([^()]*\(", text):  # a key with parentheses: Python counts them, this does not
        fitting(LARGEST_VALUE + 1)
    given = (
        values
        if type(values) in SEQUENCES
        else values.values()
        if type(values) in MAPPINGS
        else (values,)
    )
    largest = max((size_of(value) for value in given), default=0)
    # `%*d` takes its width from the values. Which of them is not known here, so it is the largest.
    widest: int = max((abs(value) for value in given if isinstance(value, int)), default=0)
    return len(text) + sum(
        _width(conversion[1], widest)
        + _width(conversion[2], widest)
        + (largest if conversion[3] in "s%" else _AS_CODE * largest + _LONGEST_FLOAT)
        for conversion in _CONVERSION.finditer(text)
    )


def _width(written: str | None, widest: int) -> int:
    if written == "*":
        return widest
    return int((written or "").lstrip("0")[:9] or 0)  # nine digits are more than any value may have


def concatenation(parts: Iterable[Any]) -> int:
    """`a ~ b ~ c`."""
    return sum(map(size_of, parts))


def replacement(text: Any, old: Any, new: Any, count: int | None = None) -> int:
    """A text with each `old` replaced, or the first `count` of them."""
    # An empty `old` is counted before each character and at the end, as Python replaces it.
    found = str(text).count(str(old))
    replaced = found if count is None or count < 0 else min(count, found)
    return len(str(text)) + replaced * max(0, len(str(new)) - len(str(old)))


def indentation(
    text: Any,
    width: int | str = 4,
    first: bool = False,  # noqa: FBT001, FBT002 -- Jinja's signature
    blank: bool = False,  # noqa: FBT001, FBT002
) -> int:
    """A text with each line indented."""
    step = len(width) if isinstance(width, str) else width
    return len(text) + step * (len(str(text).splitlines()) + first + blank)


def centering(text: Any, width: int = 80) -> int:
    """A text in the middle of a field."""
    return max(len(str(text)), width)


def joining(values: Any, separator: Any = "", attribute: Any = None) -> int:
    """Items with a separator between them."""
    del attribute  # what it picks is a part of what is there
    return size_of(values) + max(0, len(values) - 1) * len(str(separator))


def batching(values: Any, count: int, fill: Any = None) -> int:
    """Items in rows of `count`, the last one filled."""
    # `max` only avoids a division by zero: what Jinja makes of such a count stays small.
    rows = len(values) // max(1, count) + 1
    return size_of(values) + rows + (0 if fill is None else fitting(count) * (1 + size_of(fill)))


def slicing(values: Any, slices: int, fill: Any = None) -> int:
    """Items in so many columns, the short ones filled."""
    return size_of(values) + fitting(slices) * (1 if fill is None else 1 + size_of(fill))


def wrapping(
    text: Any,
    width: int = 79,
    break_long_words: bool = True,  # noqa: FBT001, FBT002 -- Jinja's signature
    wrapstring: Any = None,
    break_on_hyphens: bool = True,  # noqa: FBT001, FBT002
) -> int:
    """A text in lines, with another text between them."""
    del width, break_long_words, break_on_hyphens  # even one letter a line is thought of
    return len(text) * (1 + len(wrapstring or ""))


def linking(text: Any, *arguments: Any, **options: Any) -> int:
    """A text in which addresses become links; each gets the further attributes."""
    # Each link that `urlize` makes has one of these signs, so there are no more links than signs.
    links = sum(str(text).count(sign) for sign in ".:@")
    return len(str(text)) + links * sum(map(size_of, (*arguments, *options.values())))


def json_size(value: Any, indent: int | str | None = None) -> int:
    """A value as JSON; with `indent`, every item is on a line of its own, indented."""
    step = len(indent) if isinstance(indent, str) else indent or 0
    # `size_of` comes first: it bounds what `_depth` then walks through.
    return size_of(value) * (1 + step * _depth(value))


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [
        inner for outer in level if type(outer) in SEQUENCES + MAPPINGS for inner in _items(outer)
    ]:
        depth += 1
    return depth + 1


def _items(value: Any) -> Iterable[Any]:
    return [*value.values()] if type(value) in MAPPINGS else [*value]


def stripping(text: Any, signs: Any = None) -> int:
    """A text without some signs at its ends. Each is looked for at each end: few are allowed."""
    fitting(len(signs or "") * _STRIPPED)
    return len(str(text))


# By `LARGEST_VALUE`, a thousand signs are allowed. A text may be a million characters long, and
# Python compares each at its ends with all the signs.
_STRIPPED = 1_000


def rounding(value: Any, precision: int = 0, method: str = "common") -> int:
    """A number rounded; ten to the power of the precision is a number on the way."""
    del method
    power(10, abs(precision))
    return size_of(value)


OPERATOR_ESTIMATES: Mapping[str, Callable[[Any, Any], int]] = {
    "*": times,
    "**": power,
    "%": remainder,
    "+": plus,
    "-": plus,
    "/": plus,
    "//": plus,
}

FILTER_ESTIMATES: Mapping[str, Callable[..., int]] = {
    "batch": batching,
    "center": centering,
    # As Jinja does: the named values if there are any, else the others.
    "format": lambda text, *values, **named: percent_format(str(text), named or values),
    "indent": indentation,
    "join": joining,
    "replace": replacement,
    "round": rounding,
    "slice": slicing,
    "tojson": json_size,
    "trim": stripping,
    "urlize": linking,
    "wordwrap": wrapping,
}
"""The result of a filter that is not here is no larger than the value but for a fixed factor."""

METHOD_ESTIMATES: Mapping[str, Callable[..., int]] = {
    "replace": replacement,
    "strip": stripping,
    "lstrip": stripping,
    "rstrip": stripping,
}
"""The same for what texts can do by themselves."""
