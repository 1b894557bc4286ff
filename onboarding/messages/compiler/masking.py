"""Jinja's tags replaced by words for a compiler of MJML or CSS, and put back into what it returns.

A compiler breaks what it doesn't know: it refuses `<` in an expression, escapes `>`, and moves a
`{% for %}` out of a table. So it never sees a tag. For

    <a href="{{ join_link }}&x={{ x }}">{% if name %}{{ name }}{% endif %}</a>

it sees

    <a href="jw1wj"><!--jw3wj-->jw4wj<!--jw5wj--></a>

A block between elements becomes a comment, since a word would be text there, which a table does
not admit. All tags of one attribute value or title become one word, together with the text between
them: a compiler copies values to several elements, and half an `{% if %}` must not get copied.
`unmask` puts the tags back, and refuses the template if any of them is lost, doubled or moved to
another context. Compiles nothing itself.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.html_context import HtmlContext, ScannerState, scan
from onboarding.messages.compiler.sources import PieceKind, SourcePiece

URL_ATTRIBUTES = frozenset(
    {"href", "src", "action", "background", "background-url", "poster", "formaction"}
)


@dataclass(frozen=True, slots=True)
class MaskToken:
    """A word like "jw7wj": the Jinja source that it replaces, and where that was written.

    `piece` is the first tag of the source. `may_vanish`: a default value of MJML comes back only
    in elements that use it.
    """

    name: str
    source: str
    piece: SourcePiece
    context: HtmlContext
    is_block: bool
    may_vanish: bool = False

    @property
    def text(self) -> str:
        """What the compiler sees."""
        match self.context:
            case HtmlContext.CONTENT if self.is_block:
                return f"<!--{self.name}-->"
            case HtmlContext.STYLE if self.is_block:
                return f"/*{self.name}*/"
            case HtmlContext.TAG:
                # an attribute without a value
                return f" {self.name} "
            case _:
                return self.name


@dataclass(frozen=True, slots=True)
class MaskedSource:
    """A template as the compiler sees it: pieces of text, and words, in order."""

    parts: tuple[SourcePiece | MaskToken, ...]

    @property
    def text(self) -> str:
        """The whole text, for the compiler."""
        return "".join(part.text for part in self.parts)

    @property
    def tokens(self) -> tuple[MaskToken, ...]:
        """All words, in order."""
        return tuple(part for part in self.parts if isinstance(part, MaskToken))

    def find_location(self, offset: int) -> str:
        """Find the file and line in which the character at `offset` of `text` was written."""
        location = ""
        for part in self.parts:
            piece = part.piece if isinstance(part, MaskToken) else part
            if offset <= len(part.text):
                line = piece.line + piece.text.count("\n", 0, max(offset, 0))
                return f"{piece.file}, line {line}"
            location, offset = piece.location, offset - len(part.text)
        return location


def mask(pieces: Iterable[SourcePiece]) -> MaskedSource:
    """Replace each tag by a word.

    Raises `ConfigurationError`, with file and line, for a tag in a context from which none can come
    back safely.
    """
    located = list(_find_contexts(pieces))
    parts: list[SourcePiece | MaskToken] = []
    start = 0
    while start < len(located):
        end = _end_of_run(located, start)
        piece = located[start].piece
        is_text = piece.kind is PieceKind.TEXT
        parts.append(piece if is_text else _make_token(located[start:end], len(parts)))
        start = end
    return MaskedSource(tuple(parts))


@dataclass(frozen=True, slots=True)
class _LocatedPiece:
    """A piece, and the scanner's state before and after it."""

    piece: SourcePiece
    before: ScannerState
    after: ScannerState

    @property
    def source(self) -> str:
        """The piece as it goes into the compiled template."""
        if self.piece.kind is PieceKind.TEXT:
            return self.piece.text
        _check_allowed(self.piece, self.before)
        name = _select_filter(self.before)
        return _add_filter(self.piece, name) if name else self.piece.text


def _find_contexts(pieces: Iterable[SourcePiece]) -> Iterator[_LocatedPiece]:
    before = ScannerState()
    for piece in pieces:
        after = _after(piece, before)
        yield _LocatedPiece(piece, before, after)
        before = after


def _after(piece: SourcePiece, before: ScannerState) -> ScannerState:
    match piece.kind:
        case PieceKind.TEXT:
            return scan(before, piece.text)
        case PieceKind.VALUE:
            # some text that is not known yet: an address that begins with it has begun
            return replace(before, value=before.value + "?")
        # It prints nothing itself. What stands inside is scanned as if it were always printed.
        case PieceKind.BLOCK:
            return before


def _end_of_run(located: Sequence[_LocatedPiece], start: int) -> int:
    """Find the end (exclusive) of the pieces that become one part of the masked source."""
    first = located[start]
    if first.piece.kind is PieceKind.TEXT:
        return start + 1
    match first.before.context:
        case HtmlContext.ATTRIBUTE | HtmlContext.TITLE:
            return _end_of_value(located, start)
        # One word for the whole condition. As two, a compiler could move the attribute between
        # them.
        case HtmlContext.TAG if first.piece.kind is PieceKind.BLOCK:
            return _end_of_condition(located, start)
        case _:
            return start + 1


def _end_of_value(located: Sequence[_LocatedPiece], start: int) -> int:
    """Find the last tag in the attribute value or title in which the tag at `start` is."""
    value = located[start].before.entered
    end, depth, depth_at_end = start, 0, 0
    for index in range(start, len(located)):
        if located[index].after.entered != value:
            break
        depth += block_change(located[index].piece)
        if located[index].piece.kind is not PieceKind.TEXT:
            end, depth_at_end = index + 1, depth
    # Copied to several elements by the compiler, it would be opened in one and closed in another.
    if depth_at_end:
        raise _not_allowed(
            located[start].piece, "one value and its end in another", "Close it within the quotes."
        )
    return end


def _end_of_condition(located: Sequence[_LocatedPiece], start: int) -> int:
    """Find the end of a condition around attributes: `<td {% if wide %}colspan="2"{% endif %}>`."""
    depth = 0
    for index in range(start, len(located)):
        depth += block_change(located[index].piece)
        if depth == 0:
            return index + 1
        if located[index].after.context not in {HtmlContext.TAG, HtmlContext.ATTRIBUTE}:
            break
    raise _not_allowed(
        located[start].piece, "a tag without its end", "Close it within the same tag."
    )


# A `set` without `=` has an end of its own; one with it is complete.
_BEGINS_BLOCK = re.compile(
    r"\{%[-+]?\s*(?:(?:if|for|macro|call|filter|with|block)\b|set\s[^=]*%\})"
)
_ENDS_BLOCK = re.compile(r"\{%[-+]?\s*end")


def block_change(piece: SourcePiece) -> int:
    """Return 1 for a tag that begins a block (`{% if %}`), -1 for one that ends it, else 0."""
    if piece.kind is not PieceKind.BLOCK:
        return 0
    return bool(_BEGINS_BLOCK.match(piece.text)) - bool(_ENDS_BLOCK.match(piece.text))


def _make_token(run: Sequence[_LocatedPiece], number: int) -> MaskToken:
    """Make one word of a tag, or of a run of tags with the text between them."""
    piece, before = run[0].piece, run[0].before
    in_value = before.context in {HtmlContext.ATTRIBUTE, HtmlContext.TITLE}
    return MaskToken(
        name=f"jw{number}wj",
        source="".join(located.source for located in run),
        piece=piece,
        context=before.context,
        is_block=piece.kind is PieceKind.BLOCK and not in_value,
        may_vanish=in_value and before.in_defaults,
    )


def _check_allowed(piece: SourcePiece, state: ScannerState) -> None:
    """Raise `ConfigurationError` for a tag of Jinja in a context that can't have one."""
    no_scripts = "Mail programs run no scripts: leave it out."
    match state.context:
        case HtmlContext.SCRIPT:
            raise _not_allowed(piece, "a script", no_scripts)
        case HtmlContext.TAG if piece.kind is PieceKind.VALUE:
            raise _not_allowed(piece, f"<{state.tag}>, outside quotes", 'Write name="{{ ... }}".')
        case HtmlContext.TAG if state.tag.lstrip("/").startswith("mj"):
            # MJML's elements become several of HTML, and the condition would be in one of them
            hint = "Put the condition around the element, or inside a quoted value."
            raise _not_allowed(piece, f"the tag <{state.tag}>", hint)
        case HtmlContext.ATTRIBUTE if state.attribute.startswith("on"):
            raise _not_allowed(piece, f"the attribute {state.attribute}", no_scripts)
        case _:
            return


def _select_filter(state: ScannerState) -> str:
    """Name the filter of a value that may not be any text; empty where any text is safe.

    Autoescaping makes values safe between elements and in quotes. It does not keep `javascript:`
    out of an address, or a further rule out of a style sheet.
    """
    match state.context:
        case HtmlContext.ATTRIBUTE if state.attribute in URL_ATTRIBUTES:
            # behind the beginning of an address, a value can't change its scheme
            return "" if state.value.strip() else "link"
        case HtmlContext.ATTRIBUTE if _is_style(state):
            return "style"
        case HtmlContext.STYLE:
            return "style"
        case _:
            return ""


WORDY_ATTRIBUTES = frozenset(
    {"alt", "title", "rel", "name", "target", "css-class", "mj-class", "class", "id", "role"}
)
"""The attributes of MJML that don't end up in a style sheet."""


def _is_style(state: ScannerState) -> bool:
    if state.attribute == "style" or "color" in state.attribute:
        return True
    # MJML writes nearly all its attributes into styles, so all but the known others count.
    return state.tag.startswith("mj-") and state.attribute not in WORDY_ATTRIBUTES | URL_ATTRIBUTES


def _not_allowed(piece: SourcePiece, where: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{piece.location}: {piece.text} can't stand in {where}.", hint=hint)


_EXPRESSION = re.compile(r"(\{\{[-+]?)(.*?)([-+]?\}\}\s*)", re.DOTALL)


def _add_filter(piece: SourcePiece, name: str) -> str:
    """Filter a value: `{{ x }}` becomes `{{ (x)|link }}`. Blocks stay as they are."""
    # The brackets are needed: a filter binds more tightly than `or` and `~`, and would see only the
    # last operand.
    found = _EXPRESSION.fullmatch(piece.text)
    return f"{found[1]} ({found[2]})|{name} {found[3]}" if found else piece.text


MAY_RETURN = {
    HtmlContext.CONTENT: {HtmlContext.CONTENT},
    HtmlContext.TAG: {HtmlContext.TAG},
    # a comment: what Outlook alone reads
    HtmlContext.ATTRIBUTE: {HtmlContext.ATTRIBUTE, HtmlContext.STYLE, HtmlContext.COMMENT},
    # the title is also a label, and the preview text becomes a <div>
    HtmlContext.TITLE: {HtmlContext.TITLE, HtmlContext.ATTRIBUTE, HtmlContext.CONTENT},
    HtmlContext.STYLE: {HtmlContext.STYLE, HtmlContext.ATTRIBUTE},
    HtmlContext.COMMENT: {HtmlContext.COMMENT},
}
"""Contexts in which a tag may be in the compiled HTML, by its context in the source.

The filter of a tag was chosen for its context in the source. In any other context than these the
value might not be safe.
"""

# css-inline writes an attribute that has no value with an empty one, hence the `=""`.
_MASKED_TAG = re.compile(
    r'<!--(?P<block>jw\d+wj)-->|/\*(?P<css>jw\d+wj)\*/| ?\b(?P<tag>jw\d+wj)=""|(?P<word>jw\d+wj)'
)


def unmask(compiled: str, masked: MaskedSource) -> str:
    """Put the tags back.

    Raises `ConfigurationError`, with file and line, for a tag that was lost, doubled or moved.
    """
    state, start = ScannerState(), 0
    done: list[str] = []
    seen: list[MaskToken] = []
    for token, found in _find_tokens(compiled, masked):
        literal = compiled[start : found.start()]
        # Only the compiler's own text is scanned: what a tag prints was looked at before compiling.
        state = scan(state, literal)
        if not _may_return(token, state.context, found.lastgroup):
            raise _tag_error(token, "ended up in another place")
        # The pattern has taken the space before a tag's word away.
        done += [literal, f" {token.source}" if found["tag"] else token.source]
        seen.append(token)
        start = found.end()
    _check_all_masked(masked.tokens, seen)
    return "".join((*done, compiled[start:]))


def _find_tokens(compiled: str, masked: MaskedSource) -> Iterator[tuple[MaskToken, re.Match[str]]]:
    tokens = {token.name: token for token in masked.tokens}
    for found in _MASKED_TAG.finditer(compiled):
        # a text in the template may look like one of our words
        if token := tokens.get(found[found.lastgroup or "word"]):
            yield token, found


_BLOCK_CONTEXT = {"block": HtmlContext.CONTENT, "css": HtmlContext.STYLE}
"""Contexts in which a block is masked by a comment, by the groups of `_MASKED_TAG`."""


def _may_return(token: MaskToken, context: HtmlContext, group: str | None) -> bool:
    if context not in MAY_RETURN[token.context]:
        return False
    # a block comes back as the comment that was made of it, not in a copy of the comment's text
    return not token.is_block or _BLOCK_CONTEXT.get(group or "", token.context) is token.context


def _check_all_masked(expected: Sequence[MaskToken], seen: Sequence[MaskToken]) -> None:
    """Check that all words came back. A value may be copied; a block comes back once, in order."""
    times = Counter(token.name for token in seen)
    for token in expected:
        if not times[token.name] and not token.may_vanish:
            raise _tag_error(token, "was lost")
        if token.is_block and times[token.name] > 1:
            raise _tag_error(token, "was doubled")
    _check_in_order(expected, seen)


def _check_in_order(expected: Sequence[MaskToken], seen: Sequence[MaskToken]) -> None:
    blocks_before = [token for token in expected if token.is_block]
    blocks_after = [token for token in seen if token.is_block]
    # As many on both sides: it was checked above that each block came back exactly once.
    for before, after in zip(blocks_before, blocks_after, strict=True):
        if before is not after:
            raise _tag_error(before, "was moved")


def _tag_error(token: MaskToken, what: str) -> ConfigurationError:
    piece = token.piece
    return ConfigurationError(
        f"{piece.location}: {piece.text} {what} when the template was compiled.",
        hint="Put conditions and loops around whole elements, values into texts and quoted "
        "attributes.",
    )
