"""Alerts over real sockets: each thing once, without names, and nothing lost where it fails."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from onboarding.ledger.schema import deliveries
from onboarding.model.alerts import (
    FACTS,
    MAILBOX_UNREADABLE,
    SENTENCES,
    Alert,
    AlertKind,
    as_json,
    as_slack,
    make_lines,
)
from onboarding.pipeline.alerts import send_alerts
from onboarding.simulator.smtp_catcher import MailRules
from tests.companies import ACME, stage_companies
from tests.docs.pages import read, table, words
from tests.inbox import reports
from tests.samples import CARLOS
from tests.stage import HOST, NAME, PANELIST, Stage, panelist, stage

pytestmark = pytest.mark.anyio

GUEST = panelist(1)["email"]
SECRET_PATH = "/services/T0-very-secret"
QUEUE_ID = "4XkTq91Zz8"
"""The one in `reports.POSTFIX`."""
REJECTING = MailRules(refuse={GUEST: "550 5.1.1 No such user"})


@dataclass
class Webhook:
    """A webhook on loopback: what it answers, and the bodies that it got.

    Where it does not end its answer, it waits until the caller goes. It answers once it is open.
    """

    port: int = 0
    head: str = "HTTP/1.1 204 No Content"
    ends: bool = True
    came: asyncio.Event = field(default_factory=asyncio.Event)
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    bodies: list[str] = field(default_factory=list)


@asynccontextmanager
async def serve_webhook() -> AsyncIterator[Webhook]:
    hook = Webhook()
    hook.is_open.set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        hook.bodies.append((await reader.readexactly(length)).decode())
        hook.came.set()
        await hook.is_open.wait()
        rest = "Content-Length: 0\r\nConnection: close\r\n\r\n" if hook.ends else ""
        writer.write(f"{hook.head}\r\n{rest}".encode())
        await writer.drain()
        if not hook.ends:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    hook.port = server.sockets[0].getsockname()[1]
    async with server:
        yield hook


def use_webhook(scene: Stage, hook: Webhook) -> None:
    address = f"http://127.0.0.1:{hook.port}{SECRET_PATH}"
    scene.variables["ONBOARDING_ALERTS__WEBHOOK"] = address


async def test_a_thing_is_told_once_without_a_name_and_again_after_a_day(tmp_path):
    rejecting = stage(tmp_path, [HOST, panelist(1)], mail_rules=REJECTING)
    async with rejecting as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        assert await scene.cron() == 1
        scene.clock.pass_time(minutes=5)
        assert await scene.cron() == 1
        assert [json.loads(body) for body in hook.bodies] == [
            {
                "alerts": [
                    {
                        "webinar": "launch",
                        "what": "rejected",
                        "count": 1,
                        "text": "launch: 1 message was rejected."
                        " `onboarding status launch` says more.",
                    }
                ]
            }
        ]
        assert GUEST not in hook.bodies[0]
        scene.clock.pass_time(hours=24)
        await scene.cron()
        assert len(hook.bodies) == 2


async def test_account_that_cannot_log_in_is_one_alert_for_all_its_webinars(tmp_path):
    async with stage(tmp_path, [HOST], more=2) as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        del scene.variables["RC_USER_JWT"]

        assert [await scene.cron() for _ in range(2)] == [2, 2]

        (alert,) = json.loads(hook.bodies[0])["alerts"]
        assert len(hook.bodies) == 1
        assert (alert["webinar"], alert["what"], alert["count"]) == ("", "account", 1)
        assert alert["text"] == (
            "no webinar of an account can be run: Missing RingCentral credentials: RC_USER_JWT."
        )


async def test_outage_of_ringcentral_needs_no_person_and_is_no_alert(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        scene.variables["RC_SERVER_URL"] = "http://127.0.0.1:1"

        assert await scene.cron() == 75

        assert hook.bodies == []


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 500 Internal Server Error",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/elsewhere",
        "no HTTP at all",
    ],
)
async def test_a_webhook_that_fails_is_said_once_and_tried_by_each_run(tmp_path, capsys, head):
    rejecting = stage(tmp_path, [HOST, panelist(1)], mail_rules=REJECTING)
    async with rejecting as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        hook.head = head
        assert await scene.cron() == 1
        first = capsys.readouterr().err
        scene.clock.pass_time(minutes=5)
        assert await scene.cron() == 1
        again = capsys.readouterr().err
        assert len(hook.bodies) == 2
        assert first.count("An alert could not be sent") == 1
        assert "launch: 1 message was rejected" in first
        assert "An alert" not in again
        assert SECRET_PATH not in first + again

        hook.head = "HTTP/1.1 200 OK"
        scene.clock.pass_time(minutes=5)
        await scene.cron()
        scene.clock.pass_time(minutes=5)
        await scene.cron()
        assert len(hook.bodies) == 3
        assert len(scene.told()) == 1  # the host's own invitation: nothing else was lost


async def test_a_webhook_that_does_not_end_its_answer_is_tried_again(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        alert = MAILBOX_UNREADABLE
        hook.ends = False
        async with scene.rooms() as services:
            said = await send_alerts(services, [alert], webhook_timeout=1.0)
            again = await send_alerts(services, [alert], webhook_timeout=1.0)
            hook.ends = True
            taken = await send_alerts(services, [alert])
            after = await send_alerts(services, [alert])

        assert len(said) == 1
        assert "An alert could not be sent: the webhook gives no answer." in said[0]
        assert "- the mailbox of [replies] can't be read." in said[0]
        assert SECRET_PATH not in said[0]
        assert (again, taken, after) == ([], [], [])
        assert len(hook.bodies) == 3


async def test_of_two_processes_one_tells_a_thing(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        alert = MAILBOX_UNREADABLE
        hook.is_open.clear()
        async with scene.rooms() as services, scene.rooms() as others:
            first = asyncio.create_task(send_alerts(services, [alert]))
            await hook.came.wait()
            second = await send_alerts(others, [alert])
            hook.is_open.set()

            assert (await first, second) == ([], [])
            assert await send_alerts(others, [alert]) == []
        assert len(hook.bodies) == 1


async def test_a_mailbox_that_can_not_be_read_is_told_once(tmp_path, capsys):
    async with stage(tmp_path, [HOST]) as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        scene.variables["ONBOARDING_REPLIES__MAILDIR"] = str(tmp_path / "missing")
        assert await scene.cron() == 2
        scene.clock.pass_time(minutes=5)
        assert await scene.cron() == 2

        assert [json.loads(body)["alerts"] for body in hook.bodies] == [
            [
                {
                    "webinar": "",
                    "what": "mailbox",
                    "count": 1,
                    "text": "the mailbox of [replies] can't be read.",
                }
            ]
        ]
        assert scene.told() == [HOST["email"]]
        assert capsys.readouterr().err.count("can't be read") == 1


async def test_an_alert_that_comes_back_is_said_on_the_terminal_and_nowhere_else(tmp_path, capsys):
    # The producer is on the panel too, so that the report could be taken for one about them.
    async with stage(tmp_path, [HOST, panelist(1), panelist(2)], mail_rules=REJECTING) as scene:
        new = tmp_path / "mail" / "new"
        for part in ("new", "cur", "tmp"):
            (tmp_path / "mail" / part).mkdir(parents=True)
        scene.variables |= {
            "ONBOARDING_ALERTS__TO": HOST["email"],
            "ONBOARDING_REPLIES__MAILDIR": str(tmp_path / "mail"),
            "ONBOARDING_SMTP__ENVELOPE_SENDER": "bounces+{token}@brightwater.example",
        }
        await scene.cron()
        alert = scene.messages()[-1]
        before, states = len(scene.told()), await scene.states()
        async with scene.rooms() as services:
            # As if the server had given the same id to a message before.
            await services.ledger.run(
                lambda connection: connection.execute(deliveries.update().values(queue_id=QUEUE_ID))
            )
        capsys.readouterr()
        report = reports.POSTFIX.replace(reports.MESSAGE_ID, alert["Message-ID"])
        written = new / "1.example"
        written.write_text(report.replace("ada@example.com", HOST["email"]))
        os.utime(written, (scene.clock.now().timestamp(),) * 2)

        for _ in range(2):
            scene.clock.pass_time(minutes=5)
            await scene.cron()

        printed = capsys.readouterr()
        assert (printed.out + printed.err).count("An alert came back") == 1
        assert scene.told()[before:] == []
        assert await scene.states() == states
        assert (await scene.status()).suppressed == {}


async def test_an_alert_about_one_company_holds_nothing_of_another(tmp_path):
    refuse = {CARLOS.email: "550 5.1.1 No such user"}
    async with stage_companies(tmp_path, refuse) as stage, serve_webhook() as hook:
        use_webhook(stage.scene, hook)
        assert await stage.scene.cron() == 1

        (body,) = hook.bodies
        texts = {alert["webinar"]: alert["text"] for alert in json.loads(body)["alerts"]}
        assert texts.keys() == {NAME, ACME}
        for company in (stage.brightwater, stage.acme):
            assert [value for value in company.planted if value in body] == []
        assert "acme" not in texts[NAME].lower()
        assert NAME not in texts[ACME].replace(ACME, "")


async def test_an_alert_by_mail_is_no_delivery(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], mail_rules=REJECTING) as scene:
        scene.variables["ONBOARDING_ALERTS__TO"] = "producer@example.com"
        await scene.cron()
        scene.clock.pass_time(minutes=5)
        await scene.cron()
        assert scene.told() == [HOST["email"], "producer@example.com"]
        alert = scene.messages()[-1]
        assert alert["Auto-Submitted"] == "auto-generated"
        assert str(alert["Message-ID"]).startswith("<alert.")
        assert GUEST not in alert.as_string()
        assert (await scene.status()).counts == {"sent": 1, "rejected": 1}


async def test_what_has_happened_is_told_by_a_later_run_and_never_again(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        event = Alert("answer 1", AlertKind.DECLINED, "launch", is_event=True)
        hook.head = "HTTP/1.1 503 Service Unavailable"
        async with scene.rooms() as services:
            assert len(await send_alerts(services, [event])) == 1
            hook.head = "HTTP/1.1 200 OK"
            scene.clock.pass_time(minutes=5)
            assert await send_alerts(services, []) == []
            scene.clock.pass_time(days=2)
            assert await send_alerts(services, [event]) == []
        assert len(hook.bodies) == 2
        assert '"declined"' in hook.bodies[1]


def test_slack_reads_no_markup_in_what_an_error_says():
    alert = Alert("x", AlertKind.ERROR, "launch", "<!channel> & co.")
    (line,) = make_lines([alert])

    assert as_slack([line])["text"].startswith(
        "launch: the webinar can't be run: &lt;!channel&gt; &amp; co."
    )
    assert as_json([line])["alerts"][0]["count"] == 1


def test_every_kind_has_words_and_stands_in_the_guide():
    guide = read("docs/guides/alerts.md")
    documented = {name for names, _ in table(guide, "what", "told when") for name in words(names)}

    assert SENTENCES.keys() | FACTS.keys() == set(AlertKind) == documented
