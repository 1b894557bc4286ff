"""Writes a file that a person named on the command line, and says why if that can't be done.

For `--output`, `--page` and their like; the bytes are made elsewhere.
"""

from collections.abc import Iterable
from pathlib import Path

from onboarding.config import Config
from onboarding.errors import ConfigurationError
from onboarding.files.write import write_file
from onboarding.pipeline.own_files import is_own_file
from onboarding.pipeline.target import Target

ROSTER_ENDINGS = frozenset({".csv", ".xlsx", ""})
"""The last parts of a roster's name; without one it is CSV."""

FORMAT_ENDINGS = frozenset({".csv", ".xlsx", ".xls", ".ods", ".json", ".html", ".htm", ".pdf"})
"""Endings by which programs choose how to read a file: a false one makes it look damaged."""


def check_output_file(file: Path, config: Config, targets: Iterable[Target]) -> None:
    """Refuse a name that is no file's, or the name of a file that the program reads.

    Call it before any server is asked. Raises ConfigurationError.
    """
    # Elsewhere `-` is a standard stream. Here it would become a file of that name.
    if str(file) == "-":
        raise ConfigurationError(
            "- stands for no file here, so nothing was written.", hint="Name a file."
        )
    # A roster or a template that was overwritten is gone: it is often a person's only one.
    if is_own_file(file, config, targets):
        raise ConfigurationError(
            f"{file} is a file that this program reads: it would be destroyed.",
            hint="Choose another file.",
        )


def check_roster_ending(file: Path) -> None:
    """Refuse a roster's name with an ending that is not written: the ending says what is written.

    Raises ConfigurationError.
    """
    if file.suffix.lower() not in ROSTER_ENDINGS:
        raise ConfigurationError(
            f"{file} ends in {file.suffix}, and a roster is written as .csv or .xlsx only.",
            hint="Choose a name that ends in .csv or .xlsx, or has no ending (CSV).",
        )


def check_ending(file: Path, *endings: str) -> None:
    """Refuse a name with the ending of a format that is not the one being written.

    `endings` are those of the format that was asked for. Any other ending is the user's business:
    no program takes it for a format. Raises ConfigurationError.
    """
    if file.suffix.lower() in FORMAT_ENDINGS.difference(endings):
        raise ConfigurationError(
            f"{file} ends in {file.suffix}, but what is written is {endings[0]}.",
            hint=f"Choose a name that ends in {endings[0]}, or ask for another format.",
        )


def write_output_file(file: Path, content: bytes, hint: str = "Choose another file.") -> None:
    """Write a file of a person's choice. Raises ConfigurationError if it can't be written."""
    try:
        write_file(file, content)
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}.", hint=hint) from None
