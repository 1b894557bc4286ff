"""Writes the files that a user asks for: reports and previews, which hold names and addresses.

A new file is its owner's alone (0600). One that is there keeps its mode, owner and attributes, since a
person may have opened it to others on purpose, and is replaced whole where that can be done: a full
disk leaves the old one. Every fault is an `OSError`.
"""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600


def write_file(path: Path, content: bytes) -> None:
    """Write a file, or into a pipe or device. Raises OSError; a new file is then not there."""
    try:
        seen = path.stat()
    except FileNotFoundError:
        _make(path.resolve(), content)  # a link that leads to nothing yet: the file is made where it leads
        return
    if not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1 or not _replace(path.resolve(), content, seen):
        path.write_bytes(content)


def _make(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- it is open already
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _replace(path: Path, content: bytes, seen: os.stat_result) -> bool:
    """Put a new file in the place of the old one; False where that would not leave it the same owner and mode.

    A file that may not be written is not replaced either: a person closed it.
    """
    if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        return False
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except PermissionError:
        return False  # a folder in which no file may be made
    new = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- it is open already
            file.write(content)
        if not _is_made_like(new, path, seen):
            new.unlink()
            return False
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
    return True


def _is_made_like(new: Path, old: Path, seen: os.stat_result) -> bool:
    """Give a file the owner, mode and attributes of another; tell whether that was allowed."""
    try:
        made = new.stat()
        if (made.st_uid, made.st_gid) != (seen.st_uid, seen.st_gid):
            os.chown(new, seen.st_uid, seen.st_gid)
        shutil.copystat(old, new)
        os.utime(new)
    except OSError:
        return False
    return True
