"""Asks systemd itself whether it understands units."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ANALYZE = shutil.which("systemd-analyze")


def verify_units(folder: Path, service: str, timer: str, *options: str) -> str:
    """What `systemd-analyze verify` says of two units; empty if all is well."""
    return verify(folder, {"onboarding.service": service, "onboarding.timer": timer}, *options)


def verify(folder: Path, units: Mapping[str, str], *options: str) -> str:
    """What `systemd-analyze verify` says of units, by their names; empty if all is well."""
    for name, text in units.items():
        # The program need not be on this machine, so another one takes its place.
        runnable = re.sub(r'(?m)^ExecStart=("[^"]+"|\S+)', "ExecStart=/bin/true", text)
        (folder / name).write_text(runnable, encoding="utf-8")
    files = [str(folder / name) for name in units]
    words = [str(ANALYZE), "verify", "--man=no", *options, *files]
    # A user's manager wants a folder of its own; the tests have no session that gives one.
    env = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    ended = subprocess.run(words, capture_output=True, check=False, text=True, env=env)
    return ended.stdout + ended.stderr + (str(ended.returncode) if ended.returncode else "")
