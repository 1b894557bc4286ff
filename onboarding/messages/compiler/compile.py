"""From a template's source to Jinja source of finished HTML: MJML by mrml, HTML by css-inline.

Done once per run. Also checks what the compilers return, and derives the text part of a template
that has no `.txt.j2` beside it. Renders no message.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import mrml
from css_inline import CSSInliner, InlineError
from jinja2 import Environment
from selectolax.lexbor import LexborHTMLParser, LexborNode

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import Folders
from onboarding.messages.compiler.html_context import HtmlContext
from onboarding.messages.compiler.masking import MaskedSource, MaskToken, block_change, mask, unmask
from onboarding.messages.compiler.sources import PieceKind, SourcePiece, read_pieces


class CompiledSource(NamedTuple):
    """Jinja source of a template's HTML, and of the text derived from it."""

    html: str
    text: str


def compile_source(file: Path, folders: Folders, environment: Environment) -> CompiledSource:
    """Compile a template.

    Raises `ConfigurationError`, with file and line where these are known, for what can't be read or
    compiled, and for tags that compiling would tear apart.
    """
    pieces = read_pieces(file, folders, environment)
    settings = list(takewhile(_is_setting, pieces))
    masked = mask(pieces[len(settings) :])
    is_mjml = file.name.endswith(".mjml.j2")
    # First of all: the compilers overflow their stack on deep elements, which no `except` catches.
    _check_shallow(masked.text, file, is_mjml=is_mjml)
    html = _compile_mjml(file, masked) if is_mjml else _inline_styles(file, masked)
    _check_nested(html, masked)
    # compilers drop what is before the document, so it goes around them
    first = "".join(piece.text.strip() for piece in settings)
    try:
        return CompiledSource(first + unmask(html, masked), first + _build_text(html, masked))
    # To derive the text, `_text_of_node` calls itself for each element inside.
    except RecursionError as error:
        raise _too_deep_error(file) from error


def _is_setting(piece: SourcePiece) -> bool:
    """Recognise what may be before the document: `{% set %}`, `{% import %}`, white space."""
    return piece.kind is PieceKind.BLOCK or piece.text.isspace()


# MJML


def _compile_mjml(file: Path, masked: MaskedSource) -> str:
    """Compile MJML, without the web fonts that mrml would otherwise load from elsewhere."""
    try:
        return mrml.to_html(masked.text, render_options=mrml.RenderOptions(fonts={})).content
    # This is what mrml raises for any mistake in the MJML. No file is read here.
    except OSError as error:
        raise _mjml_error(file, masked, str(error)) from error


def _mjml_error(file: Path, masked: MaskedSource, reason: str) -> ConfigurationError:
    offset = re.search(r"at position (\d+)", reason)
    location = masked.find_location(int(offset[1])) if offset else str(file)
    return ConfigurationError(
        f"{location}: this MJML can't be compiled: {reason}.",
        hint="MJML is strict: close every element (<br/>, <img ... />), and write every attribute "
        "in quotes.",
    )


# style sheets


@cache
def _inliner() -> CSSInliner:
    """Make the inliner: it copies rules into `style` attributes, and fetches nothing.

    Style sheets also stay, for media queries (dark mode, phones).
    """
    return CSSInliner(keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False)


_ROWS_AT_ONCE = re.compile(r"(<table\b[^<>]*+>)((?:\s|<!--jw\d+wj-->)++<tr\b)", re.IGNORECASE)
"""A table in which the rows begin with a block, such as `<table>{% for person in panel %}<tr>`.

HTML's parser adds a `<tbody>` before the first row. The `for` would be outside it, its end inside.
"""


MOST_STYLING = 100_000_000
"""Tags times selectors. Each rule is tried on each element, and this many take two seconds."""


def _inline_styles(file: Path, masked: MaskedSource) -> str:
    for token in masked.tokens:
        if token.context is HtmlContext.STYLE and token.is_block:
            raise ConfigurationError(
                f"{token.piece.location}: {token.source} can't stand in a style sheet.",
                hint="Styles go into the elements before any person is known: put the condition "
                "around elements.",
            )
    text = _ROWS_AT_ONCE.sub(r"\1<tbody>\2", masked.text)
    # No parser yet: there are at most as many elements as `<`, and selectors as `{` and `,`.
    if text.count("<") * (text.count("{") + text.count(",")) > MOST_STYLING:
        raise ConfigurationError(
            f"The template {file} has too many elements for so many rules of style.",
            hint="Leave out the rules that no element needs.",
        )
    try:
        return _inliner().inline(text)
    except InlineError as error:
        raise ConfigurationError(
            f"{file}: its style sheet can't be read: {error}.", hint="Correct the CSS."
        ) from error


# elements within each other

_MIDDLE = re.compile(r"\{%[-+]?\s*(?:else|elif)\b")
_STEP = re.compile(
    r"<!--(?P<word>jw\d+wj)-->|<(?P<closes>/?)(?P<tag>[A-Za-z][\w:-]*)[^>]*?(?P<empty>/?)>"
)
_VOID = re.compile(r"area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr", re.IGNORECASE)
"""Elements without an end (HTML 13.1.2)."""


def _check_nested(compiled: str, masked: MaskedSource) -> None:
    """Check that each block is around whole elements.

    A parser that adds what HTML leaves out may move the beginning of a loop out of an element and
    leave the end inside. Then each round would open one element more. So the depth has to be the
    same at `{% if %}`, `{% else %}` and `{% endif %}`.

    Raises `ConfigurationError`, with file and line of both tags.
    """
    tokens = {token.name: token for token in masked.tokens}
    depth = 0
    open_blocks: list[tuple[MaskToken, int]] = []
    for step in _steps(compiled):
        if not step["word"]:
            depth += _depth_change(step)
        elif token := tokens.get(step["word"]):
            _check_block(token, depth, open_blocks)


def _check_block(token: MaskToken, depth: int, open_blocks: list[tuple[MaskToken, int]]) -> None:
    """Compare a tag's depth with that of its block's beginning; updates `open_blocks`."""
    change = block_change(token.piece)
    if change > 0:
        open_blocks.append((token, depth))
        return
    # `{% set %}` and other tags without an end may stand at any depth within their block.
    if not open_blocks or not (change < 0 or _MIDDLE.match(token.source)):
        return
    begin, depth_at_begin = open_blocks[-1]
    if depth_at_begin != depth:
        raise ConfigurationError(
            f"{begin.piece.location}: {begin.source} and {token.source} (line {token.piece.line}) "
            "don't stand around whole elements.",
            hint="Put both inside the same element; in a table write <tbody> around the rows.",
        )
    if change < 0:
        open_blocks.pop()


DEEPEST_MJML = 100
DEEPEST_HTML = 1_000
"""Elements within each other. At ten times as many, the compilers' stack overflows and the program
ends without an error message."""


CLOSED_BY_OTHERS = frozenset(
    {"p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option"}
)
"""Elements that HTML may leave without an end. They are nested only where others are, too."""


def _check_shallow(text: str, file: Path, *, is_mjml: bool) -> None:
    shallow = is_shallow(text, DEEPEST_MJML, frozenset()) if is_mjml else is_shallow(text)
    if not shallow:
        raise _too_deep_error(file)


def is_shallow(
    text: str, deepest: int = DEEPEST_HTML, uncounted: frozenset[str] = CLOSED_BY_OTHERS
) -> bool:
    """Check that at most `deepest` elements are within each other, unclosed ones included."""
    depth = 0
    for step in _steps(text):
        if not step["word"] and step["tag"].lower() not in uncounted:
            depth += _depth_change(step)
        if depth > deepest:
            return False
    return True


def _too_deep_error(file: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The template {file} has too many elements within each other.", hint="Close each element."
    )


def _steps(text: str) -> Iterator[re.Match[str]]:
    """Find all tags of HTML and all masked blocks.

    Ends at the last `>`: behind it, each `<` would make the search go on to the end of the text.
    """
    return _STEP.finditer(text, 0, text.rfind(">") + 1)


def _depth_change(step: re.Match[str]) -> int:
    if step["empty"] or _VOID.fullmatch(step["tag"]):
        return 0
    return -1 if step["closes"] else 1


# the text part

_BLOCK_ELEMENTS = ("p", "div", "tr", "table", "ul", "ol", "section", "blockquote")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_AROUND = dict.fromkeys((*_BLOCK_ELEMENTS, *_HEADINGS), ("\n", "\n")) | {"li": ("\n- ", "")}
"""What comes before and after an element's text."""

_SILENT = frozenset({"head", "style", "script", "title", "template"})
_WORDS_AND_ADDRESS = re.compile(r"(jw\d+wj): (jw\d+wj)")


def _build_text(html: str, masked: MaskedSource) -> str:
    """Turn the HTML into text: links keep their address, pictures their alt text."""
    sources = {token.name: token.source for token in masked.tokens}
    written = {token.name: token.piece.text for token in masked.tokens}

    def drop_repeated(pair: re.Match[str]) -> str:
        # `<a href="{{ join_link }}">{{ join_link }}</a>`: two words for one tag of the template
        return pair[2] if written.get(pair[1]) == written.get(pair[2]) else pair[0]

    text = _WORDS_AND_ADDRESS.sub(drop_repeated, _text_of_document(html))
    # Last: the white space inside of a tag must not be joined with that of the lines.
    return re.sub(r"jw\d+wj", lambda word: sources.get(word[0], word[0]), text)


_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def join_empty_lines(text: str) -> str:
    """Leave one empty line of several in a rendered text: unmet conditions leave many."""
    return _EMPTY_LINES.sub("\n\n", text).strip() + "\n"


def _text_of_document(html: str) -> str:
    """Write the HTML as text, with the white space of each line joined."""
    body = LexborHTMLParser(html).body
    text = "".join(_text_of_children(body)) if body else ""
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def _text_of_children(parent: LexborNode) -> Iterator[str]:
    node = parent.first_child
    while node:
        yield from _text_of_node(node)
        node = node.next


def _text_of_node(node: LexborNode) -> Iterator[str]:
    match node.tag:
        case "-text":
            yield re.sub(r"\s+", " ", node.text(deep=False))
        case "-comment":
            # a masked block: the text needs the same conditions and loops
            yield from re.findall(r"^jw\d+wj$", node.comment_content or "")
        case "br":
            yield "\n"
        case "img":
            yield _attribute(node, "alt")
        case "a":
            yield _text_of_link(node)
        # The preview text is hidden in the HTML. In the text part it would stand before the
        # greeting.
        case tag if tag not in _SILENT and not _is_hidden(node):
            before, after = _AROUND.get(tag or "", ("", ""))
            yield from (before, *_text_of_children(node), after)


def _attribute(node: LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""


def _is_hidden(node: LexborNode) -> bool:
    return "display:none" in _attribute(node, "style").replace(" ", "")


def _text_of_link(node: LexborNode) -> str:
    """Write a link's words and its address; one of them where both are the same."""
    words = "".join(_text_of_children(node)).strip()
    address = _attribute(node, "href").removeprefix("mailto:")
    if address in {"", words}:
        return words
    return f"{words}: {address}" if words else address
