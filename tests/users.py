"""Runs as another user of this machine, to test file permissions: root may do everything."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
"""The user who owns nothing, and the group (Debian's `nobody` and `nogroup`)."""

AS_READER = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
"""Starts a program as that user, who may read everything here and write nothing.

The interpreter may be in a folder that only root can read.
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
needs_setpriv = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="needs root, and Debian's setpriv (util-linux)",
)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)
