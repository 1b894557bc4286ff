"""Finds files with secrets that other users of this machine may read or change, by their modes.

Looks only at modes; changes nothing and reads no content. It skips files if the user did not
choose their modes: what systemd and container engines provide, and file systems without modes.
"""

import os
import shlex
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROVIDED_SECRETS = (Path("/run/secrets"), Path("/run/credentials"))
"""Where Docker, Podman and systemd put secrets, with modes of their own."""

WITHOUT_MODES = frozenset(
    {"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "drvfs", "cifs", "smb3", "smbfs"}
    | {"vboxsf", "prl_fs", "fuse.vmhgfs-fuse"}
)
"""File systems (mount(8)) that give all their files one mode. WSL's drives are of type 9p."""

ROOT_UID = 0
OTHERS_AND_GROUP = 0o077
OTHERS_AND_GROUP_WRITING = 0o027
"""What is wrong in a file of root's: it may be open to a group that reads.

So a secret reaches a service's own group. PostgreSQL's libpq has the same rule for private keys.
"""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A file or folder that others may read or change, and which bits of its mode say so."""

    path: Path
    mode: int
    wrong: int

    def __str__(self) -> str:
        return f"{self.path} (mode {self.mode:04o})"


def find_exposed(
    paths: Iterable[Path], mounts: Path = Path("/proc/self/mountinfo")
) -> list[Exposed]:
    """Find the paths that are open to others. A missing file is for its reader to report."""
    found = []
    without_modes = _find_devices_without_modes(mounts)
    for path in paths:
        try:
            # Follows links, because a link's own mode means nothing.
            status = path.stat()
        except OSError:
            continue
        device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
        if device not in without_modes and not _is_provided(path):
            mode = stat.S_IMODE(status.st_mode)
            wrong = mode & find_wrong_bits(status.st_uid, os.geteuid())
            found += [Exposed(path, mode, wrong)] if wrong else []
    return found


def find_wrong_bits(owner: int, user: int) -> int:
    """Return the bits of a mode that are wrong for a secret that `user` reads and `owner` owns."""
    return OTHERS_AND_GROUP_WRITING if owner == ROOT_UID and user != ROOT_UID else OTHERS_AND_GROUP


def describe_exposed(found: Sequence[Exposed]) -> str:
    """Describe what is open to others."""
    return f"Other users of this machine can read or change: {', '.join(map(str, found))}"


def build_chmod_command(found: Sequence[Exposed]) -> str:
    """Build the command that closes these files. A group that root lets read can still read."""
    keeps_group = all(file.wrong & ~OTHERS_AND_GROUP_WRITING == 0 for file in found)
    paths = " ".join(shlex.quote(str(file.path)) for file in found)
    return f"chmod {'g-w,o=' if keeps_group else 'go='} {paths}"


def _is_provided(path: Path) -> bool:
    # Where it really lies: `/var/run` is often a link to `/run`.
    real = path.resolve()
    return any(real.is_relative_to(folder) for folder in PROVIDED_SECRETS)


def _find_devices_without_modes(mounts: Path) -> frozenset[str]:
    """Read the mounted file systems: `36 35 98:0 /mnt1 /mnt2 rw - vfat /dev/sda1 rw` (proc(5))."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        # Not Linux: every file system that people use there has modes.
        return frozenset()
    # Any number of optional fields may stand before the hyphen, so we count from it.
    without = [line for line in lines if _has_no_modes(line.partition(" - ")[2].split())]
    return frozenset(line.split()[2] for line in without)


def _has_no_modes(filesystem: Sequence[str]) -> bool:
    kind = filesystem[0] if filesystem else ""
    is_windows_drive = kind == "9p" and any("drvfs" in word for word in filesystem[1:])
    return kind in WITHOUT_MODES or is_windows_drive
