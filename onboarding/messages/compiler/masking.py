"""Jinja's tags made opaque for a compiler of MJML or CSS, and put back where they may stand.

A compiler breaks what it doesn't know: it refuses `<` in an expression, escapes `>`, and moves a
`{% for %}` out of a table. So each tag becomes a word, or a comment where a block stands between
elements. A run of tags within one attribute value or title is one word, so that a value copied to
several places stays whole. `unmask` asserts that every word came back, and exactly where it may.
Compiles nothing itself.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.html_context import HtmlContext, ScannerState, scan
from onboarding.messages.compiler.sources import PieceKind, SourcePiece

URL_ATTRIBUTES = frozenset(
    {"href", "src", "action", "background", "background-url", "poster", "formaction"}
)


@dataclass(frozen=True, slots=True)
class MaskToken:
    """One opaque word: the Jinja source that it stands for, and where it stood."""

    name: str
    source: str
    piece: SourcePiece
    place: HtmlContext
    is_block: bool
    may_vanish: bool = False

    @property
    def hidden(self) -> str:
        """What the compiler sees."""
        match self.place:
            case HtmlContext.CONTENT if self.is_block:
                return f"<!--{self.name}-->"
            case HtmlContext.STYLE if self.is_block:
                return f"/*{self.name}*/"
            case HtmlContext.TAG:
                return f" {self.name} "
            case _:
                return self.name


@dataclass(frozen=True, slots=True)
class MaskedSource:
    """A template as the compiler sees it: literal pieces and words, in order."""

    parts: tuple[SourcePiece | MaskToken, ...]

    @property
    def text(self) -> str:
        """The whole, for the compiler."""
        return "".join(one.hidden if isinstance(one, MaskToken) else one.text for one in self.parts)

    @property
    def words(self) -> tuple[MaskToken, ...]:
        """Everything that must come back."""
        return tuple(one for one in self.parts if isinstance(one, MaskToken))

    def place_of(self, offset: int) -> str:
        """Say where the character at `offset` of `text` was written."""
        last = ""
        for one in self.parts:
            piece, text = (one.piece, one.hidden) if isinstance(one, MaskToken) else (one, one.text)
            if offset <= len(text):
                return f"{piece.file}, line {piece.line + piece.text.count(chr(10), 0, max(offset, 0))}"
            last, offset = piece.place, offset - len(text)
        return last


def mask(pieces: Iterable[SourcePiece]) -> MaskedSource:
    """Replace each tag by a word; refuses, by file and line, tags in places from which none can come back safely."""
    located = list(_locate(pieces))
    parts: list[SourcePiece | MaskToken] = []
    at = 0
    while at < len(located):
        end = _end_of_run(located, at)
        is_text = located[at].piece.what is PieceKind.TEXT
        parts.append(located[at].piece if is_text else _make_token(located[at:end], len(parts)))
        at = end
    return MaskedSource(tuple(parts))


@dataclass(frozen=True, slots=True)
class _PiecePosition:
    piece: SourcePiece
    before: ScannerState
    after: ScannerState

    @property
    def source(self) -> str:
        return (
            self.piece.text
            if self.piece.what is PieceKind.TEXT
            else _guard(self.piece, self.before)
        )


def _locate(pieces: Iterable[SourcePiece]) -> Iterator[_PiecePosition]:
    before = ScannerState()
    for piece in pieces:
        after = _after(piece, before)
        yield _PiecePosition(piece, before, after)
        before = after


def _after(piece: SourcePiece, before: ScannerState) -> ScannerState:
    match piece.what:
        case PieceKind.TEXT:
            return scan(before, piece.text)
        case PieceKind.VALUE:
            return replace(before, value=before.value + "?")
        case PieceKind.BLOCK:
            return before


def _end_of_run(located: Sequence[_PiecePosition], start: int) -> int:
    """Say how far the word reaches that begins here: over a value's or title's last tag, or a tag's whole condition."""
    first = located[start]
    match first.before.place:
        case HtmlContext.ATTRIBUTE | HtmlContext.TITLE if first.piece.what is not PieceKind.TEXT:
            inside = list(
                takewhile(lambda one: one.after.entered == first.before.entered, located[start:])
            )
            end = start + max(
                at for at, one in enumerate(inside, 1) if one.piece.what is not PieceKind.TEXT
            )
            if sum(deepens(one.piece) for one in located[start:end]):
                raise _refusal(
                    first.piece, "one value and its end in another", "Close it within the quotes."
                )
            return end
        case HtmlContext.TAG if first.piece.what is PieceKind.BLOCK:
            return _end_of_condition(located, start)
    return start + 1


def _end_of_condition(located: Sequence[_PiecePosition], start: int) -> int:
    depth = 0
    for at, one in enumerate(located[start:], start + 1):
        depth += deepens(one.piece)
        if depth == 0:
            return at
        if one.after.place not in {HtmlContext.TAG, HtmlContext.ATTRIBUTE}:
            break
    raise _refusal(located[start].piece, "a tag without its end", "Close it within the same tag.")


_OPENS = re.compile(r"\{%[-+]?\s*(?:(?:if|for|macro|call|filter|with|block)\b|set\s[^=]*%\})")
_CLOSES = re.compile(r"\{%[-+]?\s*end")


def deepens(piece: SourcePiece) -> int:
    """Count a tag that opens something as 1, one that closes it as -1."""
    if piece.what is not PieceKind.BLOCK:
        return 0
    return bool(_OPENS.match(piece.text)) - bool(_CLOSES.match(piece.text))


def _make_token(run: Sequence[_PiecePosition], number: int) -> MaskToken:
    """Make one word of a tag, or of a run of tags with the text between them."""
    first = run[0]
    in_value = first.before.place in {HtmlContext.ATTRIBUTE, HtmlContext.TITLE}
    return MaskToken(
        name=f"jw{number}wj",
        source="".join(one.source for one in run),
        piece=first.piece,
        place=first.before.place,
        is_block=first.piece.what is PieceKind.BLOCK and not in_value,
        may_vanish=in_value and first.before.in_defaults,
    )


def _guard(piece: SourcePiece, position: ScannerState) -> str:
    """Refuse a tag where it can't stand, and filter a value where not every text may."""
    match position.place:
        case HtmlContext.SCRIPT:
            raise _refusal(piece, "a script", "Mail programs run no scripts: leave it out.")
        case HtmlContext.TAG if piece.what is PieceKind.VALUE:
            raise _refusal(piece, f"<{position.tag}>, outside quotes", 'Write name="{{ ... }}".')
        case HtmlContext.TAG if position.tag.lstrip("/").startswith("mj"):
            hint = "Put the condition around the element, or inside a quoted value."
            raise _refusal(piece, f"the tag <{position.tag}>", hint)
        case HtmlContext.ATTRIBUTE if position.attribute.startswith("on"):
            raise _refusal(
                piece,
                f"the attribute {position.attribute}",
                "Mail programs run no scripts: leave it out.",
            )
        case HtmlContext.ATTRIBUTE if (
            position.attribute in URL_ATTRIBUTES and not position.value.strip()
        ):
            return _add_filter(piece, "link")
        case HtmlContext.ATTRIBUTE if _is_style(position):
            return _add_filter(piece, "style")
        case HtmlContext.STYLE:
            return _add_filter(piece, "style")
    return piece.text


WORDY_ATTRIBUTES = frozenset(
    {"alt", "title", "rel", "name", "target", "css-class", "mj-class", "class", "id", "role"}
)
"""The attributes of MJML that don't end up in a style sheet."""


def _is_style(position: ScannerState) -> bool:
    if position.attribute == "style" or "color" in position.attribute:
        return True
    return (
        position.tag.startswith("mj-")
        and position.attribute not in WORDY_ATTRIBUTES | URL_ATTRIBUTES
    )


def _refusal(piece: SourcePiece, where: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{piece.place}: {piece.text} can't stand in {where}.", hint=hint)


_EXPRESSION = re.compile(r"(\{\{[-+]?)(.*?)([-+]?\}\}\s*)", re.DOTALL)


def _add_filter(piece: SourcePiece, name: str) -> str:
    found = _EXPRESSION.fullmatch(piece.text)
    return f"{found[1]} ({found[2]})|{name} {found[3]}" if found else piece.text


MAY_RETURN = {
    HtmlContext.CONTENT: {HtmlContext.CONTENT},
    HtmlContext.TAG: {HtmlContext.TAG},
    HtmlContext.ATTRIBUTE: {
        HtmlContext.ATTRIBUTE,
        HtmlContext.STYLE,
        HtmlContext.COMMENT,
    },  # COMMENT: what Outlook alone reads
    HtmlContext.TITLE: {
        HtmlContext.TITLE,
        HtmlContext.ATTRIBUTE,
        HtmlContext.CONTENT,
    },  # the title is also a label, the preview a <div>
    HtmlContext.STYLE: {HtmlContext.STYLE, HtmlContext.ATTRIBUTE},
    HtmlContext.COMMENT: {HtmlContext.COMMENT},
}
"""Where a tag may stand in the compiled HTML, by where it stood in the source."""

_TOKEN = re.compile(
    r'<!--(?P<block>jw\d+wj)-->|/\*(?P<css>jw\d+wj)\*/| ?\b(?P<tag>jw\d+wj)=""|(?P<word>jw\d+wj)'
)


def unmask(compiled: str, hidden: MaskedSource) -> str:
    """Put the tags back. Raises `ConfigurationError`, naming file and line, for one that was lost, doubled or moved."""
    words = {one.name: one for one in hidden.words}
    done, position, at, seen = [], ScannerState(), 0, list[MaskToken]()
    for found in _TOKEN.finditer(compiled):
        word = words[found[found.lastgroup or "word"]]
        literal = compiled[at : found.start()]
        position = scan(position, literal)
        if position.place not in MAY_RETURN[word.place] or (
            word.is_block and not _as_hidden(found, word)
        ):
            raise _lost_error(word, "ended up in another place")
        done += [literal, f" {word.source}" if found["tag"] else word.source]
        seen.append(word)
        at = found.end()
    _assert_all_back(hidden.words, seen)
    return "".join((*done, compiled[at:]))


def _as_hidden(found: re.Match[str], word: MaskToken) -> bool:
    return {"block": HtmlContext.CONTENT, "css": HtmlContext.STYLE}.get(
        found.lastgroup or "", word.place
    ) is word.place


def _assert_all_back(expected: Sequence[MaskToken], seen: Sequence[MaskToken]) -> None:
    times = Counter(one.name for one in seen)
    for word in expected:
        if not times[word.name] and not word.may_vanish:
            raise _lost_error(word, "was lost")
        if word.is_block and times[word.name] > 1:
            raise _lost_error(word, "was doubled")
    blocks = [one for one in expected if one.is_block]
    for word, back in zip(blocks, (one for one in seen if one.is_block), strict=True):
        if word is not back:
            raise _lost_error(word, "was moved")


def _lost_error(word: MaskToken, how: str) -> ConfigurationError:
    return ConfigurationError(
        f"{word.piece.place}: {word.piece.text} {how} when the template was compiled.",
        hint="Conditions and loops stand between whole elements, values in texts and quoted attributes.",
    )
