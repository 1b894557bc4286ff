"""`db` and `run` with a ledger on a PostgreSQL server, as a person types them."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from onboarding.errors import EXIT_TRY_LATER, EXIT_USAGE
from onboarding.ledger.store import Ledger
from tests.cli.command import command
from tests.ledger.making import order, queue, seen
from tests.stage import CONFIG, NAME

pytestmark = pytest.mark.anyio

PASSWORD = "s3cret!pw"
VARIABLE = "ONBOARDING_LEDGER__DATABASE"


@pytest.fixture
async def folder(tmp_path) -> Path:
    """A folder with a ledger in a file: one session with one message."""
    (tmp_path / "config.toml").write_text(CONFIG)
    async with Ledger(tmp_path / "onboarding.db") as ledger:
        session_row = await ledger.run(seen)
        await ledger.run(queue, session_row, order())
    return tmp_path


async def copied(folder: Path, target: object, source: str = "sqlite:///onboarding.db"):
    return await command(folder, "db", "copy", source, str(target))


async def test_file_is_copied_to_a_server_that_is_whole_then(folder, postgresql_server):
    place = postgresql_server.make_empty()

    seen_copy = await copied(folder, place)
    checked = await command(folder, "db", "check", variables={VARIABLE: str(place)})

    assert (seen_copy.code, seen_copy.err) == (0, "")
    assert "Now name the server in [ledger] database" in seen_copy.out
    assert checked.code == 0, checked.all
    queued = postgresql_server.execute(
        "SELECT email, state FROM deliveries", str(place.url.database)
    )
    assert queued == [("Ada@example.com", "queued")]


async def test_database_that_is_not_empty_stays_as_it_is(folder, postgresql_server):
    place = postgresql_server.make_empty()
    await copied(folder, place)

    again = await copied(folder, place)

    assert again.code == EXIT_USAGE
    assert "is not empty: sessions has rows." in again.err
    assert "Nothing was changed." in again.err


async def test_copy_from_a_file_that_is_not_there_makes_nothing(folder, postgresql_server):
    place = postgresql_server.make_empty()

    refused = await copied(folder, place, "sqlite:///gone.db")

    assert refused.code == EXIT_USAGE
    assert "There is no ledger at" in refused.err
    assert not (folder / "gone.db").exists()
    tables = postgresql_server.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'", str(place.url.database)
    )
    assert tables == []


async def test_ledger_of_a_newer_version_is_not_copied(folder, postgresql_server):
    with closing(sqlite3.connect(folder / "onboarding.db")) as ledger:
        ledger.execute("UPDATE alembic_version SET version_num = '9998'")
        ledger.execute("UPDATE versions SET readable_from = '9998'")
        ledger.commit()

    refused = await copied(folder, postgresql_server.make_empty())

    assert refused.code == EXIT_USAGE
    assert "made by a newer version" in refused.err


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("onboarding.db", "sqlite:///other.db"),
        ("postgresql+psycopg://a@db.example/x", "sqlite:///other.db"),
        ("sqlite:///onboarding.db", "mysql://a@db.example/x"),
        ("sqlite:///onboarding.db", f"postgresql+psycopg://a:{PASSWORD}@db.example/x"),
    ],
    ids=["no address", "wrong way round", "another database", "password in it"],
)
async def test_copy_between_other_places_is_refused(folder, source, target):
    refused = await copied(folder, target, source)

    assert refused.code == EXIT_USAGE
    assert "Traceback" not in refused.err
    assert PASSWORD not in refused.all


async def test_of_two_upgrades_at_once_one_makes_the_tables(folder, postgresql_server):
    place = postgresql_server.make_empty()
    variables = {VARIABLE: str(place)}

    both = await asyncio.gather(
        *(command(folder, "db", "upgrade", variables=variables) for _ in range(2))
    )

    assert [ended.code for ended in both] == [0, 0], [ended.err for ended in both]
    assert (await command(folder, "db", "check", variables=variables)).code == 0


@pytest.mark.parametrize(
    "words",
    [("run", "--all"), ("status", NAME), ("db", "upgrade")],
    ids=" ".join,
)
async def test_server_that_is_away_at_the_start_is_tried_later(folder, words):
    away = f"postgresql+psycopg://me@/ledger?host={folder}"

    refused = await command(
        folder,
        *words,
        variables={VARIABLE: away, "ONBOARDING_LEDGER__PASSWORD": PASSWORD},
    )

    assert refused.code == EXIT_TRY_LATER
    assert refused.err.count("The ledger ") == 1
    assert "can't be" in refused.err
    assert "Traceback" not in refused.err
    assert PASSWORD not in refused.all


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql+psycopg://me:{PASSWORD}@db.example/ledger",
        f"postgresql+psycopg://me@db.example/ledger?password={PASSWORD}",
    ],
    ids=["before the host", "as a parameter"],
)
async def test_password_in_the_address_is_refused(folder, address):
    refused = await command(folder, "run", "--all", variables={VARIABLE: address})

    assert refused.code == EXIT_USAGE
    assert "[ledger] database has a password in it." in refused.err
    assert "ONBOARDING_LEDGER__PASSWORD" in refused.err
    assert PASSWORD not in refused.all
