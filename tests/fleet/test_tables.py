"""The tables of jobs: made and brought to a version with the ledger's own, by one command."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from onboarding.fleet.engine import read_schema
from onboarding.ledger import jobs
from onboarding.ledger.jobs import JobSchema
from onboarding.ledger.postgresql import read_server, upgrade_server

FURTHER = "CREATE TABLE further (id integer)"


def list_functions(connection: sa.Connection) -> set[str]:
    found = connection.exec_driver_sql(
        "SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%%'"
    )
    return set(found.scalars())


def test_names_of_steps_sort_as_they_were_made():
    schema = read_schema()
    names = [name for name, _ in schema.steps]
    assert names == sorted(names)
    assert schema.version == names[-1]


def test_an_older_version_is_brought_to_this_one_step_by_step(postgresql_server):
    schema = read_schema()
    oldest = JobSchema(schema.steps[0][1], schema.steps[:1])
    stepwise, whole = postgresql_server.make_empty(), postgresql_server.make_empty()

    upgrade_server(stepwise, 1.0, oldest)
    assert read_server(stepwise, jobs.find_jobs_version) == oldest.version
    upgrade_server(stepwise, 1.0, schema)
    upgrade_server(whole, 1.0, schema)

    assert read_server(stepwise, jobs.find_jobs_version) == schema.version
    assert read_server(stepwise, list_functions) == read_server(whole, list_functions)


def test_a_newer_version_stays(postgresql_server):
    schema, place = read_schema(), postgresql_server.make_empty()
    later = JobSchema(schema.whole, [*schema.steps, ("99.00.00_01_pre_further", FURTHER)])
    upgrade_server(place, 1.0, later)
    upgrade_server(place, 1.0, schema)
    assert read_server(place, jobs.find_jobs_version) == later.version


def test_two_that_upgrade_at_once_make_the_tables_once(postgresql_server):
    schema, place = read_schema(), postgresql_server.make_empty()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: upgrade_server(place, 20.0, schema), range(2)))
    assert read_server(place, jobs.find_jobs_version) == schema.version


@pytest.mark.parametrize("times", [1, 2])
def test_a_ledger_without_jobs_has_none_to_show(postgresql_server, times):
    place = postgresql_server.make_empty()
    for _ in range(times):
        upgrade_server(place, 1.0)
    assert read_server(place, jobs.find_jobs_version) == ""
    assert read_server(place, jobs.count_jobs) == []
