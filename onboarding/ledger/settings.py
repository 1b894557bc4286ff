"""`[ledger]` of config.toml: where the ledger is and how long it is kept.

The path behind `sqlite:///` is taken as written. Older versions read it as a URL: `%20` in a
folder's name became a space, and `?` ended the path. A ledger where they put it stops every command
that opens a ledger. Otherwise a new and empty ledger would start beside it, and every person would
get their mail a second time. Reads at most the first bytes of a file; `store` and `read_only` open
the ledger.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field

from onboarding.errors import ConfigurationError

SCHEME = "sqlite:///"
"""What comes before the path. Nothing else of `database` is read as a URL."""


class LedgerSettings(BaseModel):
    """Where the ledger is and how long it remembers.

    A relative path counts from the folder of config.toml.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: Annotated[str, Field(pattern=rf"^{SCHEME}[^\x00]+$")] = f"{SCHEME}onboarding.db"
    """`sqlite:///` and a path, taken as written: `%`, `?`, `#` and `~` have no meaning in it."""

    keep: Annotated[int, Field(ge=0)] = 365
    """Days after a session's end until its people are removed; 0 keeps them for ever."""

    keep_messages: Annotated[int, Field(ge=0)] = 90
    """Days after a session's end until copies of its messages are removed; 0 keeps none at all."""


HEADER = b"SQLite format 3\0"
"""How every SQLite database begins (https://sqlite.org/fileformat.html, 1.3)."""


def ledger_path(settings: LedgerSettings) -> Path:
    """Find where the ledger is, or will be.

    Raises ConfigurationError if another file, at the place that older versions used, is a ledger.
    """
    path = Path(settings.database.removeprefix(SCHEME))
    for former in former_paths(path):
        # The comparison comes first: to open and close a second name of a ledger that this process
        # has open would drop its locks (https://sqlite.org/howtocorrupt.html, 2.2).
        if not _is_same_file(former, path) and _is_database(former):
            raise ConfigurationError(
                f"The ledger is at {former}, where older versions looked for it. "
                f"Now it must be at {path}.",
                hint="A new ledger would mail every person a second time. "
                "Stop all runs and move the file there, "
                f"together with {former.name}-wal and {former.name}-shm where they exist.",
            )
    return path


def former_paths(path: Path) -> Iterator[Path]:
    """Yield the other paths at which older versions put the ledger of this path."""
    before_query = str(path).partition("?")[0]
    for former in dict.fromkeys((unquote(before_query), before_query)):
        if former not in {"", str(path)}:
            yield Path(former)


def _is_database(path: Path) -> bool:
    """Tell whether a database is there.

    A file that we may not read counts as well: it may be the ledger of another user.
    """
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(HEADER)) == HEADER
    # Before OSError, of which it is a kind: in doubt we stop, for two ledgers mail twice.
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def _is_same_file(former: Path, path: Path) -> bool:
    """Tell whether both names lead to one file, by a link that a person made."""
    try:
        return former.samefile(path)
    except OSError:
        return False
