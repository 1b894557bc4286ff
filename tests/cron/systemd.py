"""Asks systemd itself whether it understands units."""

import os
import re
import shutil
import subprocess
from pathlib import Path

ANALYZE = shutil.which("systemd-analyze")


def verify_units(folder: Path, service: str, timer: str, *options: str) -> str:
    """What `systemd-analyze verify` says of two units; empty if all is well."""
    # The program need not be on this machine, so another one takes its place.
    runnable = re.sub(r'(?m)^ExecStart=("[^"]+"|\S+)', "ExecStart=/bin/true", service)
    units = {folder / "onboarding.service": runnable, folder / "onboarding.timer": timer}
    for unit, text in units.items():
        unit.write_text(text, encoding="utf-8")
    words = [str(ANALYZE), "verify", "--man=no", *options, *map(str, units)]
    # A user's manager wants a folder of its own; the tests have no session that gives one.
    env = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    ended = subprocess.run(words, capture_output=True, check=False, text=True, env=env)
    return ended.stdout + ended.stderr + (str(ended.returncode) if ended.returncode else "")
