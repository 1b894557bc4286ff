"""Delivering over a real socket: nothing twice, nothing lost, and one fault costs one message."""

import asyncio
import contextlib
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from onboarding.errors import ConfigurationError, Interrupted, Refused, TooManyRejections, TryLater
from onboarding.model.addresses import address_key
from onboarding.model.time_zones import format_machine_time
from onboarding.pipeline.by_hand import LockedWebinar
from onboarding.pipeline.lease import AlreadyRunning, webinar_lease
from onboarding.pipeline.target import find_target
from onboarding.simulator.smtp_catcher import MailRules, serve_mail
from tests.smtp.scripted import Say, scripted
from tests.stage import HOST, NAME, PANELIST, Stage, panelist, stage

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_ledger")]

GUESTS = [panelist(number) for number in range(1, 13)]
DENIED = "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied"
NO_SUCH_USER = "550 5.1.1 No such user here"


async def test_a_refused_address_is_rejected_and_the_others_get_theirs(tmp_path):
    rules = MailRules(refuse={PANELIST["email"]: NO_SUCH_USER})
    async with stage(tmp_path, [PANELIST, HOST], mail_rules=rules) as scene:
        first = await scene.run()
        again = await scene.run()
        assert (first.exit_code, again.exit_code, again.sent) == (1, 1, 0)
        assert await scene.states() == {PANELIST["email"]: "rejected", HOST["email"]: "sent"}
        (rejected,) = [
            record
            for record in (await scene.status()).records
            if record.delivery.email == PANELIST["email"]
        ]
        assert rejected.reply == NO_SUCH_USER


async def test_a_rejected_message_goes_out_when_a_person_retries_it(tmp_path):
    rules = MailRules(refuse={PANELIST["email"]: NO_SUCH_USER})
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene, serve_mail(None) as working:
        await scene.run()
        scene.variables["ONBOARDING_SMTP__PORT"] = str(working.port)
        assert (await scene.run()).sent == 0
        assert await scene.decide(LockedWebinar.retry) == [address_key(PANELIST["email"])]
        assert (await scene.run()).sent == 1
        assert await scene.states() == {PANELIST["email"]: "sent"}


async def test_greylisting_is_waited_out_within_the_run(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        result = await scene.run(patience=timedelta(minutes=10))
        assert (result.exit_code, result.sent) == (0, 2)
        assert sum(scene.clock.slept) == 60
        (late,) = [
            record
            for record in (await scene.status()).records
            if record.delivery.email == PANELIST["email"]
        ]
        assert late.delivery.attempt == 2


async def test_a_longer_wait_is_left_to_the_next_run(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        assert (await scene.run(patience=timedelta(seconds=30))).exit_code == 75
        scene.clock.pass_time(minutes=2)
        later = await scene.run()
        assert (later.exit_code, scene.recipients()) == (0, [HOST["email"], PANELIST["email"]])


async def test_a_lost_answer_is_in_doubt_and_is_never_sent_again_by_itself(tmp_path):
    rules = MailRules(lose_reply=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        first = await scene.run(patience=timedelta(minutes=10))
        again = await scene.run(patience=timedelta(minutes=10))
        assert (first.exit_code, again.exit_code, again.sent) == (1, 1, 0)
        assert await scene.states() == {HOST["email"]: "sent", PANELIST["email"]: "in_doubt"}
        assert scene.recipients() == [HOST["email"], PANELIST["email"]]


async def test_a_doubt_is_settled_by_a_person_and_a_resend_keeps_its_message_id(tmp_path):
    rules = MailRules(lose_reply=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        await scene.run()
        await scene.decide(LockedWebinar.resolve_resend)
        await scene.run()
        first, second = scene.messages()
        assert first["Message-ID"] == second["Message-ID"]
        await scene.decide(LockedWebinar.resolve_sent)
        assert (await scene.run()).exit_code == 0


async def test_refused_sender_stops_the_run_and_costs_no_attempt(tmp_path):
    rules = MailRules(refuse_sender="550 5.7.1 Sender not allowed")
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        with pytest.raises(Refused, match=r"5\.7\.1"):
            await scene.run()
        entries = (await scene.status()).records
        assert [(record.delivery.state, record.delivery.attempt) for record in entries] == [
            ("queued", 0),
            ("queued", 0),
        ]


async def test_a_refusal_of_us_after_the_dot_is_no_doubt_and_costs_no_attempt(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene, scripted({"dot": [Say(DENIED)]}) as server:
        mail_port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = str(server.port)
        with pytest.raises(Refused, match="SendAsDenied"):
            await scene.run()
        (entry,) = (await scene.status()).records
        assert (entry.delivery.state, entry.delivery.attempt) == ("queued", 0)
        scene.variables["ONBOARDING_SMTP__PORT"] = mail_port
        assert (await scene.run()).sent == 1


async def test_credentials_that_are_missing_are_found_before_anybody_is_registered(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        scene.variables["ONBOARDING_SMTP__USERNAME"] = "events@brightwater.example"
        scene.variables["ONBOARDING_SMTP__M365__TENANT"] = "tenant"
        scene.variables["ONBOARDING_SMTP__M365__CLIENT_ID"] = "application"
        with pytest.raises(ConfigurationError, match="secret for Microsoft 365 is missing"):
            await scene.run()
        assert scene.ringcentral.requests.select("PATCH") == []


async def test_many_rejections_in_a_row_put_the_brake_on(tmp_path):
    refuse = {person["email"]: "550 5.7.1 Looks like spam" for person in GUESTS}
    async with stage(tmp_path, GUESTS, mail_rules=MailRules(refuse=refuse)) as scene:
        scene.variables["ONBOARDING_SMTP__BRAKE"] = "5"
        scene.variables["ONBOARDING_SMTP__MAX_CONNECTIONS"] = "1"
        with pytest.raises(TooManyRejections, match="5 messages in a row"):
            await scene.run()
        counts = (await scene.status()).counts
        assert counts == {"rejected": 5, "queued": len(GUESTS) - 5}


async def test_the_pace_is_kept_by_runs_that_follow_each_other(tmp_path):
    async with stage(tmp_path, GUESTS) as scene:
        scene.variables["ONBOARDING_SMTP__RATE"] = "30/minute"
        begun = scene.clock.now()
        await scene.run()
        assert scene.clock.now() - begun >= timedelta(seconds=2) * (len(GUESTS) - 1)


async def test_the_days_messages_used_up_leave_the_rest_for_tomorrow(tmp_path):
    async with stage(tmp_path, GUESTS) as scene:
        scene.variables["ONBOARDING_SMTP__PER_DAY"] = "5"
        with pytest.raises(TryLater, match="per_day"):
            await scene.run()
        assert len(scene.recipients()) == 5
        scene.clock.pass_time(hours=26)
        with pytest.raises(TryLater):
            await scene.run()
        assert len(set(scene.recipients())) == 10


@pytest.mark.parametrize(
    ("rate", "mailed"),
    [pytest.param("6/hour", 6, id="ten minutes"), pytest.param("5/hour", 1, id="twelve minutes")],
)
async def test_a_slow_rate_is_not_waited_for_longer_than_ten_minutes(tmp_path, rate, mailed):
    async with stage(tmp_path, GUESTS[:6]) as scene:
        scene.variables["ONBOARDING_SMTP__RATE"] = rate
        with pytest.raises(TryLater) if mailed == 1 else contextlib.nullcontext() as stopped:
            await scene.run()
        assert len(scene.recipients()) == mailed
        if stopped:
            again = format_machine_time(scene.clock.now() + timedelta(minutes=12))
            assert f"the next may leave at {again}" in str(stopped.value)


async def test_what_was_put_off_is_tried_at_once_when_the_clock_was_set_back(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        await scene.run()
        assert await scene.states() == {PANELIST["email"]: "queued"}
        scene.clock.pass_time(days=-1)
        await scene.run()
        assert await scene.states() == {PANELIST["email"]: "sent"}


async def test_what_comes_too_late_is_not_sent(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        await scene.run()
        scene.clock.pass_time(days=30)
        result = await scene.run()
        assert (result.sent, await scene.states()) == (
            0,
            {HOST["email"]: "sent", PANELIST["email"]: "expired"},
        )


async def test_two_runs_of_one_webinar_never_overlap(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        scene.rooms() as opened,
        webinar_lease(opened, find_target(opened.config, NAME)),
    ):
        with pytest.raises(AlreadyRunning):
            await scene.run()
        assert scene.recipients() == []


async def test_a_signal_ends_the_run_between_messages_and_nothing_is_lost(tmp_path):
    async with stage(tmp_path, GUESTS) as scene:
        stop = asyncio.Event()
        scene.variables["ONBOARDING_SMTP__RATE"] = "30/minute"
        interrupt_at(scene, stop, waits=4)
        with pytest.raises(Interrupted):
            await scene.run(stop=stop)
        sent = len(scene.recipients())
        assert 0 < sent < len(GUESTS)
        assert (await scene.status()).counts == {"sent": sent, "queued": len(GUESTS) - sent}
        await scene.run()
        assert scene.recipients() == sorted(person["email"] for person in GUESTS)


def interrupt_at(scene: Stage, stop: asyncio.Event, waits: int) -> None:
    """Let the signal come while the run waits for the n-th time."""
    wait = scene.clock.sleep

    async def sleep(seconds: float) -> None:
        await wait(seconds)
        if len(scene.clock.slept) == waits:
            stop.set()

    scene.clock.sleep = sleep  # type: ignore[method-assign]


IDN = "Brightwater <events@brückenwasser.example>"


async def test_sender_at_a_domain_beyond_ascii_names_its_messages_by_the_a_label(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        scene.variables["ONBOARDING_BRAND__SENDER"] = IDN
        result = await scene.run()
        stored = {record.delivery.message_id for record in (await scene.status()).records}

    assert (result.exit_code, result.sent) == (0, 2)
    assert {message["Message-ID"] for message in scene.messages()} == stored
    assert {message_id.partition("@")[2] for message_id in stored} == {
        "xn--brckenwasser-elb.example>"
    }
    assert [message["From"].addresses[0].domain for message in scene.messages()] == [
        "xn--brckenwasser-elb.example"
    ] * 2


# Older versions had files only.
@pytest.mark.parametrize("each_ledger", ["sqlite"], indirect=True)
@pytest.mark.parametrize("state", ["queued", "rejected", "failed"])
async def test_stored_message_id_beyond_ascii_gets_its_a_label_when_the_message_leaves(
    tmp_path, state
):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        scene.variables["ONBOARDING_BRAND__SENDER"] = IDN
        await scene.run()
        as_older_versions_stored_it(scene, state)
        if state != "queued":
            await scene.decide(LockedWebinar.retry)
        scene.clock.pass_time(minutes=5)
        result = await scene.run()
        (entry,) = (await scene.status()).records

    assert result.sent == 1
    (message,) = scene.messages()
    assert message["Message-ID"] == entry.delivery.message_id
    assert entry.delivery.message_id.endswith("@xn--brckenwasser-elb.example>")


def as_older_versions_stored_it(scene: Stage, state: str) -> None:
    with closing(sqlite3.connect(scene.folder / "onboarding.db")) as ledger, ledger:
        rows = ledger.execute(
            "UPDATE deliveries SET state = ?, message_id = replace(message_id, ?, ?)",
            [state, "xn--brckenwasser-elb", "brückenwasser"],
        )
        assert rows.rowcount == 1


async def test_header_fields_of_provider_and_user_are_in_every_message_and_a_resend_keeps_its_key(
    tmp_path,
):
    rules = MailRules(lose_reply=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        config = scene.folder / "config.toml"
        fields = 'provider = "resend"\nheaders = { X-Stream = "panel" }\n'
        config.write_text(
            config.read_text(encoding="utf-8").replace("[smtp]\n", f"[smtp]\n{fields}"),
            encoding="utf-8",
        )
        scene.variables["ONBOARDING_SMTP__AUTH"] = "none"
        await scene.run()
        await scene.decide(LockedWebinar.resolve_resend)
        await scene.run()
        first, second = scene.messages()

    assert [message["X-Stream"] for message in (first, second)] == ["panel"] * 2
    assert (
        first["Resend-Idempotency-Key"] == second["Resend-Idempotency-Key"] == first["Message-ID"]
    )
