"""Which files a webinar's templates are made of, and whether one of them has changed.

Reads no template: `mailer` compiles them, and is loaded only when a message is due.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from onboarding import samples
from onboarding.config import Config
from onboarding.config.companies import NamedBrandSettings

Stamp = tuple[tuple[Path, int], ...]
"""Files with the times of their last change: a template that was changed is compiled again."""


def template_folders(config: Config, templates: Path | None) -> tuple[Path, ...]:
    """Find the folders: the webinar's own (`templates`), its brand's, and the shipped one.

    The plain brand's is the folder `templates` of config.toml's.
    """
    # The first folder that has a file wins, so a webinar may replace one file and keep the others.
    folders = (templates, _find_brand_folder(config))
    return (*filter(None, folders), samples.find_templates())


def _find_brand_folder(config: Config) -> Path | None:
    # A named brand does not fall back to config.toml's folder: that may hold another client's
    # letters.
    if isinstance(config.brand, NamedBrandSettings):
        return config.brand.templates
    beside = config.folder / "templates"
    return beside if beside.is_dir() else None


def stamp_templates(config: Config, folders: Sequence[Path]) -> Stamp:
    """List all files of the folders, and the logo, with the times of their last change."""
    # An empty name would mean the current folder, with everything in it.
    logo = [Path(config.brand.logo)] if config.brand.logo else []
    paths = [*folders, *logo]
    # All files count, since one template may include another.
    found = chain.from_iterable(path.rglob("*") if path.is_dir() else [path] for path in paths)
    files = sorted(file for file in found if file.is_file())
    # In nanoseconds: a file that is saved twice within a second has changed twice.
    return tuple((file, file.stat().st_mtime_ns) for file in files)
