"""A ledger's file is brought to the shape of `schema`, and never by an older version."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from onboarding.errors import ConfigurationError
from onboarding.ledger import migrations
from onboarding.ledger.schema import metadata
from onboarding.ledger.store import Ledger, _engine

pytestmark = pytest.mark.anyio


@pytest.fixture
def migrated():
    engine = _engine("sqlite://", 1.0)
    with engine.begin() as connection:
        migrations.upgrade(connection)
        yield connection
    engine.dispose()


def _shape(connection: sa.Connection) -> dict[str, list[object]]:
    """Every table and index as SQLite has it, apart from the order of columns and Alembic's own table."""
    names = connection.exec_driver_sql("SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    shape: dict[str, list[object]] = {name: [sql.replace('"', "")] for name, type_, sql in names if type_ == "index"}
    for name in (name for name, type_, _ in names if type_ == "table" and name != "alembic_version"):
        columns = connection.exec_driver_sql(f"PRAGMA table_info({name})").all()
        keys = connection.exec_driver_sql(f"PRAGMA foreign_key_list({name})").all()
        shape[name] = sorted(tuple(column[1:]) for column in columns) + [tuple(key) for key in keys]
    return shape


def test_migrating_an_empty_file_gives_the_tables_of_the_schema(migrated):
    context = MigrationContext.configure(migrated, opts={"compare_type": True})

    assert compare_metadata(context, metadata) == []


def test_migrated_file_has_the_defaults_and_partial_indexes_of_the_schema(migrated, connection):
    """Alembic compares neither the condition of an index nor, in SQLite, an empty default."""
    assert _shape(migrated) == _shape(connection)


def test_head_is_the_newest_revision():
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))

    assert scripts.get_heads() == [migrations.HEAD]


def test_upgrading_again_changes_nothing(migrated):
    before = _shape(migrated)

    migrations.upgrade(migrated)

    assert _shape(migrated) == before


async def test_newer_ledger_is_refused_and_left_as_it_is(database, tmp_path):
    async with Ledger(database):
        pass
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ConfigurationError) as caught:
        async with Ledger(database):
            pass

    assert caught.value.message == "the ledger was made by a newer version (its revision 9999 is not known here)"
    assert other.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    other.close()
