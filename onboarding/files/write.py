"""Writes the files that a user asks for: reports and previews, which hold names and addresses.

A new file belongs to its owner alone (0600). An existing file keeps its mode, owner and attributes,
since a person may have opened it to others on purpose. It is replaced as a whole if possible, so
that a full disk leaves the old file. Every fault is an `OSError`.
"""

import errno
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
        # A link that leads to no file: the file is created where it leads.
        _create_file(path.resolve(), content)
        return
    # A pipe or device can't be replaced, and a file with several names would lose the others.
    is_replaceable = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1
    if not (is_replaceable and _replace_file(path.resolve(), content, status)):
        path.write_bytes(content)


def can_replace(path: Path) -> bool:
    """Tell whether `replace_file` can replace a file."""
    try:
        status = path.stat()
    except OSError:
        return False
    real = path.resolve()
    is_single = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1
    return is_single and os.access(real, os.W_OK) and os.access(real.parent, os.W_OK | os.X_OK)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file as a whole; it keeps its mode, owner and attributes.

    Raises OSError where that is not possible: then the file is as it was.
    """
    if not (can_replace(path) and _replace_file(path.resolve(), content, path.stat())):
        raise PermissionError(errno.EPERM, "it can't be replaced as a whole")


def create_file(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read. Raises OSError, also if there is one."""
    _create_file(path, content)


def _create_file(path: Path, content: bytes) -> None:
    # O_EXCL also refuses a link: another user could have laid one in a shared folder meanwhile.
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
        # In the same folder, because a rename works only within one file system.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except PermissionError:
        # We may not create files in this folder.
        return False
    new = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- it is open already
            file.write(content)
            file.flush()
            # Before the rename: after a power cut the name must not lead to an empty file.
            os.fsync(file.fileno())
        if not _copy_metadata(new, path, status):
            new.unlink()
            return False
        # The folder is not synced: after a power cut the old file may be back, but whole.
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
    return True


def _copy_metadata(new: Path, old: Path, status: os.stat_result) -> bool:
    """Give a file the owner, mode and attributes of another; False if that is not allowed."""
    try:
        # The owner before the mode: until then it is 0600, so no wrong group ever has access.
        created = new.stat()
        if (created.st_uid, created.st_gid) != (status.st_uid, status.st_gid):
            os.chown(new, status.st_uid, status.st_gid)
        shutil.copystat(old, new)
        # `copystat` has set the old file's times as well, but the content is new.
        os.utime(new)
    except OSError:
        return False
    return True
