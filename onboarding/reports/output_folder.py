"""The folder of `preview --out`: keeps a list of what was written, and removes what is no longer part of it.

Only files that the list names and that hold what was written are removed, so a letter of a person who
is gone goes, and nothing that a person put or changed there. The list is only believed where its
names are of a preview's shape, and no symbolic link is followed. Renders nothing.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from onboarding.errors import ConfigurationError
from onboarding.files.read import read_text
from onboarding.files.write import write_file
from onboarding.model.kinds import Kind

LIST = "preview-files.json"
"""What was written: each file's name from the folder on, and the SHA-256 of what it holds."""

NAME = re.compile(rf"index\.html|\d+(-[a-z0-9]+)*/({'|'.join(Kind)})\.(page\.html|html|txt|eml|ics)")


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files, given by name and content, and remove those of an earlier time that are not among them.

    Raises OSError where one can't be written, ConfigurationError where a link stands in its place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before, written = _listed(folder), dict[str, str]()
    try:
        for name, content in files:
            _refuse_links(folder, name)
            (folder / name).parent.mkdir(exist_ok=True)
            written[name] = _digest(content)
            write_file(folder / name, content)
    finally:
        _keep_list(folder, {**before, **written})
    for name in before.keys() - written.keys():
        _remove(folder, name, before[name])
    _keep_list(folder, written)


def _listed(folder: Path) -> Mapping[str, str]:
    """Read the list. One that is not there, or no list, names nothing."""
    _refuse_links(folder, LIST)
    try:
        found = json.loads(read_text(folder / LIST))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: digest for name, digest in found.items() if NAME.fullmatch(name) and isinstance(digest, str)}


def _keep_list(folder: Path, files: Mapping[str, str]) -> None:
    write_file(folder / LIST, json.dumps(files, indent=1, sort_keys=True).encode())


def _refuse_links(folder: Path, name: str) -> None:
    """Raise ConfigurationError where a link below the folder would lead out of it."""
    file = folder / name
    for place in (file, *([file.parent] if file.parent != folder else [])):
        if place.is_symlink():
            raise ConfigurationError(f"{place} is a link, so nothing is written there.", hint="Choose another --out.")


def _remove(folder: Path, name: str, digest: str) -> None:
    """Remove a file that still holds what was written, and its folder where that was the last one in it."""
    inner, _, file = name.rpartition("/")
    with suppress(OSError):  # it is gone already, or another thing stands in its place: that is not ours
        place = os.open(folder / inner, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW if inner else os.O_RDONLY)
        try:
            if _holds(file, place, digest):
                os.unlink(file, dir_fd=place)
        finally:
            os.close(place)
        if inner:
            (folder / inner).rmdir()


def _holds(file: str, place: int, digest: str) -> bool:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    with open(descriptor, "rb") as opened:  # noqa: PTH123 -- it is open already
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and _digest(opened.read()) == digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
