"""Reads the documentation as tests need it: pages, headings, tables, code blocks."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*) ?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block: its language, the mark behind it, and the text."""

    language: str
    mark: str
    text: str


def read(page: str | Path) -> str:
    """The text of a page, named by its path from the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str, language: str = "", mark: str | None = None) -> list[Block]:
    """The code blocks of a page, or those with one language or mark."""
    found = [Block(*one.groups()) for one in _FENCE.finditer(text)]
    return [one for one in found if language in {"", one.language} and mark in {None, one.mark}]


def prose(text: str) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", text)


def sections(text: str, level: int) -> dict[str, str]:
    """The parts of a page: heading -> text up to the next heading of this level or above."""
    parts = re.split(rf"^(#{{1,{level}}}) (.+)$", prose(text), flags=re.MULTILINE)
    marks, names, bodies = parts[1::3], parts[2::3], parts[3::3]
    return {
        name: body
        for mark, name, body in zip(marks, names, bodies, strict=True)
        if len(mark) == level
    }


def tables(text: str) -> list[list[list[str]]]:
    """Every table: its rows, header first, as lists of cells."""
    found = re.findall(r"(?:^\|.*\|\n)+", text + "\n", re.MULTILINE)
    return [
        [_cells(line) for number, line in enumerate(one.splitlines()) if number != 1]
        for one in found
    ]


def table(text: str, *header: str) -> list[list[str]]:
    """The rows of the one table with a header that begins like this."""
    (rows,) = [rows for first, *rows in tables(text) if tuple(first[: len(header)]) == header]
    return rows


def words(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def word(cell: str) -> str:
    """The one thing that stands in backticks in a cell, empty where there is none."""
    found = words(cell)
    assert len(found) < 2, f"more than one thing in {cell!r}"
    return found[0] if found else ""


def anchors(text: str) -> set[str]:
    """The names by which links reach a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
