"""Where a ledger is: a file, or a database on a PostgreSQL server."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """A database on a PostgreSQL server. Without a password, libpq looks into its own file."""

    url: sa.URL
    password: SecretStr | None = None

    def __str__(self) -> str:
        # `render_as_string` hides a password, should one be in it.
        return self.url.render_as_string()


LedgerPlace = Path | ServerPlace
"""A `Path` is an SQLite file."""
