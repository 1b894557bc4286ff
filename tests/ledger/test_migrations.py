"""A ledger's file is brought to the shape of `schema`, and never by an older version."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from onboarding.errors import ConfigurationError
from onboarding.ledger import migrations, registrations
from onboarding.ledger.schema import metadata
from onboarding.ledger.store import Ledger, open_engine
from onboarding.model.registrations import Standing

pytestmark = pytest.mark.anyio


@pytest.fixture
def migrated():
    engine = open_engine(Path(":memory:"), 1.0)
    with engine.begin() as connection:
        migrations.upgrade(connection)
        yield connection
    engine.dispose()


def _shape(connection: sa.Connection) -> dict[str, list[object]]:
    """Every table and index as SQLite has it, without the order of columns and Alembic's table."""
    names = connection.exec_driver_sql(
        "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL"
    ).all()
    written = (row for row in names if row.type in {"index", "trigger"})
    shape: dict[str, list[object]] = {name: [sql.replace('"', "")] for name, _type, sql in written}
    for name in (
        name for name, type_, _ in names if type_ == "table" and name != "alembic_version"
    ):
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


@contextmanager
def ledger_of(revision: str) -> Iterator[sa.Connection]:
    """A ledger as the version with this revision made it."""
    engine = open_engine(Path(":memory:"), 1.0)
    with engine.begin() as old:
        config = Config(attributes={"connection": old})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, revision)
        old.exec_driver_sql(
            "INSERT INTO sessions (server, webinar_id, session_id, start, duration)"
            " VALUES ('s', '1', '1', '2026', 1)"
        )
        yield old
    engine.dispose()


def test_ledger_of_the_first_revision_keeps_its_rows_and_writes_history_by_itself(connection):
    """The queueing before left no event; what happens to the message from now on does."""
    with ledger_of("0001") as old:
        old.exec_driver_sql(
            "INSERT INTO deliveries (session, key, kind, number, state, queued_at, due_at,"
            " expires_at, at, message_id, start, duration)"
            " VALUES (1, 'a@example.com', 'invitation', 1, 'queued', '2026', '2026',"
            " '2026', '2026', '<1>', '2026', 1)"
        )

        migrations.upgrade(old)

        assert _shape(old) == _shape(connection)
        old.exec_driver_sql("UPDATE deliveries SET state = 'sent', told = '250 OK'")
        written = old.exec_driver_sql("SELECT delivery, key, what, detail FROM events").all()
        assert written == [(1, "a@example.com", "sent", "250 OK")]


def test_lease_that_an_older_version_holds_is_kept_and_says_no_since(connection):
    with ledger_of("0002") as old:
        old.exec_driver_sql(
            "INSERT INTO leases VALUES ('webinar', 'run-1', 'elsewhere', 4711, '100', '2027-03-01')"
        )

        migrations.upgrade(old)

        assert _shape(old) == _shape(connection)
        kept = old.exec_driver_sql("SELECT holder, taken_at FROM leases").all()
        assert kept == [("run-1", None)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", {}),
        (
            "CoHost\nAda\nLovelace\nCountess",
            {
                "role": "CoHost",
                "first name": "Ada",
                "last name": "Lovelace",
                "job title": "Countess",
            },
        ),
        (
            "Panelist\n\n\n",
            {"role": "Panelist", "first name": "", "last name": "", "job title": ""},
        ),
    ],
)
def test_what_an_older_version_asked_for_in_vain_is_still_known(before, after):
    with ledger_of("0002") as old:
        old.exec_driver_sql(
            "INSERT INTO registrations (session, key, email, role, standing, at, asked)"
            " VALUES (1, 'ada@example.com', 'ada@example.com', 'Panelist', 'added',"
            " '2026-09-01 09:00:00.000000', ?)",
            (before,),
        )

        migrations.upgrade(old)

        known = registrations.load_managed(old, 1)["ada@example.com"]
        assert (known.standing, dict(known.last_requested), known.mailed_by_ringcentral) == (
            Standing.ADDED,
            after,
            False,
        )


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

    assert (
        caught.value.message
        == "The ledger was made by a newer version: its revision 9999 is not known here."
    )
    assert other.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    other.close()
