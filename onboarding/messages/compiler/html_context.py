"""Where in HTML or MJML a template's tag stands: between elements, in a tag, an attribute, a title, a comment.

A narrow scanner that is fed stretches of text and keeps its state from one to the next. It judges
nothing and builds no tree: `masking` asks it before and after compiling.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto


class HtmlContext(Enum):
    """Where the next character would stand."""

    CONTENT = auto()  # between elements, or in the text of one
    TAG = auto()  # inside <...>, outside quotes
    ATTRIBUTE = auto()  # inside a quoted attribute value
    TITLE = auto()  # in the text of an element that holds text only
    STYLE = auto()
    SCRIPT = auto()
    COMMENT = auto()


@dataclass(frozen=True, slots=True)
class ScannerState:
    """A scanner's state.

        `tag` is the element whose tag or text this is, `value` an attribute's text so far. `entered` counts the places
    XX with the same count stand in the same attribute value, title or tag.
    """

    place: HtmlContext = HtmlContext.CONTENT
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

_OPENING = re.compile(r"<!--|<(/?[A-Za-z][\w:-]*)")
_IN_TAG = re.compile(
    r"""(?P<closed>/?>)|(?:(?<![\w:@.-])(?P<attribute>[\w:@.-]++)\s*+=\s*+)?(?P<quote>["'])"""
)
"""An attribute begins where no name goes on: else each letter of a long one would be looked at as a beginning."""


def scan(position: ScannerState, text: str) -> ScannerState:
    """Go over `text` and say where its end is."""
    at = 0
    while at < len(text):
        after, at = _STEPS[position.place](position, text, at)
        if after.place is not position.place:
            defaults = DEFAULTS.get(after.tag, position.in_defaults)
            after = replace(after, entered=position.entered + 1, in_defaults=defaults)
        position = after
    return position


DEFAULTS = {"mj-attributes": True, "/mj-attributes": False}


def _scan_content(position: ScannerState, text: str, at: int) -> tuple[ScannerState, int]:
    found = _OPENING.search(text, at)
    if not found:
        return position, len(text)
    if not found[1]:
        return ScannerState(HtmlContext.COMMENT), found.end()
    return ScannerState(HtmlContext.TAG, found[1].lower()), found.end()


def _scan_tag(position: ScannerState, text: str, at: int) -> tuple[ScannerState, int]:
    found = _IN_TAG.search(text, at)
    if not found:
        return position, len(text)
    if found["quote"]:
        attribute = (found["attribute"] or "").lower()
        return replace(
            position,
            place=HtmlContext.ATTRIBUTE,
            attribute=attribute,
            quote=found["quote"],
            value="",
        ), found.end()
    inside = TEXT_ONLY.get(position.tag) if found["closed"] == ">" else None
    return (replace(position, place=inside) if inside else ScannerState()), found.end()


def _scan_attribute(position: ScannerState, text: str, at: int) -> tuple[ScannerState, int]:
    end = text.find(position.quote, at)
    if end < 0:
        return replace(position, value=position.value + text[at:]), len(text)
    return ScannerState(HtmlContext.TAG, position.tag), end + 1


def _scan_text_only(position: ScannerState, text: str, at: int) -> tuple[ScannerState, int]:
    end = re.compile(f"</{position.tag}", re.IGNORECASE).search(text, at)
    return (
        (ScannerState(HtmlContext.TAG, f"/{position.tag}"), end.end())
        if end
        else (position, len(text))
    )


def _scan_comment(position: ScannerState, text: str, at: int) -> tuple[ScannerState, int]:
    end = text.find("-->", at)
    return (ScannerState(), end + 3) if end >= 0 else (position, len(text))


_STEPS = {
    HtmlContext.CONTENT: _scan_content,
    HtmlContext.TAG: _scan_tag,
    HtmlContext.ATTRIBUTE: _scan_attribute,
    HtmlContext.TITLE: _scan_text_only,
    HtmlContext.STYLE: _scan_text_only,
    HtmlContext.SCRIPT: _scan_text_only,
    HtmlContext.COMMENT: _scan_comment,
}
