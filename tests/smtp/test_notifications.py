"""What we ask for bounces (RFC 3461): only where it is offered, and no more once it is refused."""

import pytest

from onboarding.model.deliveries import Rejected, Sent
from tests.smtp.scripted import Say, scripted
from tests.smtp.steps import message, send

pytestmark = pytest.mark.anyio

BOTH_WAYS = pytest.mark.parametrize(
    "extensions", [("PIPELINING", "DSN"), ("DSN",)], ids=["together", "one by one"]
)
PLAIN_MAIL, PLAIN_RCPT = "MAIL FROM:<events@example.com>", "RCPT TO:<person{}@example.com>"


def asked(commands: list[str]) -> list[bool]:
    """Whether each MAIL and RCPT said something about bounces."""
    return [
        "RET=" in command or "NOTIFY=" in command
        for command in commands
        if command.startswith(("MAIL", "RCPT"))
    ]


async def test_bounces_are_to_hold_the_header_alone():
    async with scripted(extensions=("DSN",)) as server:
        await send(server.settings())

    mail, rcpt = server.connections[0][1:3]
    assert mail.startswith(f"{PLAIN_MAIL} RET=HDRS ENVID=")
    assert rcpt == f"{PLAIN_RCPT.format(1)} NOTIFY=FAILURE,DELAY"


async def test_nothing_is_asked_of_a_server_that_offers_nothing():
    async with scripted() as server:
        await send(server.settings())

    assert asked(server.connections[0]) == [False, False]


@BOTH_WAYS
@pytest.mark.parametrize("code", ["501 5.5.4", "504 5.5.4", "555 5.5.4"])
@pytest.mark.parametrize("phase", ["mail", "rcpt"])
@pytest.mark.parametrize("hang_up", [False, True])
async def test_server_that_takes_its_offer_back_gets_the_message_without(
    extensions, code, phase, hang_up
):
    refusal = Say(f"{code} unsupported option", hang_up=hang_up)
    after = {"data": [Say("503 5.5.1 no")]} if "PIPELINING" in extensions and not hang_up else {}
    async with scripted({phase: [refusal], **after}, extensions) as server:
        outcomes = await send(server.settings(), message(1), message(2))

    assert [type(outcome) for outcome in outcomes] == [Sent, Sent]
    assert len(server.bodies) == 2
    again = server.connections[1] if hang_up else server.connections[0][-7:]
    assert asked(again)[:2] == [False, False]


@BOTH_WAYS
async def test_address_that_is_refused_without_too_is_rejected(extensions):
    refused = {("rcpt", "person1@example.com"): Say("501 5.1.3 bad address")}
    script = {"data": [Say("503 5.5.1 no")] * 2} if "PIPELINING" in extensions else {}
    async with scripted(script, extensions, always=refused) as server:
        first, second = await send(server.settings(), message(1), message(2))

    assert isinstance(first, Rejected)
    assert isinstance(second, Sent)
    assert sum(command.startswith("RCPT TO:<person1@") for command in server.connections[0]) == 2


async def test_other_refusals_are_not_repeated():
    async with scripted({"rcpt": [Say("550 5.1.1 unknown")]}, ("DSN",)) as server:
        await send(server.settings())

    assert asked(server.connections[0]) == [True, True]
