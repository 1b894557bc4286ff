"""`init`: a folder to start from. It copies the samples, and overwrites nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from onboarding import samples
from onboarding.cli.streams import echo
from onboarding.errors import ConfigurationError
from onboarding.model.people import join_names

SHOWN_KEPT = 3
"""Files that were there before, by name."""

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
    echo(_describe_written(folder, written, kept))
    echo("To rehearse on this machine: `onboarding simulator` in that folder.")
    echo("For a real webinar: fill in config.toml, then `onboarding check`.")


def _describe_written(folder: Path, written: Sequence[Path], kept: Sequence[Path]) -> str:
    """Say in one line what is new, and which of the files were there before."""
    where = "this folder" if folder == Path() else folder
    templates = sum(path.parent != folder for path in written)
    others = [path.name for path in written if path.parent == folder]
    new = [*others, f"{templates} files in templates/"] if templates else others
    sentences = [f"In {where}: wrote {', '.join(new) or 'nothing'}."]
    if kept:
        names = join_names([str(path.relative_to(folder)) for path in kept], SHOWN_KEPT)
        sentences.append(f"Kept what was there: {names}.")
    return " ".join(sentences)


def write_samples(folder: Path, roster: Path) -> tuple[list[Path], list[Path]]:
    """Copy the samples into a folder, `roster` as invitees.csv.

    Returns what was written and what was kept. Raises OSError if the folder can't be written.
    """
    sources = {"config.toml": samples.find_config(), "invitees.csv": roster}
    shipped = samples.find_templates()
    # Sorted, so that the message doesn't depend on the file system's order.
    for source in sorted(shipped.rglob("*")):
        if source.is_file():
            sources[f"templates/{source.relative_to(shipped)}"] = source
    written, kept = [], []
    for name, source in sources.items():
        path = folder / name
        # Never overwritten, and there is no option for it: a
        # config.toml or template may be months of work.
        if path.exists():
            kept.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        # Bytes, not `shutil.copy`: that would also copy the mode, and
        # installed files may be read-only.
        path.write_bytes(source.read_bytes())
        written.append(path)
    return written, kept
