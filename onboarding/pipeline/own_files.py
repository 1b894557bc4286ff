"""Which files the program itself reads: a file that it writes must never be one of them.

Knows names only, and opens no file. `cli.output_file` refuses such a name.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from onboarding.config import Config
from onboarding.pipeline.status import ledger_file
from onboarding.pipeline.target import Target
from onboarding.pipeline.template_files import template_folders

TEMPLATE_SUFFIX = ".j2"
"""Of every template and shared part (`messages.compiler.folders`)."""

SQLITE_ENDINGS = ("-wal", "-shm", "-journal")
"""Of files beside a database, by SQLite's documentation of temporary files."""


def is_own_file(file: Path, config: Config, targets: Iterable[Target]) -> bool:
    """Tell whether the program reads this file, for these targets or for any webinar."""
    # Resolved, since a link or `./` may lead to the same file.
    real = file.resolve()
    if real in {path.resolve() for path in _list_files(config, targets)}:
        return True
    # By the suffix: a new template, too, is read by the next run. Other files may be kept there.
    folders = {folder.resolve() for folder in _list_template_folders(config)}
    return real.suffix == TEMPLATE_SUFFIX and any(map(real.is_relative_to, folders))


def _list_files(config: Config, targets: Iterable[Target]) -> Iterator[Path]:
    yield from _find_paths(config)
    # A roster of this call is not in config.toml.
    yield from (target.invitees for target in targets if isinstance(target.invitees, Path))
    if ledger := ledger_file(config):
        yield from (ledger.with_name(ledger.name + ending) for ending in ("", *SQLITE_ENDINGS))
    brands = (config.brand, *config.brands.values())
    # An address on the web is not a file, and as a name it can only be too much.
    yield from (Path(brand.logo) for brand in brands if brand.logo)
    yield from _list_attached(config)


def _find_paths(value: object) -> Iterator[Path]:
    """Find every path in a configuration, so that a new key needs no line here."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _find_paths(getattr(value, name))
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _find_paths(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _find_paths(part)


def _list_attached(config: Config) -> Iterator[Path]:
    """List the files that travel with messages, of all webinars.

    As they stand in config.toml: a fault in another webinar's schedule must not stop this one.
    """
    sections = (config.messages, *(webinar.messages for webinar in config.webinars.values()))
    for section in sections:
        for entry in section.values():
            names = entry.get("attach") if isinstance(entry, Mapping) else None
            listed = names if isinstance(names, list) else [names]
            yield from (config.folder / name for name in listed if isinstance(name, str))


def _list_template_folders(config: Config) -> Iterator[Path]:
    yield from template_folders(config, None)
    for webinar in config.webinars.values():
        yield from template_folders(config.of_company(webinar.company), webinar.templates)
