"""`run --all` as a whole: sending stops no planning, and it stays for what falls due."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from onboarding.ledger import schema
from onboarding.simulator.smtp_catcher import MailRules
from tests.stage import HOST, NAME, PANELIST, ROOMY, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

LINGER = timedelta(minutes=4)


@asynccontextmanager
async def gate(port: int, is_open: asyncio.Event) -> AsyncIterator[int]:
    """A way to the mail server that lets no byte through until it is opened."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await is_open.wait()
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, server_writer), carry(server_reader, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def test_next_webinar_is_planned_while_the_messages_of_the_first_leave(tmp_path):
    async with stage(tmp_path, [HOST], more=1, limits=ROOMY) as scene:
        is_open = asyncio.Event()
        async with gate(int(scene.variables["ONBOARDING_SMTP__PORT"]), is_open) as port:
            scene.variables["ONBOARDING_SMTP__PORT"] = str(port)
            command = asyncio.create_task(scene.cron())
            # The log-in, the list of sessions, and two calls for each webinar.
            await scene.ringcentral.requests.wait_for(6)
            assert scene.messages() == []
            is_open.set()

            assert await command == 0
        assert len(scene.messages()) == 2


async def test_run_that_lingers_sends_what_was_deferred(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY, mail_rules=rules) as scene:
        began = scene.clock.now()

        assert await scene.cron(linger=LINGER) == 0

        assert scene.recipients() == sorted([HOST["email"], PANELIST["email"]])
        assert scene.clock.now() - began <= LINGER


async def test_run_without_time_to_linger_leaves_what_was_deferred(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY, mail_rules=rules) as scene:
        assert await scene.cron() == 75
        assert scene.recipients() == [HOST["email"]]

        scene.clock.pass_time(minutes=5)
        assert await scene.cron() == 0
        assert scene.told() == [HOST["email"], PANELIST["email"]]


async def test_run_that_lingers_with_nothing_ahead_ends_at_once(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        began = scene.clock.now()

        assert [await scene.cron(linger=LINGER) for _ in range(2)] == [0, 0]

        assert scene.clock.now() == began


async def test_run_that_lingers_reads_a_roster_once_it_is_settled(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], limits=ROOMY) as scene:
        now = scene.clock.now().timestamp()
        os.utime(scene.folder / "invitees.csv", (now, now))

        assert await scene.cron(linger=LINGER) == 0

        assert scene.clock.now().timestamp() == now + 10
        assert len(scene.messages()) == 2


async def test_json_has_webinars_without_work_too(tmp_path, capsys):
    async with stage(tmp_path, [HOST], more=1, limits=ROOMY) as scene:
        await scene.cron()
        capsys.readouterr()

        assert await scene.cron(as_json=True) == 0

        results = json.loads(capsys.readouterr().out)
        assert {result["webinar"] for result in results} == {NAME, f"{NAME}2"}
        assert [result["counts"] for result in results] == [{"sent": 1}] * 2


async def forget_what_runs_saw(scene: Stage) -> None:
    """Bring the ledger into the state in which the migration leaves one of the version before."""
    async with scene.rooms() as opened:
        await opened.ledger.run(
            lambda connection: connection.execute(schema.looks.delete()) and None
        )


async def test_ledger_of_the_version_before_is_looked_at_once_and_mails_no_person(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.run()
        await forget_what_runs_saw(scene)
        calls = scene.heavy_calls()

        assert await scene.cron() == 0
        assert scene.heavy_calls() - calls == 2
        assert await scene.cron() == 0
        assert scene.heavy_calls() - calls == 3
        assert len(scene.messages()) == 2


async def store_message_of_a_newer_version(scene: Stage, webinar_id: str) -> None:
    """Give a webinar's message a kind that this version does not know: reading it fails."""
    deliveries, sessions = schema.deliveries, schema.sessions
    of_webinar = sa.select(sessions.c.id).where(sessions.c.webinar_id == webinar_id)
    change = deliveries.update().where(deliveries.c.session.in_(of_webinar)).values(kind="later")
    async with scene.rooms() as opened:
        await opened.ledger.run(lambda connection: connection.execute(change) and None)


async def test_fault_of_the_program_at_one_webinar_stops_only_that_one(tmp_path, capsys):
    async with stage(tmp_path, [HOST], more=1, limits=ROOMY) as scene:
        assert await scene.cron() == 0
        await store_message_of_a_newer_version(scene, WEBINAR)
        scene.write_roster([HOST, PANELIST])
        scene.clock.pass_time(minutes=5)

        assert await scene.cron() == 1

        said = capsys.readouterr().err
        assert f"{NAME}: An error in this program itself, ValueError at ledger/" in said
        assert "later" not in said
        # The other webinar has the same roster.
        assert scene.recipients() == sorted([HOST["email"], HOST["email"], PANELIST["email"]])
        # Said once a day, like everything that lasts.
        scene.clock.pass_time(minutes=5)
        assert await scene.cron() == 1
        assert capsys.readouterr().err == ""
