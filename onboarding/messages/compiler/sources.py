"""Template files: where they are, and one file with its shared parts as a flat run of pieces.

Knows Jinja's tags from text (by Jinja's own lexer), puts `mj-include`, `include` and `extends` in
place, and remembers for each piece where it was written, so that later errors name file and line.
Compiles nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import Folders, read_template
from onboarding.messages.sandbox.environment import TooComplex
from onboarding.messages.sandbox.limits import LARGEST_PART


class PieceKind(Enum):
    """What a piece is to Jinja. Comments are dropped on reading."""

    TEXT = auto()
    VALUE = auto()  # {{ ... }}, and a whole {% raw %} with its content
    BLOCK = auto()  # {% ... %}


@dataclass(frozen=True, slots=True)
class SourcePiece:
    """A stretch of template source, and where it was written (line counted from 1)."""

    what: PieceKind
    text: str
    file: Path
    line: int

    @property
    def place(self) -> str:
        """Where to look, for a message."""
        return f"{self.file}, line {self.line}"


_ADDRESS = re.compile(r"""https?://[^\s"'<>{}]+""", re.IGNORECASE)
_JOIN_LINK = re.compile(
    r"(?:/join/(?=[\w-]{12})|\.ringcentral\.\w+/(?:join|j|register)[/?]|[?&](?:jlt|tk|pwd)=).{6}",
    re.IGNORECASE,
)
"""How RingCentral's join links look (`docs/ringcentral.md`, "Invitees"); an expression inside one is not pasted."""


def find_pasted_links(folders: Folders) -> Iterator[str]:
    """Say, without the link, where somebody's join link was pasted into a template: everybody would get it."""
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


def pieces_of(file: Path, folders: Folders, environment: Environment) -> list[SourcePiece]:
    """Read a template with everything that it includes and inherits, as one flat run of pieces."""
    return _resolve_extends(file, {}, folders, environment)


def _resolve_extends(
    file: Path,
    blocks: Mapping[str, list[SourcePiece]],
    folders: Folders,
    environment: Environment,
    depth: int = 0,
) -> list[SourcePiece]:
    """Read `file` with its blocks filled by those of the templates that extend it, and go up to its own parent."""
    pieces = _within_limits(
        _read_include(_split_source(file, environment), folders, environment, depth), file
    )
    parent = next(
        ((_EXTENDS.fullmatch(one.text), one) for one in pieces if _EXTENDS.fullmatch(one.text)),
        None,
    )
    if parent is None or parent[0] is None:
        return _fill_blocks(pieces, blocks)
    own = {name: _with_super(blocks.get(name), body) for name, body in _find_blocks(pieces)}
    above = folders.get(parent[0]["path"], parent[1].place)
    _stop_circles(parent[1], depth)
    return _settings(pieces) + _resolve_extends(
        above, {**blocks, **own}, folders, environment, depth + 1
    )


def _settings(pieces: Iterable[SourcePiece]) -> list[SourcePiece]:
    """Keep what a template that extends another sets or imports outside its blocks; Jinja drops all else there."""
    depth, kept = 0, []
    for piece in pieces:
        depth += bool(_opens(piece)) - _closes(piece)
        if depth == 0 and _SETTING.match(piece.text):
            kept.append(piece)
    return kept


def _split_source(file: Path, environment: Environment) -> Iterator[SourcePiece]:
    """Tell Jinja's tags from the text around them."""
    tag, ends, started = "", "", 1
    try:
        for line, kind, value in environment.lexer.tokeniter(read_template(file), str(file)):
            if not ends and kind == "data":
                yield SourcePiece(PieceKind.TEXT, value, file, line)
            elif not ends:
                tag, ends, started = value, kind.replace("_begin", "_end"), line
            else:
                tag += value
            if kind == ends:
                if ends != "comment_end":
                    yield SourcePiece(
                        PieceKind.BLOCK if ends == "block_end" else PieceKind.VALUE,
                        tag,
                        file,
                        started,
                    )
                ends = ""
    except TemplateSyntaxError as problem:
        raise syntax_error(file, problem) from problem


def syntax_error(file: Path, problem: TemplateSyntaxError) -> ConfigurationError:
    """Say what Jinja can't read, with file and line."""
    if isinstance(problem, TooComplex):
        return ConfigurationError(
            f"{file}, line {problem.lineno}: {problem.message}.", hint="Make it simpler."
        )
    return ConfigurationError(
        f"{file}, line {problem.lineno}: {problem.message}",
        hint="Each {% if %} or {% for %} needs its {% endif %} or {% endfor %}, each {{ its }}.",
    )


def _read_include(
    pieces: Iterable[SourcePiece], folders: Folders, environment: Environment, depth: int
) -> Iterator[SourcePiece]:
    """Put shared parts where they are asked for.

    Done here and not by the MJML compiler, whose own `mj-include` (mrml 0.2.4) forgets how wide the
    surroundings are and puts several texts into one table cell.
    """
    for piece in pieces:
        if piece.what is PieceKind.TEXT:
            yield from _read_mj_include(piece, folders, environment, depth)
        elif found := _INCLUDE.fullmatch(piece.text):
            yield from _part(
                folders.get(found["path"], piece.place), piece, folders, environment, depth
            )
        else:
            yield piece


def _read_mj_include(
    piece: SourcePiece, folders: Folders, environment: Environment, depth: int
) -> Iterator[SourcePiece]:
    done = 0
    for found in _MJ_INCLUDE.finditer(piece.text):
        here = _cut_blocks(piece, found.start(), found.end())
        path = _PATH_ONLY.fullmatch(found[1])
        if path is None:
            raise ConfigurationError(
                f"{here.place}: {found[0]} can't be followed.",
                hint='Write it as <mj-include path="parts/top.mjml.j2" />.',
            )
        yield _cut_blocks(piece, done, found.start())
        yield from _part(folders.get(path["path"], here.place), here, folders, environment, depth)
        done = found.end()
    yield _cut_blocks(piece, done, len(piece.text))


def _cut_blocks(piece: SourcePiece, start: int, end: int) -> SourcePiece:
    return SourcePiece(
        piece.what, piece.text[start:end], piece.file, piece.line + piece.text.count("\n", 0, start)
    )


def _part(
    file: Path, asked: SourcePiece, folders: Folders, environment: Environment, depth: int
) -> Iterator[SourcePiece]:
    _stop_circles(asked, depth)
    return _read_include(_split_source(file, environment), folders, environment, depth + 1)


def _stop_circles(asked: SourcePiece, depth: int) -> None:
    if depth >= DEEPEST_INCLUDE:
        raise ConfigurationError(
            f"{asked.place}: shared parts go {DEEPEST_INCLUDE} files deep.",
            hint="Two files probably include each other.",
        )


def _find_blocks(pieces: Sequence[SourcePiece]) -> Iterator[tuple[str, list[SourcePiece]]]:
    """Find every block with its body, inner blocks too."""
    open_blocks: list[tuple[str, int]] = []
    for at, piece in enumerate(pieces):
        if found := _opens(piece):
            open_blocks.append((found, at + 1))
        elif _closes(piece) and open_blocks:
            name, start = open_blocks.pop()
            yield name, list(pieces[start:at])


def _fill_blocks(
    pieces: Sequence[SourcePiece], blocks: Mapping[str, list[SourcePiece]]
) -> list[SourcePiece]:
    """Replace each block by its filling, or by its own body where nobody fills it; the tags themselves go."""
    done: list[SourcePiece] = []
    at = 0
    while at < len(pieces):
        if name := _opens(pieces[at]):
            end = _end_of_block(pieces, at)
            body = list(pieces[at + 1 : end])
            others = {
                other: filling for other, filling in blocks.items() if other != name
            }  # none is within itself
            done += _fill_blocks(_with_super(blocks.get(name), body), others)
            at = end
        else:
            done.append(pieces[at])
        at += 1
    return _within_limits(done, pieces[0].file) if pieces else []


def _end_of_block(pieces: Sequence[SourcePiece], start: int) -> int:
    depth = 0
    for at in range(start, len(pieces)):
        depth += bool(_opens(pieces[at])) - _closes(pieces[at])
        if depth == 0:
            return at
    raise ConfigurationError(
        f"{pieces[start].place}: this block is never closed.", hint="Write {% endblock %}."
    )


def _with_super(
    filling: Sequence[SourcePiece] | None, above: Sequence[SourcePiece]
) -> list[SourcePiece]:
    """Put what the parent says where the child writes `{{ super() }}`; all of it where no child fills the block."""
    if filling is None:
        return [*above]
    done = (
        each for piece in filling for each in (above if _SUPER.fullmatch(piece.text) else [piece])
    )
    return _within_limits(done, filling[0].file) if filling else []


def _within_limits(pieces: Iterable[SourcePiece], file: Path) -> list[SourcePiece]:
    """Collect pieces. Raises `ConfigurationError` before parts that include others twice grow beyond all bounds."""
    kept: list[SourcePiece] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece.text)
        if size > LARGEST_PART or len(kept) > MOST_PIECES:
            raise ConfigurationError(
                f"The template {file} has, with its shared parts, more than {MOST_PIECES:,} tags and texts, or "
                f"{LARGEST_PART:,} characters.",
                hint="Look for parts that are included many times.",
            )
    return kept


def _opens(piece: SourcePiece) -> str:
    found = _BLOCK.match(piece.text) if piece.what is PieceKind.BLOCK else None
    return found["name"] if found else ""


def _closes(piece: SourcePiece) -> bool:
    return piece.what is PieceKind.BLOCK and _ENDBLOCK.match(piece.text) is not None
