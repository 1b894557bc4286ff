"""`init`: a folder to start from. It copies the samples, and overwrites nothing."""

from pathlib import Path
from typing import Annotated

import typer

from onboarding import samples
from onboarding.cli.console import echo
from onboarding.errors import ConfigurationError

NewFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder; it is created if it does not exist.")
]


def init_command(folder: NewFolder = Path()) -> None:
    """Write a sample config.toml, templates and roster; overwrites nothing."""
    try:
        written, kept = write_samples(folder, samples.find_invitees())
    except OSError as error:
        raise ConfigurationError(
            f"{folder} can't be written: {error.strerror}.",
            hint="Choose a folder that you may write to.",
        ) from None
    for path in written:
        echo(f"wrote {path}")
    for path in kept:
        echo(f"kept  {path} (it was there already)")
    echo(
        "\nNext: fill in config.toml, then run `onboarding check`. "
        "To rehearse first: `onboarding simulator`."
    )


def write_samples(folder: Path, roster: Path) -> tuple[list[Path], list[Path]]:
    """Copy the samples into a folder, `roster` as invitees.csv.

    Returns what was written and what was kept. Raises OSError if the folder can't be written.
    """
    sources = {"config.toml": samples.find_config(), "invitees.csv": roster}
    shipped = samples.find_templates()
    for source in sorted(shipped.rglob("*")):
        if source.is_file():
            sources[f"templates/{source.relative_to(shipped)}"] = source
    written, kept = [], []
    for name, source in sources.items():
        path = folder / name
        if path.exists():
            kept.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
        written.append(path)
    return written, kept
