"""A template file with all that it includes and extends, as text and tags of Jinja in one row.

For `{% if name %}Hello{% endif %}<mj-include path="parts/end.mjml.j2" />` it gives the BLOCK
`{% if name %}`, the TEXT "Hello", the BLOCK `{% endif %}`, and the pieces of `parts/end.mjml.j2`.
Jinja's own lexer tells tags from text. Each piece knows its file and line, so that every later
error can name them. Compiles nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import Folders, read_template
from onboarding.messages.sandbox.environment import TooComplex
from onboarding.messages.sandbox.limits import LARGEST_PART


class PieceKind(Enum):
    """What a piece is to Jinja. Comments are dropped on reading."""

    TEXT = auto()
    # {{ ... }}, and a whole {% raw %} with its content
    VALUE = auto()
    # {% ... %}
    BLOCK = auto()


@dataclass(frozen=True, slots=True)
class SourcePiece:
    """A piece of a template's source, and where it was written (line counted from 1)."""

    kind: PieceKind
    text: str
    file: Path
    line: int

    @property
    def location(self) -> str:
        """File and line, for a message."""
        return f"{self.file}, line {self.line}"

    def slice(self, start: int, end: int) -> "SourcePiece":
        """Return the characters from `start` to `end` as a piece of its own."""
        line = self.line + self.text.count("\n", 0, start)
        return SourcePiece(self.kind, self.text[start:end], self.file, line)


_ADDRESS = re.compile(r"""https?://[^\s"'<>{}]+""", re.IGNORECASE)
# Only to warn of pasted links. What is guarded in messages is taken from the links themselves, so a
# new form of them needs no change there.
_JOIN_LINK = re.compile(
    r"(?:/join/(?=[\w-]{12})|\.ringcentral\.\w+/(?:join|j|register)[/?]|[?&](?:jlt|tk|pwd)=).{6}",
    re.IGNORECASE,
)
"""What RingCentral's join links look like (`docs/ringcentral.md`, "Invitees").

An address with an expression in it is cut before the expression, so it is too short to match.
"""


def find_pasted_links(folders: Folders) -> Iterator[str]:
    """Find join links that were pasted into a template: each reader would get that person's link.

    The messages name file and line, and never the link.
    """
    for file in folders.files():
        for number, line in enumerate(read_template(file).splitlines(), 1):
            if any(_JOIN_LINK.search(address[0]) for address in _ADDRESS.finditer(line)):
                yield f"{file}, line {number}: a join link was pasted into the template."


MOST_PIECES = 10_000
"""Tags and texts of one template with its shared parts. Ours have two hundred."""

DEEPEST_INCLUDE = 20
"""Shared parts within shared parts: deeper than this, two files surely include each other."""

_MJ_INCLUDE = re.compile(r"<mj-include\b([^<>]*+)>(?:\s*+</mj-include>)?")
_PATH_ONLY = re.compile(r"""\s*path=(["'])(?P<path>[^"']+)\1\s*/?""")
_INCLUDE = re.compile(r"""\{%[-+]?\s*include\s+(["'])(?P<path>[^"']+)\1\s*[-+]?%\}\s*""")
_EXTENDS = re.compile(r"""\{%[-+]?\s*extends\s+(["'])(?P<path>[^"']+)\1\s*[-+]?%\}\s*""")
_BLOCK = re.compile(r"\{%[-+]?\s*block\s+(?P<name>\w+)")
_ENDBLOCK = re.compile(r"\{%[-+]?\s*endblock\b")
_SETTING = re.compile(r"\{%[-+]?\s*(set\s[^%]*=|import\s|from\s)")
_SUPER = re.compile(r"\{\{[-+]?\s*super\(\)\s*[-+]?\}\}\s*")

Blocks = Mapping[str, list[SourcePiece]]
"""What a template puts into the blocks of the one that it extends, by name."""


def read_pieces(file: Path, folders: Folders, environment: Environment) -> list[SourcePiece]:
    """Read a template with everything that it includes and extends, in the order of the result.

    Raises `ConfigurationError`, with file and line, for a part that is missing, for tags that Jinja
    can't read, and for more than `MOST_PIECES`.
    """
    return _SourceReader(folders, environment).read(file, {})


@dataclass(frozen=True, slots=True)
class _SourceReader:
    """Reads one template. `depth` counts the files within each other, to find circles."""

    folders: Folders
    environment: Environment

    def read(self, file: Path, overrides: Blocks, depth: int = 0) -> list[SourcePiece]:
        """Read `file`, its blocks replaced by `overrides` of the templates that extend it."""
        split = _split_source(file, self.environment)
        pieces = _within_limits(self._with_parts(split, depth), file)
        for piece in pieces:
            if extends := _EXTENDS.fullmatch(piece.text):
                return self._read_parent(pieces, piece, extends["path"], overrides, depth)
        return _fill_blocks(pieces, overrides)

    def _read_parent(
        self,
        child: list[SourcePiece],
        extends: SourcePiece,
        name: str,
        overrides: Blocks,
        depth: int,
    ) -> list[SourcePiece]:
        """Read the template that `child` extends; the blocks of `child` are filled into it."""
        own = {
            block: _with_super(overrides.get(block), body) for block, body in _find_blocks(child)
        }
        parent = self.folders.get(name, extends.location)
        _check_no_circle(extends, depth)
        # What the child sets comes first: the parent's text behind it may use it. `own` wins over
        # `overrides`, for `_with_super` has put these into it.
        return _settings(child) + self.read(parent, {**overrides, **own}, depth + 1)

    def _with_parts(self, pieces: Iterable[SourcePiece], depth: int) -> Iterator[SourcePiece]:
        """Put shared parts where they are asked for.

        The MJML compiler could read them too. But its `mj-include` (mrml 0.2.4) forgets how wide
        the column is, and puts several texts into one table cell.
        """
        for piece in pieces:
            if piece.kind is PieceKind.TEXT:
                yield from self._with_mjml_parts(piece, depth)
            elif found := _INCLUDE.fullmatch(piece.text):
                yield from self._read_part(found["path"], piece, depth)
            else:
                yield piece

    def _with_mjml_parts(self, piece: SourcePiece, depth: int) -> Iterator[SourcePiece]:
        start = 0
        for found in _MJ_INCLUDE.finditer(piece.text):
            tag = piece.slice(found.start(), found.end())
            attributes = _PATH_ONLY.fullmatch(found[1])
            # Such as `type="css"`: what it asks for is not done here, so must not be passed over.
            if attributes is None:
                raise ConfigurationError(
                    f"{tag.location}: {found[0]} can't be followed.",
                    hint='Write it as <mj-include path="parts/top.mjml.j2" />.',
                )
            yield piece.slice(start, found.start())
            yield from self._read_part(attributes["path"], tag, depth)
            start = found.end()
        yield piece.slice(start, len(piece.text))

    def _read_part(self, name: str, tag: SourcePiece, depth: int) -> Iterator[SourcePiece]:
        file = self.folders.get(name, tag.location)
        _check_no_circle(tag, depth)
        return self._with_parts(_split_source(file, self.environment), depth + 1)


def _check_no_circle(tag: SourcePiece, depth: int) -> None:
    # By depth, not by names: a part that includes itself under a condition would never end either,
    # since conditions are not looked at here.
    if depth >= DEEPEST_INCLUDE:
        raise ConfigurationError(
            f"{tag.location}: shared parts go {DEEPEST_INCLUDE} files deep.",
            hint="Two files probably include each other.",
        )


_KIND_BY_END = {
    "variable_end": PieceKind.VALUE,
    "raw_end": PieceKind.VALUE,
    "block_end": PieceKind.BLOCK,
}
"""What a tag is, by the lexer's token that ends it. Comments are not kept."""


def _split_source(file: Path, environment: Environment) -> Iterator[SourcePiece]:
    """Split a file into text and tags. The lexer gives a tag in several tokens."""
    tag, end, first_line = "", "", 1
    try:
        # The lexer and not the parser, since the tags go back into the compiled HTML as they were
        # written.
        for line, part, text in environment.lexer.tokeniter(read_template(file), str(file)):
            if end:
                tag += text
            elif part == "data":
                yield SourcePiece(PieceKind.TEXT, text, file, line)
            else:
                # such as `block_begin`
                tag, end, first_line = text, part.replace("_begin", "_end"), line
            if part == end:
                if kind := _KIND_BY_END.get(end):
                    yield SourcePiece(kind, tag, file, first_line)
                end = ""
    except TemplateSyntaxError as error:
        raise syntax_error(file, error) from error


def syntax_error(file: Path, error: TemplateSyntaxError) -> ConfigurationError:
    """Say what Jinja can't read, with file and line."""
    if isinstance(error, TooComplex):
        return ConfigurationError(
            f"{file}, line {error.lineno}: {error.message}.", hint="Make it simpler."
        )
    return ConfigurationError(
        f"{file}, line {error.lineno}: {error.message}",
        hint="Each {% if %} or {% for %} needs its {% endif %} or {% endfor %}, each {{ its }}.",
    )


def _settings(pieces: Iterable[SourcePiece]) -> list[SourcePiece]:
    """Keep what a template that extends another sets or imports outside its blocks.

    Jinja drops all else there.
    """
    depth = 0
    kept: list[SourcePiece] = []
    for piece in pieces:
        depth += _block_depth_change(piece)
        # Inside of a block it belongs to that block, and comes with it.
        if depth == 0 and _SETTING.match(piece.text):
            kept.append(piece)
    return kept


def _find_blocks(pieces: Sequence[SourcePiece]) -> Iterator[tuple[str, list[SourcePiece]]]:
    """Find every block with its body, inner blocks too."""
    open_blocks: list[tuple[str, int]] = []
    for index, piece in enumerate(pieces):
        if name := _block_name(piece):
            open_blocks.append((name, index + 1))
        # A stray end is left to Jinja, which names it with its line.
        elif _is_end_of_block(piece) and open_blocks:
            name, start = open_blocks.pop()
            yield name, list(pieces[start:index])


def _fill_blocks(pieces: Sequence[SourcePiece], overrides: Blocks) -> list[SourcePiece]:
    """Replace each block by its override, else by its own body; leave out the tags themselves."""
    done: list[SourcePiece] = []
    index = 0
    while index < len(pieces):
        if name := _block_name(pieces[index]):
            end = _end_of_block(pieces, index)
            body = _with_super(overrides.get(name), pieces[index + 1 : end])
            # without its own name: a block that contains itself would never end
            others = {other: filling for other, filling in overrides.items() if other != name}
            done += _fill_blocks(body, others)
            index = end
        else:
            done.append(pieces[index])
        index += 1
    return _within_limits(done, pieces[0].file) if pieces else []


def _end_of_block(pieces: Sequence[SourcePiece], start: int) -> int:
    depth = 0
    for index in range(start, len(pieces)):
        depth += _block_depth_change(pieces[index])
        if depth == 0:
            return index
    raise ConfigurationError(
        f"{pieces[start].location}: this block is never closed.", hint="Write {% endblock %}."
    )


def _with_super(
    override: Sequence[SourcePiece] | None, parent: Sequence[SourcePiece]
) -> list[SourcePiece]:
    """Put the parent's block where the child writes `{{ super() }}`; all of it without override."""
    if override is None:
        return [*parent]
    # piece by piece, for `_within_limits` to stop it early
    done = chain.from_iterable(
        parent if _SUPER.fullmatch(piece.text) else [piece] for piece in override
    )
    return _within_limits(done, override[0].file) if override else []


def _within_limits(pieces: Iterable[SourcePiece], file: Path) -> list[SourcePiece]:
    """Collect pieces; raises `ConfigurationError` for too many.

    Twenty parts that each include the next one twice would be a million, so this stops while they
    are read.
    """
    kept: list[SourcePiece] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece.text)
        if size > LARGEST_PART or len(kept) > MOST_PIECES:
            raise ConfigurationError(
                f"The template {file} has, with its shared parts, more than {MOST_PIECES:,} tags "
                f"and texts, or {LARGEST_PART:,} characters.",
                hint="Look for parts that are included many times.",
            )
    return kept


def _block_name(piece: SourcePiece) -> str:
    """Return the name in `{% block name %}`, empty for any other piece."""
    found = _BLOCK.match(piece.text) if piece.kind is PieceKind.BLOCK else None
    return found["name"] if found else ""


def _is_end_of_block(piece: SourcePiece) -> bool:
    return piece.kind is PieceKind.BLOCK and _ENDBLOCK.match(piece.text) is not None


def _block_depth_change(piece: SourcePiece) -> int:
    return bool(_block_name(piece)) - _is_end_of_block(piece)
