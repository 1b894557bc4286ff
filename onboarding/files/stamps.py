"""When files were last changed: what was made from them is made again then. Reads no content.

Editors remove and replace files while they are looked at, and a person may name what is no file. So
what can't be looked at is left out here; who needs the file says why.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from stat import S_ISREG

Stamp = tuple[tuple[Path, int], ...]
"""Files with the times of their last change."""


def stamp_files(files: Iterable[Path], folders: Iterable[Path] = ()) -> Stamp:
    """Stamp files, and all that are in folders, in one order. Each comes once."""
    every = {*files, *chain.from_iterable(map(_list_files, folders))}
    found = ((file, _find_change(file)) for file in sorted(every))
    return tuple((file, changed) for file, changed in found if changed is not None)


def _list_files(folder: Path) -> Iterator[Path]:
    # Not `rglob`, which fails where a folder is removed meanwhile.
    for root, _folders, names in os.walk(folder):
        yield from (Path(root, name) for name in names)


def _find_change(file: Path) -> int | None:
    """Find when a file was last changed; None for what is no file."""
    try:
        status = file.stat()
    except OSError:
        return None
    # In nanoseconds: a file that is saved twice within a second has changed twice.
    return status.st_mtime_ns if S_ISREG(status.st_mode) else None
