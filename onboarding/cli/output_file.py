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


def write_output_file(file: Path, content: bytes, hint: str = "Choose another file.") -> None:
    """Write a file of a person's choice. Raises ConfigurationError if it can't be written."""
    try:
        write_file(file, content)
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}.", hint=hint) from None
