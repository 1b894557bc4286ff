"""The folders that a webinar's templates lie in: which file a name means, and that none of them leads elsewhere.

A template names its shared parts, and whoever writes one decides that name. So a name finds files
below the template folders only, and a link below them has to lead to one of them. Reads files;
knows nothing of what is in them.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from onboarding.errors import ConfigurationError
from onboarding.files.read import read_text
from onboarding.messages.request import UnrenderableValue
from onboarding.messages.sandbox.limits import LARGEST_VALUE, current


@dataclass(frozen=True, slots=True)
class Folders:
    """The template folders, the most special first: a file in an earlier one stands for its namesake in a later one."""

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "Folders":
        """Take the folders; raises `ConfigurationError` where one is missing."""
        for path in paths:
            if not path.is_dir():
                raise ConfigurationError(
                    f"There is no template folder {path}.",
                    hint="`onboarding init` writes one with our templates.",
                )
        return cls(tuple(paths))

    def find(self, name: str) -> Path | None:
        """Find a file by its name relative to a template folder; a name that leads out of the folders finds none.

        Raises `ConfigurationError` where the file is a link, or lies behind one, that leads out of
        them.
        """
        if ".." in Path(name).parts or Path(name).is_absolute():
            return None
        return next((file for path in self.paths if (file := self.file(path / name))), None)

    def get(self, name: str, place: str) -> Path:
        """Find a shared part that is asked for at a place (file and line), or raise `ConfigurationError`."""
        if found := self.find(name):
            return found
        raise ConfigurationError(
            f"{place}: there is no file {name!r} in {', '.join(map(str, self.paths))}.",
            hint="Shared parts are named by their path from the template folder, like parts/top.mjml.j2.",
        )

    def file(self, path: Path) -> Path | None:
        """Give a path back if something is there. Raises `ConfigurationError` where a link leads out of the folders."""
        try:
            if not path.exists():
                return None
        except (OSError, ValueError):  # a name that is too long, or that no file can have
            return None
        if not self._holds(path):
            raise self._stray(path)
        return path

    def files(self) -> Iterator[Path]:
        """Name every template and shared part that is in force, in order of their names."""
        names = {
            str(file.relative_to(folder)) for folder in self.paths for file in folder.rglob("*.j2")
        }
        yield from (file for name in sorted(names) if (file := self.find(name)))

    def strays(self) -> Iterator[ConfigurationError]:
        """Say which links below the folders lead out of them, whether a template names them or not."""
        for folder in self.paths:
            for place, folders, files in os.walk(folder):
                links = (
                    path
                    for name in sorted((*folders, *files))
                    if (path := Path(place, name)).is_symlink()
                )
                yield from (
                    self._stray(link) for link in links if link.exists() and not self._holds(link)
                )

    def _holds(self, path: Path) -> bool:
        """Tell whether a file lies below one of the folders, all links followed. A folder may itself be a link."""
        real = path.resolve()
        return any(real.is_relative_to(folder.resolve()) for folder in self.paths)

    def _stray(self, path: Path) -> ConfigurationError:
        return ConfigurationError(
            f"{path} is a link that leads out of the template folders, to {path.resolve()}.",
            hint="Copy the file there, or let the link lead to a file in one of this webinar's template folders.",
        )


def read_template(file: Path) -> str:
    """Read a template; raises `ConfigurationError` where it isn't text in UTF-8, or is too long for a template."""
    try:
        text = read_text(file)
    except OSError as error:
        raise ConfigurationError(
            f"The template {file} can't be read: {error.strerror}.",
            hint="It has to be a text file that you may read.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The template {file} can't be read: {error}", hint="Save it as UTF-8."
        ) from error
    if len(text) > LARGEST_VALUE:
        raise ConfigurationError(
            f"The template {file} has more than {LARGEST_VALUE:,} characters.",
            hint="No mail program shows that much.",
        )
    return text


class FolderLoader(jinja2.BaseLoader):
    """Gives Jinja the parts that a letter asks for only while it is rendered (`{% include name %}`, `import`)."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Read a part; raises `UnrenderableValue` where it can't be read, for that is the letter's trouble now."""
        del environment
        current().look()
        try:
            file = self._folders.find(template)
            if file is None:
                raise jinja2.TemplateNotFound(template)
            return read_template(file), str(file), None
        except ConfigurationError as error:
            raise UnrenderableValue(error.message.removesuffix(".")) from error
