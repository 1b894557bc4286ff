"""A ledger's file is brought to the shape of `schema`, and never by an older version."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from onboarding.errors import ConfigurationError, OnboardingError
from onboarding.ledger import backups, kept, migrations, registrations, sessions
from onboarding.ledger.new_deliveries import load_uid_seed
from onboarding.ledger.schema import metadata
from onboarding.ledger.sqlite import open_engine
from onboarding.ledger.store import Ledger
from onboarding.model.registrations import Standing
from tests.ledger.making import make_old_ledger, migrate_to, session

pytestmark = pytest.mark.anyio


@pytest.fixture
def migrated():
    engine = open_engine(Path(":memory:"), 1.0)
    with engine.begin() as connection:
        migrations.upgrade(connection)
        yield connection
    engine.dispose()


@pytest.fixture
def by_schema():
    """A file with the tables of the schema, made without a migration."""
    engine = open_engine(Path(":memory:"), 1.0)
    with engine.begin() as connection:
        metadata.create_all(connection)
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


def test_migrated_file_has_the_defaults_and_partial_indexes_of_the_schema(migrated, by_schema):
    """Alembic compares neither the condition of an index nor, in SQLite, an empty default."""
    assert _shape(migrated) == _shape(by_schema)


@contextmanager
def ledger_of(revision: str) -> Iterator[sa.Connection]:
    """A ledger as the version with this revision made it."""
    engine = open_engine(Path(":memory:"), 1.0)
    with engine.begin() as old:
        migrate_to(old, revision)
        old.exec_driver_sql(
            "INSERT INTO sessions (server, webinar_id, session_id, start, duration)"
            " VALUES ('s', '1', '1', '2026', 1)"
        )
        yield old
    engine.dispose()


def test_ledger_of_the_first_revision_keeps_its_rows_and_writes_history_by_itself(by_schema):
    """The queueing before left no event; what happens to the message from now on does."""
    with ledger_of("0001") as old:
        old.exec_driver_sql(
            "INSERT INTO deliveries (session, key, kind, number, state, queued_at, due_at,"
            " expires_at, at, message_id, start, duration)"
            " VALUES (1, 'a@example.com', 'invitation', 1, 'queued', '2026', '2026',"
            " '2026', '2026', '<1>', '2026', 1)"
        )

        migrations.upgrade(old)

        assert _shape(old) == _shape(by_schema)
        old.exec_driver_sql("UPDATE deliveries SET state = 'sent', told = '250 OK'")
        written = old.exec_driver_sql("SELECT delivery, key, what, detail FROM events").all()
        assert written == [(1, "a@example.com", "sent", "250 OK")]


def test_all_of_an_older_ledger_is_of_the_default_account():
    with ledger_of("0004") as old:
        old.exec_driver_sql("INSERT INTO webinars VALUES ('s', '1', '{}', '2026')")
        old.exec_driver_sql(
            "INSERT INTO directory VALUES ('s', 'a', 'u', 'pbx', '', '', '', '', '2026')"
        )

        migrations.upgrade(old)

        for table in ("sessions", "webinars", "directory"):
            rows = old.exec_driver_sql(f"SELECT server, account FROM {table}").all()
            assert rows == [("s", "default")]


def test_addresses_that_mail_came_back_from_are_of_the_accounts_that_mailed_them():
    with ledger_of("0005") as old:
        old.exec_driver_sql(
            "INSERT INTO sessions (server, account, webinar_id, session_id, start, duration)"
            " VALUES ('s', 'acme', '2', '2', '2026', 1)"
        )
        # Session 1 is the default account's. No one mailed the last one: it came by hand.
        for key, mailed in (("both", (1, 2)), ("ours", (1,)), ("theirs", (2,)), ("none", ())):
            old.exec_driver_sql("INSERT INTO suppressed_addresses VALUES (?, '', '2026')", (key,))
            for session_row in mailed:
                old.exec_driver_sql(
                    "INSERT INTO deliveries (session, key, kind, number, state, queued_at, due_at,"
                    " expires_at, at, message_id, start, duration)"
                    " VALUES (?, ?, 'invitation', 1, 'bounced', '2026', '2026',"
                    " '2026', '2026', '<1>', '2026', 1)",
                    (session_row, key),
                )

        migrations.upgrade(old)

        rows = old.exec_driver_sql("SELECT account, key FROM suppressed_addresses").all()
        assert sorted(map(tuple, rows)) == [
            ("acme", "both"),
            ("acme", "theirs"),
            ("default", "both"),
            ("default", "none"),
            ("default", "ours"),
        ]


def test_calendar_entries_of_an_older_ledger_stay_what_they_are(by_schema):
    """The UID that older versions computed, and a SEQUENCE above all that they sent."""
    with ledger_of("0004") as old:
        for number, to in ((1, ""), (2, ""), (3, "me@example.com")):
            old.exec_driver_sql(
                "INSERT INTO deliveries (session, key, kind, number, state, attempt, queued_at,"
                " due_at, expires_at, at, message_id, start, duration, rehearsal_to)"
                " VALUES (1, 'anna@example.com', 'invitation', ?, 'sent', 1, '2026', '2026',"
                " '2026', '2026', '<1@northwind.example>', '2026', 1, ?)",
                (number, to),
            )

        migrations.upgrade(old)

        assert _shape(old) == _shape(by_schema)
        rows = old.exec_driver_sql("SELECT uid, sequence FROM deliveries ORDER BY id").all()
        digest = hashlib.sha256(b"s\n1/1\nanna@example.com").hexdigest()[:40]
        uid = f"{digest}@northwind.example"
        assert rows == [(uid, 0), (uid, 1), ("", 0)]
        assert len(load_uid_seed(old)) == 32


def test_each_ledger_has_a_random_value_of_its_own():
    seeds = set()
    for _ledger in range(2):
        with ledger_of("0004") as old:
            migrations.upgrade(old)
            seeds.add(load_uid_seed(old))

    assert len(seeds) == 2


def test_lease_that_an_older_version_holds_is_kept_and_says_no_since(by_schema):
    with ledger_of("0002") as old:
        old.exec_driver_sql(
            "INSERT INTO leases VALUES ('webinar', 'run-1', 'elsewhere', 4711, '100', '2027-03-01')"
        )

        migrations.upgrade(old)

        assert _shape(old) == _shape(by_schema)
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


def test_message_that_an_older_version_kept_says_what_it_said(by_schema):
    with ledger_of("0004") as old:
        old.exec_driver_sql(
            "INSERT INTO deliveries (id, session, key, kind, number, state, queued_at, due_at,"
            " expires_at, at, message_id, start, duration, role)"
            " VALUES (7, 1, 'a@example.com', 'invitation', 1, 'sent', ?, ?, ?, ?, '<1@b.example>',"
            " ?, 1, 'Panelist')",
            ("2026-09-01 09:00:00.000000",) * 5,
        )
        old.exec_driver_sql(
            "INSERT INTO kept_parts VALUES ('d1', ?)", ('["<p>", null, null, "</p>"]',)
        )
        old.exec_driver_sql(
            "INSERT INTO kept_messages VALUES (7, '2026-09-01 09:00:00.000000', 'abc',"
            " 'events@example.com', 'a@example.com', 'To: A', 'Hello\n\nA\n', ?, 'd1', ?)",
            ("BEGIN:VCALENDAR\r\n", '["A", "Zo\\u00eb"]'),
        )

        migrations.upgrade(old)

        assert _shape(old) == _shape(by_schema)
        (message,) = kept.list_kept(old, 1, "a@example.com")
        shown = (message.headers, message.text, message.calendar, message.html, message.sha256)
        assert shown == ("To: A", "Hello\n\nA\n", "BEGIN:VCALENDAR\r\n", "<p>AZoë</p>", "abc")


def test_head_is_the_newest_revision():
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))

    assert scripts.get_heads() == [migrations.HEAD]


def test_upgrading_again_changes_nothing(migrated):
    before = _shape(migrated)

    migrations.upgrade(migrated)

    assert _shape(migrated) == before


def make_newer(path: Path, readable_from: str) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.execute("UPDATE versions SET schema = '9999', readable_from = ?", (readable_from,))


def read_revision(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as other:
        return other.execute("SELECT version_num FROM alembic_version").fetchall()


async def test_newer_ledger_that_only_has_more_is_used_and_keeps_its_version(database):
    async with Ledger(database):
        pass
    make_newer(database, migrations.HEAD)

    async with Ledger(database) as ledger:
        assert await ledger.run(sessions.upsert, session()) == 1

    assert read_revision(database) == [("9999",)]


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
async def test_older_ledger_is_copied_before_it_is_migrated(database, revision):
    make_old_ledger(database, revision)
    before = database.read_bytes()

    async with Ledger(database):
        pass

    (copy,) = backups.list_backups(database)
    assert copy.name == f"ledger.db.before-{revision}.backup"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (read_revision(copy), read_revision(database)) == ([(revision,)], [(migrations.HEAD,)])
    assert before
    assert [file.name for file in database.parent.iterdir() if "-wal" in file.name] == []


async def test_new_ledger_has_no_copy(database):
    async with Ledger(database):
        pass

    assert backups.list_backups(database) == []


async def test_ledger_is_left_as_it_is_if_no_copy_can_be_made(database):
    make_old_ledger(database, "0003")
    (database.parent / "ledger.db.before-0003.backup").mkdir()

    with pytest.raises(OnboardingError):
        async with Ledger(database):
            pass

    assert read_revision(database) == [("0003",)]


def test_only_the_newest_copies_are_kept(database):
    make_old_ledger(database, "0003")
    for number, revision in enumerate(("0001", "0002", "0003", "0004", "0005")):
        copy = backups.back_up_before(database, revision)
        os.utime(copy, (number, number))
    other = database.parent / "ledger.db.mine.backup"
    backups.back_up(database, other)

    kept = [copy.name for copy in backups.list_backups(database)]

    assert kept == [
        "ledger.db.before-0003.backup",
        "ledger.db.before-0004.backup",
        "ledger.db.before-0005.backup",
        "ledger.db.mine.backup",
    ]


def test_copy_never_replaces_a_file(database):
    make_old_ledger(database, "0003")
    mine = database.parent / "mine"
    mine.write_text("mine")

    with pytest.raises(FileExistsError):
        backups.back_up(database, mine)

    assert mine.read_text() == "mine"


async def test_newer_ledger_is_refused_and_left_as_it_is(database):
    async with Ledger(database):
        pass
    make_newer(database, "9998")

    with pytest.raises(ConfigurationError) as caught:
        async with Ledger(database):
            pass

    assert (
        caught.value.message
        == "The ledger was made by a newer version: its revision 9999 is not known here."
    )
    assert read_revision(database) == [("9999",)]
