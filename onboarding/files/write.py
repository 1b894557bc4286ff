"""Writes the files that a user asks for: reports and previews, which hold names and addresses.

A new file belongs to its owner alone (0600). An existing file keeps its mode, owner and attributes,
since a person may have opened it to others on purpose. It is replaced as a whole if possible, so
that a full disk leaves the old file. Every fault is an `OSError`.
"""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

PRIVATE_MODE = 0o600


def write_file(path: Path, content: bytes) -> None:
    """Write a file, or into a pipe or device. Raises OSError; a new file is then not there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        _create_file(path.resolve(), content)  # a dangling link: the file is created where it leads
        return
    if (
        not stat.S_ISREG(status.st_mode)
        or status.st_nlink > 1
        or not _replace_file(path.resolve(), content, status)
    ):
        path.write_bytes(content)


def _create_file(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- it is open already
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _replace_file(path: Path, content: bytes, status: os.stat_result) -> bool:
    """Replace a file with a new one; False if that would change its owner or mode.

    A file that we may not write is not replaced either: a person closed it.
    """
    if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        return False
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except PermissionError:
        return False  # a folder in which we may not create files
    new = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- it is open already
            file.write(content)
        if not _copy_metadata(new, path, status):
            new.unlink()
            return False
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
    return True


def _copy_metadata(new: Path, old: Path, status: os.stat_result) -> bool:
    """Give a file the owner, mode and attributes of another; False if that is not allowed."""
    try:
        made = new.stat()
        if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
            os.chown(new, status.st_uid, status.st_gid)
        shutil.copystat(old, new)
        os.utime(new)
    except OSError:
        return False
    return True
