"""`init`: a folder to start from. Writes samples, overwrites nothing."""

from pathlib import Path
from typing import Annotated

import typer

from onboarding import samples
from onboarding.cli.output import echo
from onboarding.errors import ConfigurationError

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make ready; made where it is missing.")]


def init(folder: Folder = Path()) -> None:
    """Write a commented config.toml, the templates and a sample roster into a folder; overwrites nothing."""
    try:
        written, kept = write_samples(folder, samples.invitees())
    except OSError as error:
        raise ConfigurationError(
            f"{folder} can't be written: {error.strerror}", hint="Name a folder that you may write to."
        ) from None
    for path in written:
        echo(f"wrote {path}")
    for path in kept:
        echo(f"kept  {path} (it was there already)")
    echo("\nNext: fill in config.toml, then `onboarding check`. To rehearse at once: `onboarding simulator`.")


def write_samples(folder: Path, roster: Path) -> tuple[list[Path], list[Path]]:
    """Copy the samples into a folder, `roster` as invitees.csv; returns what was written and what was there already."""
    sources = {"config.toml": samples.config(), "invitees.csv": roster}
    shipped = samples.templates()
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
