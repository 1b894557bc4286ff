"""Where in HTML or MJML a tag of Jinja is: between elements, in a tag, an attribute, a title.

The same `{{ name }}` has to be treated differently in `<p>{{ name }}</p>` (CONTENT), in
`<a href="{{ name }}">` (ATTRIBUTE) and in `<{{ name }}>` (TAG, refused). A template is no whole
HTML, so no parser can tell. This scanner is fed the text between Jinja's tags, stretch by stretch,
and keeps its state from one to the next. It judges nothing and builds no tree: `masking` does the
first, before and after compiling.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto


class HtmlContext(Enum):
    """What the next character would be a part of."""

    # between elements, or in the text of one
    CONTENT = auto()
    # inside <...>, outside quotes
    TAG = auto()
    # inside a quoted attribute value
    ATTRIBUTE = auto()
    # in an element that holds text and no elements
    TITLE = auto()
    STYLE = auto()
    SCRIPT = auto()
    COMMENT = auto()


@dataclass(frozen=True, slots=True)
class ScannerState:
    """What the scanner knows after the text so far.

    After `<a class="x" href="https://` the context is ATTRIBUTE, `tag` is "a", `attribute` is
    "href", `quote` is `"` and `value` is the address so far. `entered` counts the changes of
    context: two tags of Jinja with the same count are in the same attribute value or title.
    `in_defaults` is true inside `<mj-attributes>`, where MJML has default values.
    """

    context: HtmlContext = HtmlContext.CONTENT
    tag: str = ""
    attribute: str = ""
    quote: str = ""
    value: str = ""
    entered: int = 0
    in_defaults: bool = False


TEXT_ONLY = {
    "title": HtmlContext.TITLE,
    "mj-title": HtmlContext.TITLE,
    "mj-preview": HtmlContext.TITLE,
    "textarea": HtmlContext.TITLE,
    "style": HtmlContext.STYLE,
    "mj-style": HtmlContext.STYLE,
    "script": HtmlContext.SCRIPT,
}
"""Elements in which `<` begins no element."""

DEFAULTS = {"mj-attributes": True, "/mj-attributes": False}
"""Tags that begin and end MJML's default values."""

# A letter has to follow: in `a < b` nothing begins (HTML 13.2.5.6).
_OPENING = re.compile(r"<!--|<(/?[A-Za-z][\w:-]*)")
# A value without quotes is no ATTRIBUTE but stays in TAG, where `masking` admits no expression: a
# space in it would begin another attribute.
_IN_TAG = re.compile(
    r"""(?P<closed>/?>)|(?:(?<![\w:@.-])(?P<attribute>[\w:@.-]++)\s*+=\s*+)?(?P<quote>["'])"""
)
"""The end of a tag, or the beginning of a quoted value.

An attribute's name begins only where none goes on. Otherwise each letter of a long name would be
tried as a beginning, and the time would grow with the square of its length.
"""


def scan(state: ScannerState, text: str) -> ScannerState:
    """Scan `text`, which begins in `state`; returns the state at its end."""
    start = 0
    while start < len(text):
        after, start = _STEPS[state.context](state, text, start)
        if after.context is not state.context:
            # the steps set what is particular to a context; these two go through all of them
            in_defaults = DEFAULTS.get(after.tag, state.in_defaults)
            after = replace(after, entered=state.entered + 1, in_defaults=in_defaults)
        state = after
    return state


# Each step scans from `start` to the next change of context, or to the end of the text. It returns
# the state there and the offset from which to go on.


def _scan_content(state: ScannerState, text: str, start: int) -> tuple[ScannerState, int]:
    found = _OPENING.search(text, start)
    if not found:
        return state, len(text)
    if not found[1]:
        return ScannerState(HtmlContext.COMMENT), found.end()
    return ScannerState(HtmlContext.TAG, found[1].lower()), found.end()


def _scan_tag(state: ScannerState, text: str, start: int) -> tuple[ScannerState, int]:
    found = _IN_TAG.search(text, start)
    if not found:
        return state, len(text)
    if quote := found["quote"]:
        name = (found["attribute"] or "").lower()
        return ScannerState(HtmlContext.ATTRIBUTE, state.tag, name, quote), found.end()
    # `/>` ends an element that has no text
    inside = TEXT_ONLY.get(state.tag) if found["closed"] == ">" else None
    # The tag is kept: it says which end is looked for.
    return (replace(state, context=inside) if inside else ScannerState()), found.end()


def _scan_attribute(state: ScannerState, text: str, start: int) -> tuple[ScannerState, int]:
    end = text.find(state.quote, start)
    if end < 0:
        # The value goes on over several stretches: `masking` asks whether an address has begun.
        return replace(state, value=state.value + text[start:]), len(text)
    return ScannerState(HtmlContext.TAG, state.tag), end + 1


def _scan_text_only(state: ScannerState, text: str, start: int) -> tuple[ScannerState, int]:
    # Nothing but its own end ends such an element: `<b>` in a title is text.
    end = re.compile(f"</{state.tag}", re.IGNORECASE).search(text, start)
    if not end:
        return state, len(text)
    return ScannerState(HtmlContext.TAG, f"/{state.tag}"), end.end()


def _scan_comment(state: ScannerState, text: str, start: int) -> tuple[ScannerState, int]:
    end = text.find("-->", start)
    return (ScannerState(), end + 3) if end >= 0 else (state, len(text))


_STEPS = {
    HtmlContext.CONTENT: _scan_content,
    HtmlContext.TAG: _scan_tag,
    HtmlContext.ATTRIBUTE: _scan_attribute,
    HtmlContext.TITLE: _scan_text_only,
    HtmlContext.STYLE: _scan_text_only,
    HtmlContext.SCRIPT: _scan_text_only,
    HtmlContext.COMMENT: _scan_comment,
}
