"""The one way to standard output and standard error: no text from here can control a terminal.

It knows no table, no progress (`terminal`) and no JSON shape (`output`). It imports nothing slow,
since `--help`, `--version` and `init` wait for it.
"""

import json
import logging
from typing import Any

import typer

from onboarding.model.foreign_text import clean, visible


def escape_lines(text: str) -> str:
    """Make a text harmless to a terminal, line by line. Its line ends stay."""
    return "\n".join(map(visible, text.split("\n")))


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text."""
    typer.echo(escape_lines(text), err=err, nl=nl)


def echo_json(value: Any) -> None:
    """Print a value as JSON."""
    # Not by way of `echo`, which would go over all of it once more: its values are escaped already.
    typer.echo(format_json(value), nl=False)


def format_json(value: Any) -> str:
    """Write a value as JSON. Its texts are harmless to a terminal, also when they are decoded."""
    # Not ASCII only: names stay readable, and what could harm a terminal has been taken out.
    return json.dumps(_escape_values(value), ensure_ascii=False, indent=2) + "\n"


class LibraryLog(logging.Handler):
    """Prints what a library logs as a warning or an error: one clean line, no traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        # The message without `exc_info`: a library's traceback shows
        # values, and so tokens and addresses.
        echo(f"{record.name}: {clean(record.getMessage())}", err=True)


def _escape_values(value: Any) -> Any:
    match value:
        case str():
            # A line end is written as \n, so it can't begin a line of its own.
            return escape_lines(value)
        case dict():
            return {key: _escape_values(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_escape_values(inner) for inner in value]
    return value
