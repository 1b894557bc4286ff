"""Migrates a ledger's file to the tables that this version knows, with Alembic.

A file that is up to date costs one query and no import of Alembic. A file from a newer version is
refused: an older program could overlook a state that it does not know. So is another program's
database.
"""

from pathlib import Path

import sqlalchemy as sa

from onboarding.errors import ConfigurationError

HEAD = "0004"
"""The newest revision in `versions/`; a test compares them."""


def upgrade(connection: sa.Connection) -> None:
    """Create or migrate the tables in the connection's transaction.

    Raises ConfigurationError if the file is no ledger, or from a newer version.
    """
    revision = _find_revision(connection)
    if revision == HEAD:
        return
    from alembic import command  # noqa: PLC0415  -- 0.2 s, and hardly any run needs it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    try:
        command.upgrade(config, HEAD)
    except CommandError:
        raise _newer_version_error(revision) from None


def is_ledger(connection: sa.Connection) -> bool:
    """Tell whether the file holds a ledger of this version; False for an empty file.

    Raises ConfigurationError if it is from an older or newer version, or another program's.
    """
    revision = _find_revision(connection)
    if revision in {None, HEAD}:
        return revision == HEAD
    known = {file.name.partition("_")[0] for file in (Path(__file__).parent / "versions").iterdir()}
    if revision not in known:
        raise _newer_version_error(revision)
    raise ConfigurationError(
        f"The ledger was made by an older version (its revision is {revision}, not {HEAD}).",
        hint="This command changes nothing, so it does not upgrade the ledger. "
        "`onboarding check` and the next run do.",
    )


def _newer_version_error(revision: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"The ledger was made by a newer version: its revision {revision} is not known here.",
        hint="Upgrade webinar-onboarding on this machine; the ledger was left as it is.",
    )


def _find_revision(connection: sa.Connection) -> str | None:
    """Find which revision a file has; None for an empty one."""
    tables = sa.inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise ConfigurationError(
            "The file is another program's database, not a ledger.",
            hint="Check [ledger] database in config.toml; nothing was added to the file.",
        )
    return None
