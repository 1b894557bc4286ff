"""The mail room against a real Postfix: what its own answers come to."""

import asyncio

import pytest

from onboarding.errors import Refused, TryLater
from onboarding.model.deliveries import Rejected, Sent
from onboarding.smtp.connection_check import check_connection
from onboarding.smtp.phases import ConnectionRefusal
from onboarding.smtp.pool import Pool
from tests.smtp.postfix import USER, postfix, why_not
from tests.smtp.steps import deliver, message, offer, send

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(bool(why_not()), reason=why_not())]

HEAD = b"From: events@example.com\r\nSubject: Your link\r\n"
TEXT = b".one dot\r\n..\r\nH\xc3\xa9llo\r\n"


@pytest.fixture(scope="module")
def server(authority):
    with postfix(authority.authority) as running:
        yield running


async def test_message_reaches_its_mailbox_as_it_was_written(server):
    [outcome] = await send(server.settings(), message(1, HEAD + b"\r\n" + TEXT))

    assert isinstance(outcome, Sent)
    assert (outcome.reply.code, outcome.reply.enhanced) == (250, "2.0.0")
    assert outcome.reply.text == f"Ok: queued as {outcome.reply.queue_id}"
    [arrived] = server.mailbox("person1", messages=1)
    assert arrived.partition(b"\n\n")[2] == TEXT.replace(b"\r\n", b"\n")
    assert b"id " + outcome.reply.queue_id.encode() in arrived


async def test_encrypted_line_serves_on_uvloop_too(server):
    uvloop = pytest.importorskip("uvloop", reason="there is no uvloop on this platform")

    outcomes = await asyncio.to_thread(
        uvloop.run, send(server.settings(), message(4), message(5, TEXT * 20_000))
    )

    assert [type(outcome) for outcome in outcomes] == [Sent, Sent]


async def test_every_message_reaches_its_own_mailbox_over_several_connections(server):
    people = range(10, 60)

    async def send_numbered(pool: Pool, number: int):
        async with pool.connection() as connection:
            return await deliver(
                connection, message(number, b"Subject: %d\r\n\r\nfor %d\r\n" % (number, number))
            )

    async with Pool(server.settings(max_connections=4, max_messages=7)) as pool:
        outcomes = await asyncio.gather(*(send_numbered(pool, number) for number in people))

    assert [type(outcome) for outcome in outcomes] == [Sent] * 50
    for number in people:
        [arrived] = server.mailbox(f"person{number}", messages=1)
        assert arrived.endswith(b"for %d\n" % number)


async def test_unknown_recipient_is_rejected_and_the_next_is_served(server):
    refused, taken = await send(
        server.settings(), message(2, recipient="nobody@example.com"), message(2)
    )

    assert isinstance(refused, Rejected)
    assert (refused.reply.code, refused.reply.enhanced) == (550, "5.1.1")
    assert "User unknown" in refused.reply.text
    assert isinstance(taken, Sent)


async def test_full_queue_stops_the_run_for_now(server):
    with pytest.raises(
        TryLater, match=r"refuses the sender: 452 4\.3\.1 Insufficient system storage"
    ):
        await offer(server.settings("full"))


async def test_message_over_the_announced_size_is_rejected_unsent(server):
    outcome = await offer(server.settings("small"), message(3, b"x" * 78 * 100))

    assert outcome == Rejected("the message has 7,802 bytes, the mail server takes 4,000")


async def test_message_over_a_size_that_was_not_announced_is_rejected_after_the_dot(server):
    refused, taken = await send(
        server.settings("secretive"), message(3, (b"x" * 78 + b"\r\n") * 100), message(3)
    )

    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.reply.code, refused.reply.enhanced) == (
        "the mail server refuses this message",
        552,
        "5.3.4",
    )
    assert isinstance(taken, Sent)


async def test_bounce_holds_no_join_link(server):
    """The second is what servers without notifications do, and shows that the first could fail."""
    link = b"https://join.example/0123456789abcdef"
    letter = HEAD + b"\r\nYour link: " + link + b"\r\n"
    to_nobody = message(
        recipient="gone@example.com", body=letter, message_id="<" + "1a" * 20 + "@example.com>"
    )

    [taken] = await send(server.settings(), to_nobody)
    [bounce] = server.mailbox("events", messages=1)
    await send(server.settings("undsn"), to_nobody)
    bounces = server.mailbox("events", messages=2)

    assert isinstance(taken, Sent)
    assert b"Original-Envelope-Id: " + b"1a" * 20 in bounce
    assert b"Subject: Your link" in bounce
    assert link not in bounce
    assert [link in other for other in bounces if other != bounce] == [True]


async def test_server_that_takes_two_connections_gets_everything_over_two(server):
    people = range(60, 90)

    async def send_numbered(pool: Pool, number: int):
        async with pool.connection() as connection:
            try:
                return await deliver(connection, message(number))
            except ConnectionRefusal as refusal:
                pool.give_up(connection, refusal)
        return await send_numbered(pool, number)

    async with Pool(server.settings("crowded", max_connections=6, max_messages=3)) as pool:
        outcomes = await asyncio.gather(*(send_numbered(pool, number) for number in people))
        loss = pool.loss

    assert [type(outcome) for outcome in outcomes] == [Sent] * 30
    assert "Lower [smtp] max_connections to 2." in loss


async def test_foreign_sender_stops_the_run(server):
    with pytest.raises(
        Refused, match=r"553 5\.7\.1 .*Sender address rejected: not owned by user"
    ) as raised:
        await offer(server.settings(), message(sender="chief@example.com"))

    assert "check [brand] sender" in raised.value.hint


async def test_wrong_password_stops_the_run(server):
    with pytest.raises(Refused, match="refuses the log-in: 535"):
        await offer(server.settings(password="geheim"))


async def test_log_in_is_needed(server):
    with pytest.raises(Refused, match=r"553 5\.7\.1 .*not logged in"):
        await offer(server.settings(username="", password=None))


async def test_certificate_of_another_authority_stops_the_run(server):
    with pytest.raises(Refused, match="can't be trusted"):
        await offer(server.settings(ca_file=None))


async def test_probe_finds_every_step_good(server):
    findings = await check_connection(server.settings(), USER)

    assert [finding.ok for finding in findings] == [True] * 5
