"""The folders that hold a webinar's templates: which file a name means.

Templates name their shared parts, and a template may come from a stranger. So a name finds files
below the template folders only, and a symbolic link in them must lead to a file below one of them:
`{% include "../../.env" %}` finds nothing. Reads files; knows nothing of what is in them.
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
    """The template folders: a file in an earlier one hides its namesake in a later one."""

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "Folders":
        """Take the folders; raises `ConfigurationError` if one is missing."""
        for path in paths:
            if not path.is_dir():
                raise ConfigurationError(
                    f"There is no template folder {path}.",
                    hint="`onboarding init` writes one with our templates.",
                )
        return cls(tuple(paths))

    def find(self, name: str) -> Path | None:
        """Find a file by its path relative to a template folder, None if there is none.

        Raises `ConfigurationError` if a link leads to a file outside the folders.
        """
        # Before the disk is asked: a template must not even learn whether a file elsewhere exists.
        if ".." in Path(name).parts or Path(name).is_absolute():
            return None
        return next((file for path in self.paths if (file := self.file(path / name))), None)

    def get(self, name: str, location: str) -> Path:
        """Find a shared part that is asked for at `location` (file and line).

        Raises `ConfigurationError` if there is none.
        """
        if found := self.find(name):
            return found
        raise ConfigurationError(
            f"{location}: there is no file {name!r} in {', '.join(map(str, self.paths))}.",
            hint="Name shared parts by their path from the template folder, like "
            "parts/top.mjml.j2.",
        )

    def file(self, path: Path) -> Path | None:
        """Return `path` if there is a file or folder, else None.

        Raises `ConfigurationError` if a link leads out of the folders.
        """
        try:
            if not path.exists():
                return None
        except (OSError, ValueError):
            # the name is too long, or has a character that no name can have
            return None
        if not self._contains(path):
            raise self._stray_error(path)
        return path

    def files(self) -> Iterator[Path]:
        """Find every template and shared part that is in use, in order of their names."""
        found = (file.relative_to(folder) for folder in self.paths for file in folder.rglob("*.j2"))
        for name in sorted(set(map(str, found))):
            # By `find`: of two namesakes only the one in use counts, and a stray link raises.
            if file := self.find(name):
                yield file

    def strays(self) -> Iterator[ConfigurationError]:
        """Find links that lead out of the folders, whether a template names them or not."""
        for folder in self.paths:
            # It follows no links to folders, so a link in a circle does not hold it up.
            for parent, folders, files in os.walk(folder):
                paths = (Path(parent, name) for name in sorted((*folders, *files)))
                for path in paths:
                    # A link that leads nowhere counts as a file that is not there: it can't be
                    # read.
                    if path.is_symlink() and path.exists() and not self._contains(path):
                        yield self._stray_error(path)

    def _contains(self, path: Path) -> bool:
        """Check that a file is below one of the folders, all links followed.

        A folder may itself be a link.
        """
        real = path.resolve()
        return any(real.is_relative_to(folder.resolve()) for folder in self.paths)

    def _stray_error(self, path: Path) -> ConfigurationError:
        return ConfigurationError(
            f"{path} is a link that leads out of the template folders, to {path.resolve()}.",
            hint="Copy the file there, or link to a file in one of this webinar's template "
            "folders.",
        )


def read_template(file: Path) -> str:
    """Read a template.

    Raises `ConfigurationError` if it can't be read, isn't text in UTF-8, or is too long.
    """
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
    """Gives Jinja the parts that are named only while a message is rendered.

    Such as `{% include name %}` and `{% import %}`; `sources` has put in place all others.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Read a part for Jinja.

        Raises `UnrenderableValue` if it can't be read: by now only this message fails, not the run.
        """
        del environment
        # reading takes time, and a loop can ask for many parts
        current().look()
        try:
            file = self._folders.find(template)
            if file is None:
                raise jinja2.TemplateNotFound(template)
            # No test of freshness: a run goes on with the parts that it has read first.
            return read_template(file), str(file), None
        except ConfigurationError as error:
            raise UnrenderableValue(error.message.removesuffix(".")) from error
