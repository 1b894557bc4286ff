"""Which templates a webinar's messages are made from; each set is compiled once in a process."""

from functools import lru_cache
from pathlib import Path

from onboarding import samples
from onboarding.config import Config
from onboarding.messages.composer import TemplateSet
from onboarding.messages.mime import FixedFields
from onboarding.messages.settings import BrandSettings
from onboarding.pipeline.target import Target

Stamp = tuple[tuple[Path, int], ...]
"""Files with the times of their last change: a template that was changed is compiled again."""


def load_templates(config: Config, target: Target) -> TemplateSet:
    """Compile a webinar's templates. Raises ConfigurationError naming file, line and what is wrong."""
    folders = template_folders(config.folder, target)
    # An empty name would mean the current folder, with everything in it.
    logo = [Path(config.brand.logo)] if config.brand.logo else []
    return _load_cached(folders, config.brand, config.smtp.fixed_fields, _stamp([*folders, *logo]))


def template_folders(folder: Path, target: Target) -> tuple[Path, ...]:
    """Where templates are looked for: the webinar's own folder, the one beside config.toml, then the shipped ones."""
    own = (target.templates,) if target.templates else ()
    beside = folder / "templates"
    return (*own, *((beside,) if beside.is_dir() else ()), samples.find_templates())


@lru_cache(maxsize=32)
def _load_cached(
    folders: tuple[Path, ...], brand: BrandSettings, fixed: FixedFields, _stamp: Stamp
) -> TemplateSet:
    return TemplateSet.load(folders, brand, fixed)


def _stamp(places: list[Path]) -> Stamp:
    files = [
        file
        for place in places
        for file in (place.rglob("*") if place.is_dir() else [place])
        if file.is_file()
    ]
    return tuple((file, file.stat().st_mtime_ns) for file in sorted(files))
