"""`resolve`, `retry`, `cancel` and `history` as a user meets them, and a signal to a run."""

import asyncio
import json
import signal

import pytest

from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.target import find_target
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on, started
from tests.smtp.scripted import HangUp, Stall, scripted
from tests.stage import HOST, NAME, PANELIST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

JOERG, HANNA = PANELIST["email"], HOST["email"]


async def test_resolve_lists_doubts_with_message_id_and_how_to_look_them_up(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        assert (await on(scene, "run", NAME, "--yes")).code == 1
        (doubtful,) = [message for message in scene.messages() if JOERG in message["To"]]
        listed = await on(scene, "resolve", NAME)
        assert listed.code == 1
        assert [
            word
            for word in (JOERG, doubtful["Message-ID"], "/var/log/mail.log")
            if word not in listed.out
        ] == []

        found = await on(scene, "resolve", NAME, JOERG, "--sent")
        nothing_left = await on(scene, "resolve", NAME)
        assert (found.code, nothing_left.code) == (0, 0)
        assert "no message is in doubt" in nothing_left.out
        assert await scene.states() == {HANNA: "sent", JOERG: "sent"}


async def test_resolve_resend_sends_the_same_message_id_at_the_next_run(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        assert (await on(scene, "resolve", NAME, "--all", "--resend")).code == 0
        await on(scene, "run", NAME, "--yes")
        first, second = scene.messages()
        assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("resolve", NAME, "--sent", "--resend"), 2, "Choose one"),
        (("resolve", NAME, "--sent"), 2, "--all"),
        (("resolve", NAME, HANNA, "--all", "--sent"), 2, "--all"),
        (("resolve", NAME, HANNA, "--sent"), 1, "No message in doubt for this address."),
        (("resolve", "lunch"), 2, "Did you mean launch?"),
        (("retry", NAME), 1, "No rejected or failed message."),
        (
            ("retry", NAME, "nobody@example.com"),
            1,
            "No rejected, failed, cancelled or bounced message for this address.",
        ),
        (
            ("retry", NAME, "no address"),
            1,
            "No rejected, failed, cancelled or bounced message for this address.",
        ),
        (("cancel", NAME), 2, "--all"),
        (("cancel", NAME, "--all"), 1, "No queued message."),
        (("history", "nobody@example.com"), 0, "has nothing about"),
    ],
)
async def test_bad_input_is_explained_and_changes_nothing(tmp_path, words, code, message):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, *words)
        assert (seen.code, message in seen.all) == (code, True), seen.all
        assert "Traceback" not in seen.all
        assert await scene.states() == {HANNA: "sent"}


async def test_deciding_before_the_first_run_says_so(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await on(scene, "retry", NAME)
        assert (seen.code, "no run yet" in seen.err) == (2, True)


async def test_what_was_called_off_stays_so_until_its_address_is_named_to_retry(tmp_path):
    rules = MailRules(defer_once=frozenset({JOERG}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes", "--wait", "0")
        assert (await on(scene, "cancel", NAME, JOERG)).code == 0
        await on(scene, "run", NAME, "--yes")
        assert (await on(scene, "retry", NAME)).code == 1
        assert scene.recipients() == []

        assert (await on(scene, "retry", NAME, JOERG)).code == 0
        await on(scene, "run", NAME, "--yes")
        assert scene.recipients() == [JOERG]


async def test_history_shows_every_attempt_with_the_servers_reply(tmp_path):
    rules = MailRules(refuse={JOERG: "550 5.1.1 No such user here"})
    async with stage(tmp_path, [PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        await on(scene, "retry", NAME, JOERG)
        await on(scene, "run", NAME, "--yes")
        events = json.loads((await on(scene, "history", JOERG, "--json")).out)
        deliveries = [
            (event["what"], "550 5.1.1" in event["detail"]) for event in events if event["delivery"]
        ]
        assert deliveries == [
            ("queued", False),
            ("rejected", True),
            ("queued", False),
            ("rejected", True),
        ]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_finishes_what_is_in_flight_and_says_how_to_go_on(tmp_path, kind):
    """The server is silent after the body: that message is in doubt, and no other is begun."""
    people = [panelist(number) for number in range(1, 6)]
    async with (
        stage(tmp_path, people, limits=ROOMY) as scene,
        scripted({"dot": [Stall()]}) as server,
    ):
        process = await started(
            scene.folder,
            *("run", NAME, "--yes"),
            variables={
                **scene.variables,
                "ONBOARDING_SMTP__PORT": str(server.port),
                "ONBOARDING_SMTP__MAX_CONNECTIONS": "1",
                "ONBOARDING_SMTP__TIMEOUT": "2",
            },
        )
        await asyncio.wait_for(server.stalling.wait(), 30)
        process.send_signal(kind)
        _out, err = await process.communicate()
        assert process.returncode == 75
        assert "run the same command again" in err.decode()
        assert sorted((await scene.states()).values()) == ["in_doubt", *["queued"] * 4]
        assert len(server.taken) == 1


async def test_a_second_signal_stops_at_once(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene,
        scripted({"dot": [Stall(), Stall()]}) as server,
    ):
        process = await started(
            scene.folder,
            *("run", NAME, "--yes"),
            variables={**scene.variables, "ONBOARDING_SMTP__PORT": str(server.port)},
        )
        await asyncio.wait_for(server.stalling.wait(), 30)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        await asyncio.wait_for(process.stderr.readuntil(b"Stopping"), 30)
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 75
        assert set((await scene.states()).values()) <= {"in_doubt", "queued"}


async def test_a_line_lost_after_the_354_and_before_the_body_is_offered_again(tmp_path):
    async with (
        stage(tmp_path, [PANELIST], limits=ROOMY) as scene,
        scripted({"data": [HangUp(), HangUp()]}) as server,
    ):
        port = {"ONBOARDING_SMTP__PORT": str(server.port)}
        first = await on(scene, "run", NAME, "--yes", "--wait", "0", **port)
        assert (first.code, server.taken) == (75, [])
        assert await scene.states() == {JOERG: "queued"}


async def test_a_person_removed_from_the_roster_leaves_no_rejected_message_behind(tmp_path):
    rules = MailRules(refuse={JOERG: "550 5.1.1 No such user here"})
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        assert (await on(scene, "run", NAME, "--yes")).code == 1
        scene.write_roster([HOST])
        assert (await on(scene, "run", NAME, "--yes", "--remove")).code == 0
        assert (await on(scene, "run", NAME, "--yes")).code == 0
        assert await scene.states() == {HANNA: "sent", JOERG: "cancelled"}


async def test_each_named_address_is_answered(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG, HANNA}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        listed = await on(scene, "resolve", NAME, JOERG)
        assert (listed.code, JOERG in listed.out, HANNA in listed.out) == (1, True, False)

        settled = await on(scene, "resolve", NAME, JOERG, "nobody@example.com", "--sent")
        assert (settled.code, f"{JOERG}: counts as sent." in settled.out) == (1, True)
        assert "nobody@example.com: No message in doubt for this address." in settled.err
        assert (await on(scene, "resolve", NAME, JOERG)).code == 0


async def test_deciding_while_a_run_is_at_work_says_to_stop_it(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene, scene.rooms() as opened:
        async with webinar_lease(opened, find_target(opened.config, NAME)):
            seen = await on(scene, "cancel", NAME, "--all")
        assert (seen.code, "stop it first (Ctrl-C)" in seen.err) == (75, True)
