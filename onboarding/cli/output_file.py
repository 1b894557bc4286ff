"""Writes a file that a person named on the command line, and says why if that can't be done.

For `--output`, `--page` and their like; the bytes are made elsewhere.
"""

from pathlib import Path

from onboarding.errors import ConfigurationError
from onboarding.files.write import write_file


def write_output_file(file: Path, content: bytes, hint: str = "Choose another file.") -> None:
    """Write a file of a person's choice. Raises ConfigurationError if it can't be written."""
    try:
        write_file(file, content)
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}.", hint=hint) from None
