"""Puts what starts the program where the user's own cron or systemd looks for it.

Starts `crontab` and `systemctl`; needs no right beyond the user's own. What is to be put there was
shown before. Every fault is an `OnboardingError` with the next step.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from onboarding.cron.units import SERVICE, TIMER, Units
from onboarding.errors import ConfigurationError
from onboarding.files.read import read_text
from onboarding.files.write import write_file
from onboarding.model.foreign_text import clean

PATIENCE = 30.0
"""Seconds for `crontab` or `systemctl`."""


def read_crontab() -> str:
    """Read the user's crontab; empty if there is none. Raises ConfigurationError."""
    ended = _call(["crontab", "-l"])
    # It exits 1 for “no crontab for this user”, and says the same to who may not use cron.
    if ended.returncode and "no crontab" not in ended.stderr.lower():
        raise _call_error("crontab -l", ended)
    return "" if ended.returncode else ended.stdout


def write_crontab(content: str) -> None:
    """Replace the user's crontab as a whole. Raises ConfigurationError; then it is as it was."""
    ended = _call(["crontab", "-"], content)
    if ended.returncode:
        raise _call_error("crontab -", ended)


def find_unit_folder(environ: Mapping[str, str]) -> Path:
    """Find where the user's own units are (systemd.unit(5))."""
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config"
    return Path(base) / "systemd" / "user"


def read_units(folder: Path) -> Units:
    """Read the units that are installed; each is empty where there is none."""
    return Units(*(_read_if_there(folder / name) for name in (SERVICE, TIMER)))


def write_units(folder: Path, units: Units) -> None:
    """Write both units. Raises ConfigurationError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in ((SERVICE, units.service), (TIMER, units.timer)):
            write_file(folder / name, text.encode())
    except OSError as error:
        raise ConfigurationError(
            f"The units can't be written into {folder}: {error.strerror}.",
            hint="`onboarding schedule systemd` prints them.",
        ) from error


def start_timer() -> str:
    """Let the user's systemd read the units and start the timer.

    Returns what it said if it could not, empty if all is well.
    """
    for words in (["daemon-reload"], ["enable", "--now", TIMER]):
        ended = _call(["systemctl", "--user", *words])
        if ended.returncode:
            return _describe_program_failure(ended)
    return ""


def _read_if_there(path: Path) -> str:
    try:
        return read_text(path)
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The unit {path} can't be read.", hint="Move it away, or make it readable."
        ) from error


def _call(words: list[str], content: str = "") -> subprocess.CompletedProcess[str]:
    if shutil.which(words[0]) is None:
        raise ConfigurationError(
            f"This machine has no program {words[0]}.",
            hint="Leave --install out: the text is then printed.",
        )
    try:
        return subprocess.run(  # noqa: S603 -- fixed words, and no shell
            words,
            input=content,
            capture_output=True,
            encoding="utf-8",
            # A crontab may hold bytes of another encoding: they go back as they came.
            errors="surrogateescape",
            check=False,
            timeout=PATIENCE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"{words[0]} had not ended after {PATIENCE:g} seconds.",
            hint="Leave --install out: the text is then printed.",
        ) from None


def _call_error(what: str, ended: subprocess.CompletedProcess[str]) -> ConfigurationError:
    said = _describe_program_failure(ended)
    return ConfigurationError(
        f"`{what}` says: {said}", hint="Leave --install out: the line is then printed."
    )


def _describe_program_failure(ended: subprocess.CompletedProcess[str]) -> str:
    """Say in one line what a program has said of its failure."""
    return clean(ended.stderr) or f"exit code {ended.returncode}"
