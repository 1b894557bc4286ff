"""A new version rolls over a fleet: an old worker and a new one share one ledger.

The old version is this program as it is. The new one is this program with what a next version may
bring: a migration of its own that only adds, a further job, and a further argument of a job. So the
test shows what a new version's tables and jobs do to an old worker, and not what its code does.
"""

import pytest

from onboarding.errors import EXIT_DONE
from onboarding.ledger.migrations import HEAD
from tests.cli.command import on
from tests.fleet.hands import fleet_stage
from tests.fleet.test_worker import end_worker, start_worker, wait_until_told

pytestmark = pytest.mark.anyio

NEXT = f"{int(HEAD) + 1:04}"

NEWER = f"""
import sys
from onboarding import __main__
import onboarding
from onboarding.ledger import migrations

onboarding.__version__ = "99.0.0"
migrations.HEAD = "{NEXT}"
__main__.main()
"""

LATER_TABLES = (
    "ALTER TABLE deliveries ADD COLUMN priority integer",
    "ALTER TABLE workers ADD COLUMN zone text NOT NULL DEFAULT ''",
    f"UPDATE alembic_version SET version_num = '{NEXT}'",
    f"UPDATE versions SET schema = '{NEXT}'",
)
ADD_JOB = """
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW('{}', '{}', 0, NULL, NULL, '{}'::jsonb, NULL)::procrastinate_job_to_defer_v1
    ])
"""


@pytest.mark.parametrize("plans", ["old", "new"])
async def test_an_old_worker_and_a_new_one_serve_webinars_together(
    tmp_path, postgresql_server, plans
):
    async with fleet_stage(tmp_path, postgresql_server, more=1) as scene:
        database = scene.variables["ONBOARDING_LEDGER__DATABASE"].partition("@/")[2].split("?")[0]
        script = tmp_path / "newer.py"
        script.write_text(NEWER, encoding="utf-8")
        sends = "new" if plans == "old" else "old"
        # The old one runs when the tables change.
        roles = {plans: "plan", sends: "send"}
        old = await start_worker(scene, "--role", roles["old"])
        for statement in LATER_TABLES:
            postgresql_server.execute(statement, database)
        new = await start_worker(scene, "--role", roles["new"], program=[script])
        unknown = ADD_JOB.format("plan", "of_a_later_version", '{"name": "launch"}')
        postgresql_server.execute(unknown, database)

        await wait_until_told(scene, 6)
        status = await on(scene, "worker", "status", "--json")
        assert '"version": "99.0.0"' in status.out
        ends = [await end_worker(worker) for worker in (old, new)]
        assert [code for code, _ in ends] == [EXIT_DONE, EXIT_DONE]
        assert sorted(scene.told()) == sorted(2 * sorted(set(scene.told())))
        (failed,) = postgresql_server.execute(
            "SELECT task_name FROM procrastinate_jobs WHERE status = 'failed'", database
        )
        assert failed == ("of_a_later_version",)
