"""A server that does not serve all our connections, or one message: only that one waits."""

from collections import Counter

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.errors import Refused, TryLater
from onboarding.pipeline.run_values import Result
from tests.smtp.scripted import Crowded, HangUp, Say, Scripted, Stall, scripted
from tests.stage import Stage, as_email, panelist, stage

pytestmark = pytest.mark.anyio

GUESTS = [panelist(number) for number in range(1, 13)]
FIRST = GUESTS[0]["email"]


class Heard(NoProgress):
    """Keeps what a person would read."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def lead_to(scene: Stage, server: Scripted, connections: int, **more: str) -> None:
    settings = {"PORT": server.port, "MAX_CONNECTIONS": connections, **more}
    scene.variables |= {f"ONBOARDING_SMTP__{name}": str(value) for name, value in settings.items()}


def taken(server: Scripted) -> Counter[str]:
    """How often the server took a message for each address."""
    return Counter(str(as_email(body)["To"].addresses[0].addr_spec) for body in server.taken)


EVERYBODY = Counter(person["email"] for person in GUESTS)

TOO_MANY = [
    ("greeting", Say("421 4.3.2 Too many open connections.", hang_up=True)),
    ("greeting", Say("421 mail.example.com", hang_up=True)),
    ("greeting", Say("450 4.7.1 too many connections from you")),
    ("greeting", Say("554 5.7.0 too many connections", hang_up=True)),
    ("greeting", Say("554 5.7.1 go away", hang_up=True)),
    ("greeting", HangUp()),
    ("ehlo", Say("421 4.7.0 closing", hang_up=True)),
    ("auth", Say("421 4.7.0 closing", hang_up=True)),
    ("auth", Say("454 4.7.0 Too many concurrent logins")),
    ("auth", Say("535 5.7.8 Too many concurrent logins")),
    ("mail", Say("421 4.3.2 closing", hang_up=True)),
    ("mail", Say("450 4.7.1 Error: too many connections")),
    ("mail", Say("432 4.3.2 Concurrent connections limit exceeded")),
    ("rcpt", Say("421 closing", hang_up=True)),
    ("rcpt", Say("421 4.7.0 closing", hang_up=True)),
    ("data", Say("421 closing", hang_up=True)),
    ("dot", Say("421 closing", hang_up=True)),
    ("dot", Say("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded")),
]
OTHERWISE_REFUSED = [
    ("mail", Say("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited")),
    ("mail", Say("451 4.3.2 this node is going down")),
    ("rcpt", Say("451 4.7.500 Server busy")),
    ("rcpt", Say("452 4.3.1 Insufficient system storage")),
]


async def run_with_six(scene: Stage, server: Scripted) -> tuple[Result, str]:
    """One run over six connections at most; returns what it says beside how it ended."""
    heard = Heard()
    lead_to(scene, server, 6, USERNAME="events", PASSWORD="x")
    result = await scene.run(progress=heard)
    return result, "\n".join(heard.lines)


@pytest.mark.parametrize(("phase", "act"), [*TOO_MANY, *OTHERWISE_REFUSED])
async def test_connection_that_is_not_served_is_given_up_and_the_others_deliver_everything(
    tmp_path, phase, act
):
    limit = Crowded(2, phase, act)
    async with (
        stage(tmp_path, GUESTS) as scene,
        scripted(extensions=["PIPELINING", "AUTH PLAIN"], crowded=limit) as server,
    ):
        result, output = await run_with_six(scene, server)
        entries = (await scene.status()).records

    assert (result.exit_code, result.sent) == (0, len(GUESTS))
    assert taken(server) == EVERYBODY
    assert {record.delivery.attempt for record in entries} == {1}
    assert "So 2 of 6 connections were used." in output
    assert ("Lower [smtp] max_connections to 2." in output) == ((phase, act) in TOO_MANY)


@pytest.mark.parametrize(
    ("phase", "act", "error"),
    [
        ("greeting", Say("421 4.3.2 too many connections", hang_up=True), TryLater),
        ("greeting", HangUp(), TryLater),
        ("auth", Say("454 4.7.0 not now"), TryLater),
        ("auth", Say("535 5.7.8 wrong"), Refused),
        ("mail", Say("421 closing", hang_up=True), TryLater),
        ("mail", Say("451 4.3.2 not now"), TryLater),
        ("rcpt", Say("452 4.3.1 full"), TryLater),
        ("dot", Say("432 4.3.2 Concurrent connections limit exceeded"), TryLater),
    ],
)
async def test_run_stops_once_no_connection_is_left(tmp_path, phase, act, error):
    everywhere = Crowded(0, phase, act)
    async with (
        stage(tmp_path, GUESTS) as scene,
        scripted(extensions=["PIPELINING", "AUTH PLAIN"], crowded=everywhere) as server,
    ):
        with pytest.raises(error):
            await run_with_six(scene, server)
        entries = (await scene.status()).records

    assert {(record.delivery.state, record.delivery.attempt) for record in entries} == {
        ("queued", 0)
    }
    assert server.taken == []
    assert len(server.connections) == (1 if phase == "auth" else 6)


async def test_server_that_stays_silent_is_waited_for_once(tmp_path):
    async with (
        stage(tmp_path, GUESTS) as scene,
        scripted(crowded=Crowded(0, "greeting", Stall())) as server,
    ):
        lead_to(scene, server, 6, TIMEOUT="0.05")
        with pytest.raises(TryLater, match="did not answer in time"):
            await scene.run()

    assert len(server.connections) == 1


async def test_wrong_password_costs_one_log_in_though_others_stand(tmp_path):
    """The password was changed meanwhile: open connections go on, and it is not used again."""
    refusal = Crowded(2, "auth", Say("535 5.7.8 wrong"))
    async with (
        stage(tmp_path, GUESTS) as scene,
        scripted(extensions=["PIPELINING", "AUTH PLAIN"], crowded=refusal) as server,
    ):
        result, _output = await run_with_six(scene, server)

    assert (result.exit_code, taken(server)) == (0, EVERYBODY)
    assert len(server.connections) == 3


async def test_first_connection_that_is_turned_away_does_not_stop_the_second(tmp_path):
    async with (
        stage(tmp_path, GUESTS) as scene,
        scripted({"greeting": [Say("421 4.3.2 busy", hang_up=True)]}) as server,
    ):
        lead_to(scene, server, 2)
        result = await scene.run()

    assert (result.exit_code, taken(server)) == (0, EVERYBODY)


@pytest.mark.parametrize("connections", [1, 3])
@pytest.mark.parametrize(
    ("phase", "act"),
    [
        ("mail", Say("421 4.7.0 Too many messages in this connection", hang_up=True)),
        ("mail", Say("421 closing", hang_up=True)),
        ("mail", Say("452 4.3.2 too many transactions")),
        ("mail", Say("451 4.3.0 this session has sent enough")),
        ("mail", Say("550 5.7.1 Too many messages in this session")),
        ("rcpt", Say("452 4.5.3 Too many recipients received this session")),
        ("data", Say("421 too many messages", hang_up=True)),
        ("dot", Say("421 too many messages", hang_up=True)),
    ],
)
async def test_server_that_takes_two_messages_over_a_connection_gets_everything(
    tmp_path, phase, act, connections
):
    async with stage(tmp_path, GUESTS) as scene, scripted(worn=(2, phase, act)) as server:
        lead_to(scene, server, connections)
        result = await scene.run()
        entries = (await scene.status()).records

    assert (result.exit_code, taken(server)) == (0, EVERYBODY)
    assert {record.delivery.attempt for record in entries} == {1}


async def test_connection_is_replaced_though_the_server_counts_the_closed_one_for_a_while(tmp_path):
    limit = Crowded(1, "greeting", Say("421 4.3.2 too many connections", hang_up=True))
    async with stage(tmp_path, GUESTS) as scene, scripted(crowded=limit, slow_to_count=2) as server:
        lead_to(scene, server, 3, MAX_MESSAGES="4")
        result = await scene.run()

    assert (result.exit_code, taken(server)) == (0, EVERYBODY)


@pytest.mark.parametrize("connections", [1, 2, 4])
@pytest.mark.parametrize(
    ("phase", "act"),
    [
        ("rcpt", Say("452 4.3.1 Insufficient system storage")),
        ("rcpt", Say("454 4.7.0 not now")),
        ("data", Say("451 4.3.2 not now")),
        ("dot", Say("452 4.3.1 Insufficient system storage")),
    ],
)
async def test_message_that_is_refused_each_time_makes_no_other_wait(
    tmp_path, phase, act, connections
):
    async with stage(tmp_path, GUESTS) as scene, scripted(always={(phase, FIRST): act}) as server:
        lead_to(scene, server, connections)
        queued_at = scene.clock.now()
        with pytest.raises(TryLater, match=act.text[4:]):
            await scene.run()
        (waiting,) = [
            record for record in (await scene.status()).records if record.delivery.email == FIRST
        ]

        assert taken(server) == EVERYBODY - Counter([FIRST])
        assert (waiting.delivery.state, waiting.delivery.attempt) == ("queued", 0)
        assert waiting.delivery.queued_at == queued_at
        assert act.text in waiting.reason


async def test_messages_that_are_refused_every_time_come_last_in_the_next_run(tmp_path):
    """Three in a row, like people of one company: on the last connection they stop the run."""
    busy, act = Say("421 4.3.2 busy", hang_up=True), Say("452 4.3.1 full")
    bad = [person["email"] for person in GUESTS[:3]]
    async with (
        stage(tmp_path, GUESTS) as scene,
        scripted({"greeting": [busy]}, always={("rcpt", email): act for email in bad}) as server,
    ):
        lead_to(scene, server, 1)
        for _run in range(3):
            with pytest.raises(TryLater):
                await scene.run()
            scene.clock.pass_time(seconds=1)
        entries = (await scene.status()).records

    assert taken(server) == EVERYBODY - Counter(bad)
    assert {record.delivery.attempt for record in entries if record.delivery.email in bad} == {0}


async def test_message_for_whose_sake_a_run_stopped_comes_last_in_the_next(tmp_path):
    busy, act = Say("421 4.3.2 busy", hang_up=True), Say("550 5.1.8 sender not found")
    async with (
        stage(tmp_path, GUESTS) as scene,
        scripted({"greeting": [busy]}, always={("rcpt", FIRST): act}) as server,
    ):
        lead_to(scene, server, 1)
        queued_at = scene.clock.now()
        with pytest.raises(TryLater):
            await scene.run()
        scene.clock.pass_time(seconds=1)
        with pytest.raises(Refused):
            await scene.run()
        assert taken(server) == Counter()
        with pytest.raises(Refused):
            await scene.run()
        (waiting,) = [
            record for record in (await scene.status()).records if record.delivery.email == FIRST
        ]

    assert taken(server) == EVERYBODY - Counter([FIRST])
    assert (waiting.delivery.attempt, waiting.delivery.queued_at) == (0, queued_at)


@pytest.mark.parametrize("connections", [1, 2])
@pytest.mark.parametrize("phase", ["rcpt", "data", "dot"])
async def test_server_that_hangs_up_over_one_message_puts_off_that_message_alone(
    tmp_path, phase, connections
):
    act = Say("421 closing", hang_up=True)
    async with stage(tmp_path, GUESTS) as scene, scripted(always={(phase, FIRST): act}) as server:
        lead_to(scene, server, connections)
        result = await scene.run()
        (waiting,) = [
            record for record in (await scene.status()).records if record.delivery.email == FIRST
        ]

    assert (result.exit_code, taken(server)) == (75, EVERYBODY - Counter([FIRST]))
    assert (waiting.delivery.state, waiting.delivery.attempt) == ("queued", 1)
    assert waiting.delivery.due_at > scene.clock.now()
