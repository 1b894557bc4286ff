"""The folder of `preview --out`: lists what was written, and removes what is no longer needed.

A file is replaced only if the list names it, and removed only if it also still holds what was
written. So the messages of a removed person are deleted, but nothing that a user added or changed.
Names in the list count only if a preview could have written them, and no symbolic link is followed.
It renders nothing.
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

LIST = "preview-files.json"
"""The list: each file's name relative to the folder, and the SHA-256 of its content."""

PREVIEW_FILE = re.compile(
    r"index\.html|\d+(-[a-z0-9]+)*/[a-z0-9][a-z0-9_-]*\.(page\.html|html|txt|eml|ics)"
)


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files, by name and content, and remove the other files of an earlier preview.

    Raises OSError if a file can't be written, ConfigurationError if a symbolic link or a file that
    no preview wrote is in its place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before, written = _read_list(folder), dict[str, str]()
    try:
        for name, content in files:
            # Just before each write: the folder is the user's, and a link may have been put there
            # since.
            _refuse_links(folder, name)
            if name not in before and (folder / name).exists():
                raise _not_replaced(folder / name)
            (folder / name).parent.mkdir(exist_ok=True)
            # Noted before it is written: a listed file that is missing does no harm, but one that
            # is there and not listed would never be removed.
            written[name] = _digest_content(content)
            write_file(folder / name, content)
    finally:
        # Also after an error, and with the old names: until their files are gone, they have to be
        # in the list, or a crash would leave messages that no preview removes.
        _write_list(folder, {**before, **written})
    for name in before.keys() - written.keys():
        _remove_unchanged(folder, name, before[name])
    _write_list(folder, written)


def _read_list(folder: Path) -> Mapping[str, str]:
    """Read the list; a missing one is empty. Raises ConfigurationError for what is no list."""
    _refuse_links(folder, LIST)
    if not (folder / LIST).exists():
        return {}
    try:
        found = json.loads(read_text(folder / LIST))
    # A list from elsewhere can be nested so deeply that the parser gives up.
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        # It may be the user's own, and the next list would be written over it.
        raise _not_replaced(folder / LIST)
    return {
        name: digest
        for name, digest in found.items()
        if PREVIEW_FILE.fullmatch(name) and isinstance(digest, str)
    }


def _write_list(folder: Path, files: Mapping[str, str]) -> None:
    write_file(folder / LIST, json.dumps(files, indent=1, sort_keys=True).encode())


def _refuse_links(folder: Path, name: str) -> None:
    """Raise ConfigurationError if a symbolic link below the folder could lead out of it."""
    file = folder / name
    inner = [file.parent] if file.parent != folder else []
    for path in (file, *inner):
        if path.is_symlink():
            raise ConfigurationError(
                f"{path} is a link, so nothing is written there.", hint="Choose another --out."
            )


def _not_replaced(path: Path) -> ConfigurationError:
    """Make the error for a file that the list doesn't name: it is the user's."""
    return ConfigurationError(
        f"{path} is not from an earlier preview, so it is not replaced.",
        hint="Choose another --out, or move the file away.",
    )


def _remove_unchanged(folder: Path, name: str, digest: str) -> None:
    """Remove a file that still holds what was written, then its folder if that is empty."""
    inner, _, file = name.rpartition("/")
    with suppress(OSError):  # it is gone, or replaced by something that is not ours
        # By descriptor from here on: between a look at a path and the removal, the folder could
        # become a link to another one.
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW if inner else os.O_RDONLY
        descriptor = os.open(folder / inner, flags)
        try:
            if _is_unchanged(file, descriptor, digest):
                os.unlink(file, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        if inner:
            # Fails where something is left in it, which is what is wanted.
            (folder / inner).rmdir()


def _is_unchanged(file: str, folder: int, digest: str) -> bool:
    """Whether a file, in a folder given by its descriptor, holds what was written."""
    # Non-blocking: a named pipe in the file's place would be waited for without end.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with open(descriptor, "rb") as opened:  # noqa: PTH123 -- it is open already
        return (
            stat.S_ISREG(os.fstat(descriptor).st_mode) and _digest_content(opened.read()) == digest
        )


def _digest_content(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
