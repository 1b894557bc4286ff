"""Reads JSON of other servers by RFC 8259, with limits to what a hostile answer can cost.

Gives plain values and knows no shape. Python's own reader accepts more than it should (infinite
numbers, a name twice), and ends in a traceback where values are nested deeply. Half a character
becomes U+FFFD.
"""

import json
import math
import re
from typing import Any

MAX_DEPTH = 100
"""Lists and objects within each other. RingCentral's answers need six."""

MAX_VALUES = 1_000_000
"""Values in one answer: each takes far more memory than its characters."""

LONGEST_NUMBER = 40
"""Characters; no id or time needs as many."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A string, also one that is never closed. Its possessive quantifiers never try a second way."""

_HALF = re.compile("[\ud800-\udfff]")
_BRACKET = re.compile(rb"[\[\]{}]")


class UnsoundJson(ValueError):
    """JSON that we refuse. The text completes "it ...", and quotes nothing of the content."""


def decode_json(content: bytes) -> Any:
    """Read JSON in UTF-8. Raises `UnsoundJson` if it is broken, ambiguous, too deep or too much."""
    _check_limits(content)
    try:
        value = json.loads(
            # RFC 8259 8.1: a reader may ignore a byte order mark.
            content.decode("utf-8-sig"),
            parse_int=_parse_integer,
            parse_float=_parse_real,
            parse_constant=_refuse_constant,
            object_pairs_hook=_build_object,
        )
    # It is a ValueError as well, and must pass the last clause.
    except UnsoundJson:
        raise
    except UnicodeDecodeError:
        raise UnsoundJson("is not in UTF-8") from None
    except ValueError:
        raise UnsoundJson("is no JSON") from None
    # Only an escape can write half a character: the UTF-8 decoder refuses one.
    return _replace_half_characters(value) if b"\\u" in content else value


def _replace_half_characters(value: Any) -> Any:
    """Replace half a character by U+FFFD: a name may be cut in the middle of an emoji."""
    match value:
        case str():
            return _HALF.sub("\ufffd", value)
        case list():
            return [_replace_half_characters(element) for element in value]
        case dict():
            pairs = [(_replace_half_characters(name), member) for name, member in value.items()]
            # Two names may have become one: a member would be lost without a word.
            return {
                name: _replace_half_characters(member)
                for name, member in _build_object(pairs).items()
            }
        case _:
            return value


def _check_limits(content: bytes) -> None:
    """Count brackets and commas outside of strings, before anything is built."""
    # On bytes: in UTF-8 no part of a longer character looks like a quote or a bracket.
    bare = _STRING.sub(b"", content)
    # Each value but the first follows a comma or opens its list or object.
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > MAX_VALUES:
        raise UnsoundJson("holds too many values")
    depth = 0
    for bracket in _BRACKET.finditer(bare):
        # Brackets that don't match are for the reader to refuse.
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            raise UnsoundJson("is nested too deeply")


def _parse_integer(text: str) -> int:
    # The time to convert an integer grows with the square of its length.
    if len(text) > LONGEST_NUMBER:
        raise UnsoundJson("holds a number that is too large")
    return int(text)


def _parse_real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UnsoundJson("holds a number that is too large")
    return number


def _refuse_constant(_text: str) -> float:
    raise UnsoundJson("is no JSON")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Some readers take the first of two members, others the last: neither can be trusted.
    if len(found) != len(pairs):
        raise UnsoundJson("gives one name twice in an object")
    return found
