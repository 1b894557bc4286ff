"""Blocks around whole elements: what opens and closes a condition or a loop stands at one depth of the compiled HTML.

A parser that adds what HTML leaves out (`<tbody>`) may put an opening tag before it and the closing one inside. Then
each round of a loop would open one element more. Checks; mends nothing.
"""

import re
from collections.abc import Mapping

from onboarding.errors import ConfigurationError
from onboarding.letters.opaque import Hidden, Word, deepens

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_MIDDLE = re.compile(r"\{%[-+]?\s*(?:else|elif)\b")
_STEP = re.compile(r"<!--(?P<word>jw\d+wj)-->|<(?P<closes>/?)(?P<tag>[A-Za-z][\w:-]*)[^>]*?(?P<empty>/?)>")


def assert_nested(compiled: str, hidden: Hidden) -> None:
    """Raise `ConfigurationError`, naming file and line, for a block that was torn apart."""
    words: Mapping[str, Word] = {one.name: one for one in hidden.words}
    depth, opened = 0, list[tuple[Word, int]]()
    for step in _STEP.finditer(compiled):
        if not step["word"]:
            depth += _deeper(step)
            continue
        word = words[step["word"]]
        change = deepens(word.piece)
        if change > 0:
            opened.append((word, depth))
        elif opened and (change < 0 or _MIDDLE.match(word.source)) and opened[-1][1] != depth:
            raise _torn(opened[-1][0], word)
        elif opened and change < 0:
            opened.pop()


def _deeper(step: re.Match[str]) -> int:
    if step["empty"] or step["tag"].lower() in _VOID:
        return 0
    return -1 if step["closes"] else 1


def _torn(opened: Word, other: Word) -> ConfigurationError:
    return ConfigurationError(
        f"{opened.piece.place}: {opened.source} and {other.source} (line {other.piece.line}) don't stand around whole "
        "elements.",
        hint="Put both inside the same element; in a table write <tbody> around the rows.",
    )
