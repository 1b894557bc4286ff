"""Template files: where they are, and one file with its shared parts as a flat run of pieces.

Knows Jinja's tags from text (by Jinja's own lexer), puts `mj-include`, `include` and `extends` in place, and remembers
for each piece where it was written, so that later errors name file and line. Compiles nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

from onboarding.errors import ConfigurationError
from onboarding.input_files import read_text


class What(Enum):
    """What a piece is to Jinja. Comments are dropped on reading."""

    TEXT = auto()
    VALUE = auto()  # {{ ... }}, and a whole {% raw %} with its content
    BLOCK = auto()  # {% ... %}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of template source, and where it was written (line counted from 1)."""

    what: What
    text: str
    file: Path
    line: int

    @property
    def place(self) -> str:
        """Where to look, for a message."""
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True, slots=True)
class Folders:
    """The template folders, the most special first: a file in an earlier one stands for its namesake in a later one."""

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "Folders":
        """Take the folders; raises `ConfigurationError` where one is missing."""
        for path in paths:
            if not path.is_dir():
                raise ConfigurationError(
                    f"There is no template folder {path}.", hint="`onboarding init` writes one with our templates."
                )
        return cls(tuple(paths))

    def find(self, name: str) -> Path | None:
        """Find a file by its name relative to a template folder; a name that leads out of the folders finds none."""
        if ".." in Path(name).parts or Path(name).is_absolute():
            return None
        return next((path / name for path in self.paths if (path / name).exists()), None)

    def files(self) -> Iterator[Path]:
        """Name every template and shared part that is in force, in order of their names."""
        names = {str(file.relative_to(folder)) for folder in self.paths for file in folder.rglob("*.j2")}
        yield from (file for name in sorted(names) if (file := self.find(name)))

    def get(self, name: str, asked: Piece) -> Path:
        """Find a shared part that `asked` names, or raise."""
        if found := self.find(name):
            return found
        raise ConfigurationError(
            f"{asked.place}: there is no file {name!r} in {', '.join(map(str, self.paths))}.",
            hint="Shared parts are named by their path from the template folder, like parts/top.mjml.j2.",
        )


def read(file: Path) -> str:
    """Read a template; raises `ConfigurationError` where it isn't text in UTF-8."""
    try:
        return read_text(file)
    except OSError as error:
        raise ConfigurationError(
            f"The template {file} can't be read: {error.strerror}.", hint="It has to be a text file that you may read."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"The template {file} can't be read: {error}", hint="Save it as UTF-8.") from error


_JOIN_LINK = re.compile(
    r"""https?://[^\s"'<>{}]*(?:/join/(?=[\w-]{12})|\.ringcentral\.\w+/(?:join|j|register)[/?]|[?&](?:jlt|tk|pwd)=)[^\s"'<>{}]{6,}""",
    re.IGNORECASE,
)
"""How RingCentral's join links look (`docs/ringcentral.md`, "Invitees"); an expression inside one is not pasted."""


def pasted_links(folders: Folders) -> Iterator[str]:
    """Say, without the link, where somebody's join link was pasted into a template: everybody would get it."""
    for file in folders.files():
        for number, line in enumerate(read(file).splitlines(), 1):
            if _JOIN_LINK.search(line):
                yield f"{file}, line {number}: a join link was pasted into the template."


DEEPEST = 20
"""Shared parts within shared parts: deeper than this, two files surely include each other."""

_MJ_INCLUDE = re.compile(r"<mj-include\b([^>]*?)/?>(?:\s*</mj-include>)?")
_PATH_ONLY = re.compile(r"""\s*path=(["'])(?P<path>[^"']+)\1\s*""")
_INCLUDE = re.compile(r"""\{%[-+]?\s*include\s+(["'])(?P<path>[^"']+)\1\s*[-+]?%\}\s*""")
_EXTENDS = re.compile(r"""\{%[-+]?\s*extends\s+(["'])(?P<path>[^"']+)\1\s*[-+]?%\}\s*""")
_BLOCK = re.compile(r"\{%[-+]?\s*block\s+(?P<name>\w+)")
_ENDBLOCK = re.compile(r"\{%[-+]?\s*endblock\b")
_SETTING = re.compile(r"\{%[-+]?\s*(set\s[^%]*=|import\s|from\s)")
_SUPER = re.compile(r"\{\{[-+]?\s*super\(\)\s*[-+]?\}\}\s*")


def pieces_of(file: Path, folders: Folders, environment: Environment) -> list[Piece]:
    """Read a template with everything that it includes and inherits, as one flat run of pieces."""
    return _inherited(file, {}, folders, environment)


def _inherited(
    file: Path, blocks: Mapping[str, list[Piece]], folders: Folders, environment: Environment, depth: int = 0
) -> list[Piece]:
    """Read `file` with its blocks filled by those of the templates that extend it, and go up to its own parent."""
    pieces = list(_included(_split(file, environment), folders, environment, depth))
    parent = next(((_EXTENDS.fullmatch(one.text), one) for one in pieces if _EXTENDS.fullmatch(one.text)), None)
    if parent is None or parent[0] is None:
        return _filled(pieces, blocks)
    own = {name: _with_super(blocks[name], body) if name in blocks else body for name, body in _blocks(pieces)}
    above = folders.get(parent[0]["path"], parent[1])
    _stop_circles(parent[1], depth)
    return _settings(pieces) + _inherited(above, {**blocks, **own}, folders, environment, depth + 1)


def _settings(pieces: Iterable[Piece]) -> list[Piece]:
    """Keep what a template that extends another sets or imports outside its blocks; Jinja drops all else there."""
    depth, kept = 0, []
    for piece in pieces:
        depth += bool(_opens(piece)) - _closes(piece)
        if depth == 0 and _SETTING.match(piece.text):
            kept.append(piece)
    return kept


def _split(file: Path, environment: Environment) -> Iterator[Piece]:
    """Tell Jinja's tags from the text around them."""
    tag, ends, started = "", "", 1
    try:
        for line, kind, value in environment.lexer.tokeniter(read(file), str(file)):
            if not ends and kind == "data":
                yield Piece(What.TEXT, value, file, line)
            elif not ends:
                tag, ends, started = value, kind.replace("_begin", "_end"), line
            else:
                tag += value
            if kind == ends:
                if ends != "comment_end":
                    yield Piece(What.BLOCK if ends == "block_end" else What.VALUE, tag, file, started)
                ends = ""
    except TemplateSyntaxError as problem:
        raise syntax_error(file, problem) from problem


def syntax_error(file: Path, problem: TemplateSyntaxError) -> ConfigurationError:
    """Say what Jinja can't read, with file and line."""
    return ConfigurationError(
        f"{file}, line {problem.lineno}: {problem.message}",
        hint="Each {% if %} or {% for %} needs its {% endif %} or {% endfor %}, each {{ its }}.",
    )


def _included(pieces: Iterable[Piece], folders: Folders, environment: Environment, depth: int) -> Iterator[Piece]:
    """Put shared parts where they are asked for.

    Done here and not by the MJML compiler, whose own `mj-include` (mrml 0.2.4) forgets how wide the surroundings
    are and puts several texts into one table cell.
    """
    for piece in pieces:
        if piece.what is What.TEXT:
            yield from _mj_included(piece, folders, environment, depth)
        elif found := _INCLUDE.fullmatch(piece.text):
            yield from _part(folders.get(found["path"], piece), piece, folders, environment, depth)
        else:
            yield piece


def _mj_included(piece: Piece, folders: Folders, environment: Environment, depth: int) -> Iterator[Piece]:
    done = 0
    for found in _MJ_INCLUDE.finditer(piece.text):
        here = _cut(piece, found.start(), found.end())
        path = _PATH_ONLY.fullmatch(found[1])
        if path is None:
            raise ConfigurationError(
                f"{here.place}: {found[0]} can't be followed.",
                hint='Write it as <mj-include path="parts/top.mjml.j2" />.',
            )
        yield _cut(piece, done, found.start())
        yield from _part(folders.get(path["path"], here), here, folders, environment, depth)
        done = found.end()
    yield _cut(piece, done, len(piece.text))


def _cut(piece: Piece, start: int, end: int) -> Piece:
    return Piece(piece.what, piece.text[start:end], piece.file, piece.line + piece.text.count("\n", 0, start))


def _part(file: Path, asked: Piece, folders: Folders, environment: Environment, depth: int) -> Iterator[Piece]:
    _stop_circles(asked, depth)
    return _included(_split(file, environment), folders, environment, depth + 1)


def _stop_circles(asked: Piece, depth: int) -> None:
    if depth >= DEEPEST:
        raise ConfigurationError(
            f"{asked.place}: shared parts go {DEEPEST} files deep.", hint="Two files probably include each other."
        )


def _blocks(pieces: Sequence[Piece]) -> Iterator[tuple[str, list[Piece]]]:
    """Find every block with its body, inner blocks too."""
    open_blocks: list[tuple[str, int]] = []
    for at, piece in enumerate(pieces):
        if found := _opens(piece):
            open_blocks.append((found, at + 1))
        elif _closes(piece) and open_blocks:
            name, start = open_blocks.pop()
            yield name, list(pieces[start:at])


def _filled(pieces: Sequence[Piece], blocks: Mapping[str, list[Piece]]) -> list[Piece]:
    """Replace each block by its filling, or by its own body where nobody fills it; the tags themselves go."""
    done: list[Piece] = []
    at = 0
    while at < len(pieces):
        if name := _opens(pieces[at]):
            end = _end_of_block(pieces, at)
            body = list(pieces[at + 1 : end])
            done += _filled(_with_super(blocks[name], body) if name in blocks else body, blocks)
            at = end
        else:
            done.append(pieces[at])
        at += 1
    return done


def _end_of_block(pieces: Sequence[Piece], start: int) -> int:
    depth = 0
    for at in range(start, len(pieces)):
        depth += bool(_opens(pieces[at])) - _closes(pieces[at])
        if depth == 0:
            return at
    raise ConfigurationError(f"{pieces[start].place}: this block is never closed.", hint="Write {% endblock %}.")


def _with_super(filling: Iterable[Piece], above: Sequence[Piece]) -> list[Piece]:
    """Put what the parent says where the child writes `{{ super() }}`."""
    done: list[Piece] = []
    for piece in filling:
        done += above if _SUPER.fullmatch(piece.text) else [piece]
    return done


def _opens(piece: Piece) -> str:
    found = _BLOCK.match(piece.text) if piece.what is What.BLOCK else None
    return found["name"] if found else ""


def _closes(piece: Piece) -> bool:
    return piece.what is What.BLOCK and _ENDBLOCK.match(piece.text) is not None
