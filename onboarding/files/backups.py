"""Copies of files that a user owns and we rewrite: beside the file, with the time in the name.

A copy holds what the file held, names and addresses too. So `forget` deletes them.
"""

import re
from datetime import datetime
from pathlib import Path

from onboarding.files.write import create_file


def write_copy(path: Path, content: bytes, now: datetime) -> Path:
    """Write a copy that only its owner can read. Returns its path; raises OSError."""
    copy = path.with_name(f"{path.name}.{now:%Y%m%dT%H%M%SZ}.bak")
    # A second copy within the same second has the same name: it fails, and overwrites nothing.
    create_file(copy, content)
    return copy


def list_copies(path: Path) -> list[Path]:
    """List the copies of a file, the oldest first."""
    ours = re.compile(re.escape(path.name) + r"\.\d{8}T\d{6}Z\.bak")
    if not path.parent.is_dir():
        return []
    # By the time in the name: a backup or a move may change the time of the file.
    return sorted(found for found in path.parent.iterdir() if ours.fullmatch(found.name))
