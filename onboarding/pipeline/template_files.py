"""Which files a webinar's templates are made of, and whether one of them has changed.

Reads no template: `mailer` compiles them, and is loaded only when a message is due.
"""

from collections.abc import Sequence
from pathlib import Path

from onboarding import samples
from onboarding.config import Config
from onboarding.config.companies import NamedBrandSettings
from onboarding.files.stamps import Stamp, stamp_files


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
    # All files count, since one template may include another.
    return stamp_files(logo, folders)
