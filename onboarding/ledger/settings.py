"""`[ledger]` of config.toml: where the ledger is and how long it is kept.

`postgresql+psycopg://` begins the address of a database on a server; its password is never in it.
The path behind `sqlite:///` is taken as written. Older versions read it as a URL: `%20` in a
folder's name became a space, and `?` ended the path. A ledger where they put it stops every command
that opens a ledger. Otherwise a new and empty ledger would start beside it, and every person would
get their mail a second time. Reads at most the first bytes of a file; `store` and `read_only` open
the ledger.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy.exc import ArgumentError

from onboarding.errors import ConfigurationError
from onboarding.ledger.places import LedgerPlace, ServerPlace

SCHEME = "sqlite:///"
"""What comes before the path of a file. Nothing else of `database` is read as a URL then."""

SERVER_SCHEME = "postgresql+psycopg://"
"""What comes before the address of a database on a PostgreSQL server."""

_PASSWORD_PARAMETERS = {"password", "sslpassword"}


class LedgerSettings(BaseModel):
    """Where the ledger is and how long it remembers.

    A relative path counts from the folder of config.toml.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: Annotated[
        str, Field(pattern=rf"^({SCHEME}[^\x00]+|{re.escape(SERVER_SCHEME)}[^\x00]+)$")
    ] = f"{SCHEME}onboarding.db"
    """`sqlite:///` and a path, taken as written: `%`, `?`, `#` and `~` have no meaning in it.

    Or `postgresql+psycopg://USER@HOST/DATABASE`, without a password.
    """

    password: SecretStr | None = None
    """For a PostgreSQL server. Without it, libpq looks into its own file (`~/.pgpass`)."""

    keep: Annotated[int, Field(ge=0)] = 365
    """Days after a session's end until its people are removed; 0 keeps them for ever."""

    keep_messages: Annotated[int, Field(ge=0)] = 90
    """Days after a session's end until copies of its messages are removed; 0 keeps none at all."""


HEADER = b"SQLite format 3\0"
"""How every SQLite database begins (https://sqlite.org/fileformat.html, 1.3)."""


def find_place(settings: LedgerSettings) -> LedgerPlace:
    """Find where the ledger is, or will be.

    Raises ConfigurationError if the address of a server is none or has a password in it, or if
    another file, at the place that older versions used, is a ledger.
    """
    if settings.database.startswith(SERVER_SCHEME):
        return _find_server(settings)
    return _find_file(settings)


def _find_server(settings: LedgerSettings) -> ServerPlace:
    try:
        url = sa.make_url(settings.database)
    # Without the error's own words: a password may be in them.
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "[ledger] database is no address of a database.",
            hint=f"It is written as {SERVER_SCHEME}USER@HOST/DATABASE.",
        ) from None
    if url.password is not None or _PASSWORD_PARAMETERS & url.query.keys():
        raise ConfigurationError(
            "[ledger] database has a password in it.",
            hint="Take it out, and set ONBOARDING_LEDGER__PASSWORD, put it into a file of that "
            "name in the secrets folder, or use libpq's own ~/.pgpass.",
        )
    if not url.database:
        raise ConfigurationError(
            "[ledger] database names no database.",
            hint=f"It is written as {SERVER_SCHEME}USER@HOST/DATABASE.",
        )
    return ServerPlace(url, settings.password)


def _find_file(settings: LedgerSettings) -> Path:
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
