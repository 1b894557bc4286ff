"""Which command cron starts, and how it is written for cron and for systemd."""

import shlex
from dataclasses import dataclass
from pathlib import Path

MINUTES = 5
"""How often `run --all` is started."""

LINGER = "4m"
"""How long it stays for what falls due: almost until it is started again."""


@dataclass(frozen=True, slots=True)
class Program:
    """The program as cron starts it: all paths are absolute, because cron knows no others.

    `command` starts it (`/usr/bin/onboarding`, or Python with `-m onboarding`). `config` is
    config.toml, `ledger` the ledger's file (None: it is on a server).
    """

    command: tuple[str, ...]
    config: Path
    ledger: Path | None

    @property
    def words(self) -> tuple[str, ...]:
        """The whole command, word by word."""
        return self.make_words("run", "--all", "--linger", LINGER)

    def make_words(self, *command: str) -> tuple[str, ...]:
        """Make the words of another command of this program."""
        return (*self.command, *command, "--config", str(self.config))


def find_command(started_as: str, python: str) -> tuple[str, ...]:
    """Find the words that start this program again.

    `started_as` is how it was started (`sys.argv[0]`), `python` is the interpreter's path.
    """
    path = Path(started_as)
    # `python -m onboarding` was started as `.../onboarding/__main__.py`, which is no program.
    if path.name == "onboarding" and path.is_file():
        return (str(path.absolute()),)
    return (python, "-m", "onboarding")


def quote_for_cron(words: tuple[str, ...]) -> str:
    """Quote a command for a crontab: the shell reads it, after cron has read its `%`."""
    # An unescaped % ends the command, and what follows becomes its standard input (crontab(5)).
    return shlex.join(words).replace("%", r"\%")


def quote_for_systemd(words: tuple[str, ...]) -> str:
    """Quote a command for `ExecStart=`, where `%` and `$` have a meaning (systemd.service(5))."""
    return " ".join(map(_quote_word, words))


def _quote_word(word: str) -> str:
    escaped = word.replace("%", "%%").replace("$", "$$")
    if not any(character in escaped for character in " \t\"'\\;"):
        return escaped
    inside = escaped.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


def escape_path(path: Path) -> str:
    """Escape a path for a setting that takes one, such as `ReadWritePaths=`."""
    return _quote_word(str(path)).replace("$$", "$")
