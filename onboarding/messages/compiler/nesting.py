"""Blocks around whole elements: what opens and closes a condition or a loop stands at one depth of the compiled HTML.

A parser that adds what HTML leaves out (`<tbody>`) may put an opening tag before it and the closing
one inside. Then each round of a loop would open one element more. Also: elements are not within
each other beyond what compilers bear. Checks only.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.masking import MaskedSource, MaskToken, deepens

_VOID = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    }
)
_MIDDLE = re.compile(r"\{%[-+]?\s*(?:else|elif)\b")
_STEP = re.compile(
    r"<!--(?P<word>jw\d+wj)-->|<(?P<closes>/?)(?P<tag>[A-Za-z][\w:-]*)[^>]*?(?P<empty>/?)>"
)


def assert_nested(compiled: str, hidden: MaskedSource) -> None:
    """Raise `ConfigurationError`, naming file and line, for a block that was torn apart."""
    words: Mapping[str, MaskToken] = {one.name: one for one in hidden.words}
    depth, opened = 0, list[tuple[MaskToken, int]]()
    for step in _STEP.finditer(
        compiled, 0, compiled.rfind(">") + 1
    ):  # so that each search finds its end
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


DEEPEST_MJML = 100
DEEPEST_HTML = 1_000
"""Elements within each other. At ten times as many the compilers overflow their stack, which ends the program."""


CLOSED_BY_OTHERS = frozenset(
    {"p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option"}
)
"""Elements whose end HTML may leave out: they are within each other only where others are, too."""


def assert_shallow(text: str, file: Path) -> None:
    """Raise `ConfigurationError` for a template whose elements are nested too deeply."""
    is_mjml = file.name.endswith(".mjml.j2")
    if not is_shallow(
        text,
        DEEPEST_MJML if is_mjml else DEEPEST_HTML,
        frozenset() if is_mjml else CLOSED_BY_OTHERS,
    ):
        raise too_deep(file)


def is_shallow(
    text: str, deepest: int = DEEPEST_HTML, uncounted: frozenset[str] = CLOSED_BY_OTHERS
) -> bool:
    """Tell whether so many elements at most are within each other. One that is never closed counts as well."""
    depth = 0
    for step in _STEP.finditer(text, 0, text.rfind(">") + 1):
        if not step["word"] and step["tag"].lower() not in uncounted:
            depth += _deeper(step)
        if depth > deepest:
            return False
    return True


def too_deep(file: Path) -> ConfigurationError:
    """Say that a template's elements are nested too deeply."""
    return ConfigurationError(
        f"The template {file} has too many elements within each other.", hint="Close each element."
    )


def _deeper(step: re.Match[str]) -> int:
    if step["empty"] or step["tag"].lower() in _VOID:
        return 0
    return -1 if step["closes"] else 1


def _torn(opened: MaskToken, other: MaskToken) -> ConfigurationError:
    return ConfigurationError(
        f"{opened.piece.place}: {opened.source} and {other.source} (line {other.piece.line}) don't stand around whole "
        "elements.",
        hint="Put both inside the same element; in a table write <tbody> around the rows.",
    )
