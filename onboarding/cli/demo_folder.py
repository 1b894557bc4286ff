"""The folder of a demo: as `init` makes it, with another roster."""

import tempfile
from pathlib import Path

from onboarding.cli.init import write_samples
from onboarding.errors import ConfigurationError

DEMO = "town-hall"
"""The webinar that the sample config.toml names."""


def make_demo_folder(folder: Path | None, roster: Path) -> Path:
    """Make the folder; without a name a new temporary one. Raises ConfigurationError if it can't.

    `roster` becomes its invitees.csv.
    """
    home = folder or Path(tempfile.mkdtemp(prefix="onboarding-demo-"))
    try:
        write_samples(home, roster)
    except OSError as error:
        raise ConfigurationError(
            f"{home} can't be written: {error.strerror}.",
            hint="Choose another folder, or leave --dir out.",
        ) from None
    return home
