"""Statements that both databases understand, from one text of ours."""

import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg

from onboarding.ledger import sql
from onboarding.ledger.schema import metadata

THINGS = sa.Table(
    "things", sa.MetaData(), sa.Column("name", sa.Text, primary_key=True), sa.Column("at", sa.Text)
)


def test_insert_is_written_as_each_dialect_writes_its_own():
    ours = sql.insert(THINGS).values(name="a", at="b")
    own = sqlite.insert(THINGS).values(name="a", at="b")

    for dialect in (sqlite.dialect(), postgresql.dialect()):
        text = str(ours.on_conflict_do_nothing().compile(dialect=dialect))
        assert text.endswith("ON CONFLICT DO NOTHING")
    latest = ours.on_conflict_do_update(index_elements=["name"], set_={"at": ours.excluded.at})
    of_sqlite = own.on_conflict_do_update(index_elements=["name"], set_={"at": own.excluded.at})
    dialect = sqlite.dialect()
    assert str(latest.compile(dialect=dialect)) == str(of_sqlite.compile(dialect=dialect))


OF_SQLITE = (
    "SELECT json_extract(rows.value, '$[0]') AS id, json_extract(rows.value, '$[1]') AS at "
    "FROM json_each(?) AS rows"
)
OF_POSTGRESQL = (
    "SELECT CAST(rows.value ->> 0 AS INTEGER) AS id, "
    "CAST(rows.value ->> 1 AS TIMESTAMP WITH TIME ZONE) AS at "
    "FROM jsonb_array_elements(CAST(%s AS jsonb)) AS rows"
)


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (sqlite.dialect(), OF_SQLITE),
        (psycopg.dialect(paramstyle="format"), OF_POSTGRESQL),
    ],
    ids=["sqlite", "postgresql"],
)
def test_batch_is_one_parameter(dialect, expected):
    batch = sql.batch_rows({"id": sa.Integer(), "at": sql.UtcDateTime()})

    text = " ".join(str(batch.element.compile(dialect=dialect)).split())
    assert text.replace("%s::VARCHAR", "%s") == expected


def test_other_sessions_have_to_wait_for_a_transaction_of_several_statements(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/l.db", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, sql.transaction(connection):
        other = sqlite3.connect(tmp_path / "l.db", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    engine.dispose()


def test_every_table_can_be_written_in_both_dialects():
    for table in metadata.tables.values():
        for dialect in (sqlite.dialect(), postgresql.dialect()):
            assert f"CREATE TABLE {table.name}" in str(
                sa.schema.CreateTable(table).compile(dialect=dialect)
            )
