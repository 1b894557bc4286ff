"""Migrates a ledger's file to the tables that this version knows, with Alembic.

A file that is up to date costs one query and no import of Alembic. A newer version's file says from
which revision on a program may work with it (`readable_from`): migrations that only add leave that
as it is. Below it a file is refused, because an older program could overlook a state that it does
not know. So is another program's database.
"""

from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

import sqlalchemy as sa

from onboarding.errors import ConfigurationError

HEAD = "0007"
"""The newest revision in `versions/`; a test compares them."""

READABLE_FROM = "0005"
"""The oldest revision of a program that may work with a ledger of this version.

Stays as it is while migrations only add. One that takes something away moves it, a release after
the last program that needs what it takes.
"""


class Version(Enum):
    """What a file is to this program."""

    EMPTY = auto()
    OLDER = auto()
    USABLE = auto()  # of this version, or of a newer one that this program may work with


def upgrade(
    connection: sa.Connection, *, before: Callable[[str], None] = lambda _revision: None
) -> None:
    """Create or migrate the tables in the connection's transaction.

    `before` is called with the old revision before a ledger that exists is changed. Raises
    ConfigurationError if the file is no ledger, or from a version that is too new.
    """
    version = find_version(connection)
    if version is Version.USABLE:
        return
    if version is Version.OLDER:
        # Inside the transaction, before its first write: no other process can write between the
        # copy and the migration.
        before(_find_revision(connection) or "")
    from alembic import command  # noqa: PLC0415  -- 0.2 s, and hardly any run needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    # Alembic reads options with ConfigParser, to which a single `%` in a path has a meaning.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    command.upgrade(config, HEAD)
    connection.exec_driver_sql("DELETE FROM versions")
    written = {"head": HEAD, "from": READABLE_FROM}
    connection.execute(sa.text("INSERT INTO versions VALUES (:head, :from)"), written)


def find_version(connection: sa.Connection) -> Version:
    """Find what a file is to this program.

    Raises ConfigurationError if it is another program's, or from a version that is too new.
    """
    revision = _find_revision(connection)
    if revision is None:
        return Version.EMPTY
    if revision == HEAD:
        return Version.USABLE
    known = {file.name.partition("_")[0] for file in (Path(__file__).parent / "versions").iterdir()}
    if revision in known:
        return Version.OLDER
    # Revisions have four digits each, so texts compare as their numbers do.
    if _find_readable_from(connection) > HEAD:
        raise ConfigurationError(
            f"The ledger was made by a newer version: its revision {revision} is not known here.",
            hint="Upgrade webinar-onboarding on this machine; the ledger was left as it is.",
        )
    return Version.USABLE


def _find_revision(connection: sa.Connection) -> str | None:
    """Find which revision a file has; None for an empty one."""
    # Tables without Alembic's own are not ours: a wrong path must not change that database.
    tables = sa.inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise ConfigurationError(
            "The file is another program's database, not a ledger.",
            hint="Check [ledger] database in config.toml; nothing was added to the file.",
        )
    return None


def _find_readable_from(connection: sa.Connection) -> str:
    """Find the oldest revision that may work with a newer file; all digits 9 where it is unsaid."""
    if "versions" not in sa.inspect(connection).get_table_names():
        return "9999"
    found = connection.execute(sa.text("SELECT readable_from FROM versions")).scalar()
    return str(found or "9999")
