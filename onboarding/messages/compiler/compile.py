"""From a template's source to Jinja source of finished HTML, once per run: MJML by mrml, HTML by css-inline.

Also derives the text of an HTML template that has no `.txt.j2` beside it. Renders nobody's letter.

Blocks around whole elements: what opens and closes a condition or a loop stands at one depth of the compiled HTML.

A parser that adds what HTML leaves out (`<tbody>`) may put an opening tag before it and the closing
one inside. Then each round of a loop would open one element more. Also: elements are not within
each other beyond what compilers bear. Checks only.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import takewhile
from pathlib import Path

import mrml
from css_inline import CSSInliner, InlineError
from jinja2 import Environment
from selectolax.lexbor import LexborHTMLParser, LexborNode

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import Folders
from onboarding.messages.compiler.html_context import HtmlContext
from onboarding.messages.compiler.masking import MaskedSource, MaskToken, deepens, mask, unmask
from onboarding.messages.compiler.sources import PieceKind, pieces_of


def compile_source(file: Path, folders: Folders, environment: Environment) -> tuple[str, str]:
    """Compile a template; returns Jinja sources of its HTML and of the text derived from that."""
    pieces = pieces_of(file, folders, environment)
    first = list(
        takewhile(lambda piece: piece.what is PieceKind.BLOCK or piece.text.isspace(), pieces)
    )
    hidden = mask(pieces[len(first) :])
    assert_shallow(hidden.text, file)
    html = (
        _compile_mjml(file, hidden)
        if file.name.endswith(".mjml.j2")
        else _inline_styles(file, hidden)
    )
    assert_nested(html, hidden)
    set_first = "".join(
        piece.text.strip() for piece in first
    )  # what stands before the document: set, import
    try:
        return set_first + unmask(html, hidden), set_first + _derive_text(html, hidden)
    except RecursionError as error:
        raise too_deep(file) from error


def _compile_mjml(file: Path, hidden: MaskedSource) -> str:
    """Compile MJML, without the web fonts that mrml would otherwise load from elsewhere."""
    try:
        return mrml.to_html(hidden.text, render_options=mrml.RenderOptions(fonts={})).content
    except OSError as problem:
        raise _compile_error(file, hidden, str(problem)) from problem


def _compile_error(file: Path, hidden: MaskedSource, problem: str) -> ConfigurationError:
    at = re.search(r"at position (\d+)", problem)
    place = hidden.place_of(int(at[1])) if at else str(file)
    return ConfigurationError(
        f"{place}: this MJML can't be compiled: {problem}.",
        hint="MJML is strict: every element is closed (<br/>, <img ... />), every attribute stands in quotes.",
    )


@cache
def _inliner() -> CSSInliner:
    """Style sheets go into `style` attributes and stay, for media queries (dark mode, phones); nothing is fetched."""
    return CSSInliner(keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False)


_ROWS_AT_ONCE = re.compile(r"(<table\b[^<>]*+>)((?:\s|<!--jw\d+wj-->)++<tr\b)", re.IGNORECASE)
"""Rows that begin with a block: HTML's parser would put the opening tag outside the `<tbody>` that it adds."""


MOST_STYLING = 100_000_000
"""Tags times selectors. Each rule is tried on each element, and this many take two seconds."""


def _inline_styles(file: Path, hidden: MaskedSource) -> str:
    for word in hidden.words:
        if word.place is HtmlContext.STYLE and word.is_block:
            raise ConfigurationError(
                f"{word.piece.place}: {word.source} can't stand in a style sheet.",
                hint="Styles are put into the elements before anybody is known: put the condition around elements.",
            )
    text = _ROWS_AT_ONCE.sub(r"\1<tbody>\2", hidden.text)
    if text.count("<") * (text.count("{") + text.count(",")) > MOST_STYLING:
        raise ConfigurationError(
            f"The template {file} has too many elements for so many rules of style.",
            hint="Leave out the rules that no element needs.",
        )
    try:
        return _inliner().inline(text)
    except InlineError as problem:
        raise ConfigurationError(
            f"{file}: its style sheet can't be read: {problem}.", hint="Correct the CSS."
        ) from problem


_BREAKS = frozenset(
    {
        "p",
        "div",
        "tr",
        "table",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "section",
        "blockquote",
    }
)
_SILENT = frozenset({"head", "style", "script", "title", "template"})


def _derive_text(html: str, hidden: MaskedSource) -> str:
    """Say the HTML as text: links keep their address, pictures their alt text, list items a dash."""
    body = LexborHTMLParser(html).body
    sources = {one.name: one.source for one in hidden.words}
    said = "".join(_text_of_nodes(body)) if body else ""
    written = {one.name: one.piece.text for one in hidden.words}
    text = "\n".join(" ".join(line.split()) for line in said.splitlines())
    said_once = _WORDS_AND_ADDRESS.sub(
        lambda pair: pair[2] if written[pair[1]] == written[pair[2]] else pair[0], text
    )
    return re.sub(r"jw\d+wj", lambda word: sources[word[0]], said_once)


_WORDS_AND_ADDRESS = re.compile(r"(jw\d+wj): (jw\d+wj)")


_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def join_empty_lines(text: str) -> str:
    """Leave at most one empty line in a row of a rendered text: conditions that say nothing leave several."""
    return _EMPTY_LINES.sub("\n\n", text).strip() + "\n"


def _text_of_nodes(parent: LexborNode) -> Iterator[str]:
    node = parent.first_child
    while node:
        yield from _text_of_node(node)
        node = node.next


def _text_of_node(node: LexborNode) -> Iterator[str]:
    match node.tag:
        case "-text":
            yield re.sub(r"\s+", " ", node.text(deep=False))
        case "-comment":
            yield from re.findall(r"^jw\d+wj$", node.comment_content or "")
        case "br":
            yield "\n"
        case "img":
            yield node.attributes.get("alt") or ""
        case "a":
            yield from _link_text(node)
        case "li":
            yield from ("\n- ", *_text_of_nodes(node))
        case tag if tag in _BREAKS and not _is_hidden(node):
            yield from ("\n", *_text_of_nodes(node), "\n")
        case tag if tag not in _SILENT and not _is_hidden(node):
            yield from _text_of_nodes(node)


def _is_hidden(node: LexborNode) -> bool:
    return "display:none" in (node.attributes.get("style") or "").replace(" ", "")


def _link_text(node: LexborNode) -> Iterator[str]:
    """Say a link's words and its address, once where they are the same."""
    words, address = (
        "".join(_text_of_nodes(node)).strip(),
        (node.attributes.get("href") or "").removeprefix("mailto:"),
    )
    yield words if address in {"", words} else f"{words}: {address}" if words else address


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
