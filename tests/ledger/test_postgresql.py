"""A ledger on PostgreSQL: what is said of a server that is away, and what its tables are."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr

from onboarding.cli.terminal import NoProgress
from onboarding.errors import ConfigurationError, TryLater
from onboarding.ledger import forget, migrations
from onboarding.ledger.places import ServerPlace
from onboarding.ledger.postgresql import _open_engine, check_version, upgrade_server
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.schema import metadata
from onboarding.ledger.settings import LedgerSettings, find_place
from onboarding.ledger.store import Ledger
from tests.ledger.making import migrate_to
from tests.ledger.writing import note, noted

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(postgresql_server):
    return postgresql_server


async def refused(place: ServerPlace, kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        async with Ledger(place, patience=0.05):
            pass
    assert caught.value.hint
    return caught.value.message


# --- tables ---------------------------------------------------------------------------------------


def shape(connection: sa.Connection) -> dict[str, object]:
    """Indexes with their conditions, columns with their defaults, triggers."""
    indexes = connection.exec_driver_sql("SELECT indexname, indexdef FROM pg_indexes")
    columns = connection.exec_driver_sql(
        "SELECT table_name, column_name, data_type, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema = 'public'"
    )
    triggers = connection.exec_driver_sql(
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    )
    return {
        "indexes": {name: text for name, text in indexes if "pg_catalog" not in text},
        "columns": {tuple(row) for row in columns if row[0] != "alembic_version"},
        "triggers": dict(map(tuple, triggers)),
    }


def test_migrated_database_is_as_the_schema_says(server):
    engines = [_open_engine(server.make_empty(), 1.0) for _ in range(2)]
    shapes = []
    for engine, make in zip(engines, (migrations.upgrade, metadata.create_all), strict=True):
        with engine.begin() as connection:
            make(connection)
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            found = shape(connection)
            found["indexes"].pop("alembic_version_pkc", None)
            shapes.append(found)
        engine.dispose()

    assert shapes[0] == shapes[1]


def test_ledger_of_an_older_version_keeps_its_rows(server):
    engine = _open_engine(server.make_empty(), 1.0)
    with engine.begin() as connection:
        migrate_to(connection, "0005")
        for account, number in (("default", "1"), ("acme", "2")):
            connection.exec_driver_sql(
                "INSERT INTO sessions (server, account, webinar_id, session_id, start, duration)"
                " VALUES ('s', %s, %s, %s, '2026-12-01', 1)",
                (account, number, number),
            )
        connection.exec_driver_sql(
            "INSERT INTO deliveries (session, key, kind, number, state, queued_at, due_at,"
            " expires_at, at, message_id, start, duration)"
            " SELECT id, 'theirs', 'invitation', 1, 'bounced', start, start, start, start, '<1>',"
            " start, 1 FROM sessions WHERE account = 'acme'"
        )
        connection.exec_driver_sql(
            "INSERT INTO suppressed_addresses VALUES"
            " ('theirs', '5.1.1', '2026-12-01'), ('by hand', '', '2026-12-01')"
        )
        migrations.upgrade(connection)
        rows = connection.exec_driver_sql("SELECT account, key FROM suppressed_addresses").all()
        deliveries = connection.exec_driver_sql("SELECT key, state FROM deliveries").all()
    engine.dispose()

    assert sorted(map(tuple, rows)) == [("acme", "theirs"), ("default", "by hand")]
    assert list(map(tuple, deliveries)) == [("theirs", "bounced")]


async def test_database_without_tables_waits_for_a_person(server):
    place = server.make_empty()

    assert "does not have the tables of this version" in await refused(place, ConfigurationError)
    assert read_ledger(place, noted, NoProgress()) is None

    upgrade_server(place, 1.0)
    upgrade_server(place, 1.0)
    async with Ledger(place) as ledger:
        assert await ledger.run(note, 7) == 7
    assert read_ledger(place, noted, NoProgress()) == [7]


async def test_ledger_of_a_newer_version_is_refused(server):
    place = server.make_ledger()
    server.execute("UPDATE alembic_version SET version_num = '9998'", place.url.database)
    server.execute("UPDATE versions SET readable_from = '9998'", place.url.database)

    assert "made by a newer version" in await refused(place, ConfigurationError)


async def test_another_programs_database_is_refused(server):
    place = server.make_empty()
    server.execute("CREATE TABLE recipes (name text)", place.url.database)

    assert "another program's database" in await refused(place, ConfigurationError)
    with pytest.raises(ConfigurationError):
        upgrade_server(place, 1.0)


# --- refused in words -----------------------------------------------------------------------------


async def test_server_that_is_away_is_tried_later(tmp_path):
    url = sa.URL.create("postgresql+psycopg", database="x", query={"host": str(tmp_path)})

    assert "can't be written" in await refused(ServerPlace(url), TryLater)
    with pytest.raises(TryLater, match="can't be read"):
        read_ledger(ServerPlace(url), noted, NoProgress())


async def test_wrong_names_and_passwords_are_refused_without_the_password(server):
    place = server.make_ledger()
    server.execute("DROP ROLE IF EXISTS guarded")
    server.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    wrong = ServerPlace(server.place(place.url.database, "guarded").url, SecretStr("Wr0ng!pass"))

    said = [
        await refused(server.place("nothing"), ConfigurationError),
        await refused(server.place(place.url.database, "stranger"), ConfigurationError),
        await refused(wrong, ConfigurationError),
    ]

    words = ["does not exist", "does not exist", "password authentication failed"]
    assert [word in message for word, message in zip(words, said, strict=True)] == [True] * 3
    assert not [message for message in said if "Wr0ng!pass" in message]


@pytest.mark.parametrize(
    ("number", "major"), [(90624, "9"), (130023, "13"), (140000, ""), (150004, ""), (180001, "")]
)
def test_server_that_is_too_old_is_refused(number, major):
    if not major:
        check_version(number)
        return
    with pytest.raises(ConfigurationError) as caught:
        check_version(number)

    assert f"is PostgreSQL {major}; the oldest that can be used is 14." in caught.value.message
    assert caught.value.hint == "Upgrade the server. The ledger was left as it is."


async def test_role_without_rights_is_refused(server):
    place = server.make_ledger()
    server.execute("DROP ROLE IF EXISTS weak")
    server.execute("CREATE ROLE weak LOGIN")

    assert "permission denied" in await refused(
        server.place(place.url.database, "weak"), ConfigurationError
    )


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://me:s3cret!pw@db.example.com/onboarding",
        "postgresql+psycopg://me@db.example.com/onboarding?password=s3cret!pw",
        "postgresql+psycopg://me:s3cret!pw@db.example.com:port/onboarding",
        "postgresql+psycopg://me:s3cret!pw@db.example.com",
    ],
)
def test_password_in_the_address_is_refused_and_not_repeated(address):
    with pytest.raises(ConfigurationError) as caught:
        find_place(LedgerSettings(database=address))

    assert "s3cret" not in caught.value.message + (caught.value.hint or "")


# --- a connection that is lost --------------------------------------------------------------------


def end_connections(server, place: ServerPlace) -> None:
    """Let the server end every connection to a database, as at its restart."""
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{place.url.database}'"
    )


async def test_lost_connection_is_tried_later_and_the_next_group_has_a_new_one(server):
    place = server.make_ledger()
    async with Ledger(place) as ledger:
        await ledger.run(note, 1)
        end_connections(server, place)

        with pytest.raises(TryLater, match="can't be written"):
            await ledger.run(note, 2)

        assert await ledger.run(note, 3) == 3
        assert await ledger.run(noted) == [1, 3]


async def test_what_depends_on_a_lost_statement_is_not_written(server):
    place = server.make_ledger()

    def write(connection, numbers):
        return [note(connection, number) for number in numbers]

    def end_own_connection(connection, _items):
        return [connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")]

    async with Ledger(place) as ledger:
        first = ledger.submit(end_own_connection, None)
        later = [ledger.submit(write, 2, depends_on=first), ledger.submit(write, 3)]
        results = await asyncio.gather(first, *later, return_exceptions=True)

        assert [type(result) for result in results[:2]] == [TryLater, TryLater]
        assert 2 not in await ledger.run(noted)


# --- forgetting -----------------------------------------------------------------------------------


async def test_forgetting_leaves_the_server_to_use_the_room_again(server):
    async with Ledger(server.make_ledger()) as ledger:
        assert await ledger.submit(forget.compact, None)
