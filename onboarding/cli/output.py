"""What leaves for standard output and standard error: every line passes here, so none does anything to a terminal.

Light, because `--help` imports it. Tables and progress are `terminal`'s.
"""

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import typer

from onboarding.model.foreign_text import clean, visible


def lines(text: str) -> str:
    """Make a text harmless to a terminal, line by line: its own line ends stay."""
    return "\n".join(map(visible, text.split("\n")))


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text."""
    typer.echo(lines(text), err=err, nl=nl)


def echo_json(value: Any) -> None:
    """Print a value for programs: JSON whose texts, once read, do nothing to a terminal either."""
    typer.echo(json.dumps(_harmless(value), ensure_ascii=False, indent=2))


def last_words(error: BaseException) -> str:
    """Say where an error that is nobody's came up: its kind and our lines, never its text, which may hold a secret."""
    package = Path(__file__).parent.parent
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(package)
    ]
    places = [f"{Path(frame.filename).relative_to(package)}:{frame.lineno}" for frame in frames[-4:]]
    return (
        f"onboarding: an error in this program itself, {type(error).__name__} at {' > '.join(places) or 'its start'}."
    )


class LibraryLog(logging.Handler):
    """What a library logs as a warning or an error: one clean line, without its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        echo(f"{record.name}: {clean(record.getMessage())}", err=True)


def _harmless(value: Any) -> Any:
    match value:
        case str():
            return visible(value)
        case dict():
            return {key: _harmless(one) for key, one in value.items()}
        case list() | tuple():
            return [_harmless(one) for one in value]
    return value
