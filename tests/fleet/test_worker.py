"""`onboarding worker` in processes of its own, with the real engine and a real PostgreSQL."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from onboarding.errors import EXIT_DONE, EXIT_TRY_LATER, EXIT_USAGE
from onboarding.ledger.postgresql import upgrade_server
from tests import postgresql
from tests.cli.command import on, started
from tests.fleet.hands import fleet_stage
from tests.postgresql import run_server
from tests.stage import Stage

pytestmark = pytest.mark.anyio

LONG = 90.0
"""Seconds until a busy machine has surely done it."""


async def start_worker(
    scene: Stage,
    *words: str,
    variables: Mapping[str, str] | None = None,
    program: Sequence[str | Path] = ("-m", "onboarding"),
) -> asyncio.subprocess.Process:
    """Start a worker, and return once it has registered itself."""
    process = await started(
        scene.folder,
        "worker",
        *words,
        variables={**scene.variables, **(variables or {})},
        program=program,
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), LONG)
    assert line.startswith(b"Worker for"), (await process.communicate())[1].decode()
    return process


async def end_worker(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Ask a worker to stop. Returns its exit code and what it said on standard error."""
    process.send_signal(signal.SIGTERM)
    _, err = await asyncio.wait_for(process.communicate(), LONG)
    return process.returncode, err.decode()


async def wait_until_told(scene: Stage, count: int) -> None:
    """Wait until the mail server has so many messages."""
    async with asyncio.timeout(LONG):
        while len(scene.told()) < count:  # noqa: ASYNC110 -- the mail server has no event
            await asyncio.sleep(0.1)


async def test_workers_share_the_webinars_and_end_in_order(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server, people=5, more=3) as scene:
        figures = tmp_path / "figures.prom"
        workers = [await start_worker(scene, "--metrics", str(figures)) for _ in range(2)]
        await wait_until_told(scene, 20)
        ends = [await end_worker(worker) for worker in workers]
        assert [code for code, _ in ends] == [EXIT_DONE, EXIT_DONE]
        assert len(scene.told()) == 20
        assert set((await scene.states()).values()) == {"sent"}
        assert "onboarding_last_run_exit_code 0" in figures.read_text()
        assert '"workers": []' in (await on(scene, "worker", "status", "--json")).out


async def test_a_signal_leaves_nothing_half_sent(tmp_path, postgresql_server):
    slow = {"ONBOARDING_SMTP__RATE": "120/minute"}
    async with fleet_stage(tmp_path, postgresql_server, people=40) as scene:
        worker = await start_worker(scene, variables=slow)
        await wait_until_told(scene, 2)
        code, _ = await end_worker(worker)
        assert code == EXIT_DONE
        sent = len(scene.told())
        assert sent < 40
        states = list((await scene.states()).values())
        assert (states.count("sent"), states.count("queued")) == (sent, 40 - sent)
        # They are claimed by no one: the next worker sends them.
        await start_and_finish(scene, 40)
        assert sorted(scene.told()) == sorted(set(scene.told()))


async def start_and_finish(scene: Stage, count: int) -> None:
    worker = await start_worker(scene)
    await wait_until_told(scene, count)
    assert (await end_worker(worker))[0] == EXIT_DONE


async def test_another_configuration_is_said_by_its_sections(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        first = await start_worker(scene)
        other = {"ONBOARDING_SMTP__MAX_CONNECTIONS": "7", "ONBOARDING_BRAND__NAME": "Other"}
        second = await start_worker(scene, variables=other)
        _, said = await end_worker(second)
        assert "configuration differs from that of process" in said
        assert "[brand], [smtp]." in said
        assert (await end_worker(first))[0] == EXIT_DONE


async def test_a_ledger_in_a_file_is_refused(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        del scene.variables["ONBOARDING_LEDGER__DATABASE"]
        seen = await on(scene, "worker")
        assert (seen.code, seen.err.count("\n")) == (EXIT_USAGE, 2)
        assert "Workers need a ledger on a PostgreSQL server" in seen.err


async def test_a_missing_extra_is_named(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        (tmp_path / "without").mkdir()
        (tmp_path / "without" / "procrastinate.py").write_text("raise ImportError")
        seen = await on(scene, "worker", PYTHONPATH=str(tmp_path / "without"))
        assert seen.code == EXIT_USAGE
        assert "its extra `fleet`" in seen.err


async def test_a_worker_waits_for_the_tables(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        place = postgresql_server.make_empty()
        scene.variables["ONBOARDING_LEDGER__DATABASE"] = str(place)
        for upgrade in (lambda: None, lambda: upgrade_server(place, 1.0)):
            await asyncio.to_thread(upgrade)
            seen = await on(scene, "worker")
            assert seen.code == EXIT_TRY_LATER
            assert "`onboarding db upgrade`" in seen.err
        assert (await on(scene, "db", "upgrade")).code == EXIT_DONE
        assert (await end_worker(await start_worker(scene)))[0] == EXIT_DONE


async def test_a_server_that_is_away_is_for_later(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        nowhere = f"postgresql+psycopg://tester@/ledger?host={tmp_path}"
        seen = await on(scene, "worker", ONBOARDING_LEDGER__DATABASE=nowhere)
        assert (seen.code, "can't be written" in seen.err) == (EXIT_TRY_LATER, True)


@pytest.mark.skipif(bool(postgresql.find_missing()), reason=postgresql.find_missing())
async def test_a_server_that_goes_away_ends_the_worker_for_later(tmp_path):
    # A server of its own: a stop would end the connections of other tests.
    with run_server() as server:
        async with fleet_stage(tmp_path, server) as scene:
            worker = await start_worker(scene)
            await wait_until_told(scene, 3)
            await asyncio.to_thread(server.control, "stop", "-m", "immediate")
            _, err = await asyncio.wait_for(worker.communicate(), LONG)
            await asyncio.to_thread(server.control, "start")
            assert worker.returncode == EXIT_TRY_LATER, err.decode()
            assert "Traceback" not in err.decode()
            lines = err.decode().splitlines()
            assert len(lines) <= 4, lines
            assert lines[-1].startswith("Nothing is sent that can't be recorded."), lines
