"""One transaction with a scripted server: what leaves when, and what each answer means."""

import pytest

from onboarding.errors import ConfigurationError, Refused, TryLater
from onboarding.model.deliveries import Deferred, InDoubt, Rejected, Reply, Sent
from onboarding.smtp.phases import ConnectionRefusal
from onboarding.smtp.pool import Pool
from onboarding.smtp.transaction import CHUNK_SIZE, EnvelopeAccepted
from tests.smtp.scripted import Drip, HangUp, Say, Stall, scripted
from tests.smtp.steps import BODY, deliver, message, offer, send

pytestmark = pytest.mark.anyio

TOGETHER = ("PIPELINING", "8BITMIME", "SIZE 1000000")
ONE_BY_ONE = ("8BITMIME",)
BOTH_WAYS = pytest.mark.parametrize(
    "extensions", [TOGETHER, ONE_BY_ONE], ids=["together", "one by one"]
)
BIG = b"x" * 78 + b"\r\n"


async def test_message_is_sent_with_its_body_and_the_queue_id_is_kept():
    async with scripted(extensions=TOGETHER) as server:
        outcomes = await send(server.settings())

    assert outcomes == [Sent(Reply(250, "Ok: queued as 4XyZ1", "2.0.0", "4XyZ1"))]
    assert server.bodies == [BODY + b".\r\n"]
    assert server.connections[0][1:] == [
        f"MAIL FROM:<events@example.com> SIZE={len(BODY)}",
        "RCPT TO:<person1@example.com>",
        "DATA",
        "<body>",
        "QUIT",
    ]


async def test_nothing_of_the_body_leaves_with_the_offer():
    async with scripted() as server:
        outcome = await offer(server.settings())

    assert outcome == EnvelopeAccepted()
    assert (server.bodies, server.broken_bodies) == ([], [b""])


@BOTH_WAYS
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
async def test_answers_in_several_lines_are_read_whole(extensions, end, bytewise):
    lines = end.decode().join(("250-2.6.0 first", "250-2.6.0 second", "250 2.6.0 third"))
    script = {phase: [Say(lines, end=end, bytewise=bytewise)] for phase in ("mail", "rcpt", "dot")}

    async with scripted(script, extensions) as server:
        outcomes = await send(server.settings())

    assert outcomes == [Sent(Reply(250, "first second third", "2.6.0"))]


@pytest.mark.parametrize(
    ("extensions", "unanswered"),
    [(TOGETHER, b"RCPT TO:<person1@example.com>\r\nDATA\r\n"), (ONE_BY_ONE, b"")],
    ids=["together", "one by one"],
)
async def test_commands_leave_in_one_write_where_the_server_offers_pipelining(
    extensions, unanswered
):
    async with scripted({"mail": [Stall()]}, extensions) as server:
        await offer(server.settings(timeout=0.05))

    assert server.unanswered == unanswered


@BOTH_WAYS
async def test_refused_recipient_is_rejected_and_the_next_is_served_on_the_same_line(extensions):
    script = {"rcpt": [Say("550 5.1.1 unknown")], "data": [Say("503 5.5.1 no recipient")]}
    async with scripted(
        script if extensions == TOGETHER else {"rcpt": script["rcpt"]}, extensions
    ) as server:
        refused, taken = await send(server.settings(), message(1), message(2))

    assert refused == Rejected(
        "the mail server refuses this address", Reply(550, "unknown", "5.1.1")
    )
    assert isinstance(taken, Sent)
    assert server.bodies == [BODY + b".\r\n"]
    assert len(server.connections) == 1
    assert server.connections[0].count("RSET") == 1


async def test_a_server_that_has_not_forgotten_the_last_message_gets_the_next_on_a_new_line():
    """503 to MAIL is the line's fault: taken for a refusal of the sender, it would stop the run."""
    script = {"mail": [Say("250 2.1.0 fine"), Say("503 5.5.1 nested MAIL command")]}
    async with scripted(script, ["8BITMIME"]) as server:
        first, second = await send(server.settings(), message(1), message(2))

    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert len(server.connections) == 2


async def test_line_is_cut_where_data_is_granted_although_the_recipient_was_refused():
    """RFC 2920 3.1: a body, even an empty one, would be a message to no recipient, or to all."""
    async with scripted({"rcpt": [Say("550 5.1.1 unknown")]}, TOGETHER) as server:
        refused, taken = await send(server.settings(), message(1), message(2))

    assert isinstance(refused, Rejected)
    assert isinstance(taken, Sent)
    assert server.broken_bodies == [b""]
    assert server.bodies == [BODY + b".\r\n"]
    assert len(server.connections) == 2


async def test_refusal_counts_where_the_line_breaks_after_it():
    async with scripted({"rcpt": [Say("550 5.1.1 unknown", hang_up=True)]}, TOGETHER) as server:
        outcome = await offer(server.settings())

    assert outcome == Rejected(
        "the mail server refuses this address", Reply(550, "unknown", "5.1.1")
    )


@pytest.mark.parametrize(
    "act",
    [Say("452 4.3.2 too many transactions"), Say("550 5.7.1 Too many messages in this session")],
)
async def test_worn_line_is_replaced_and_the_message_is_offered_again(act):
    async with scripted({"mail": [Say("250 fine"), act]}, ["8BITMIME"]) as server:
        outcomes = await send(server.settings(), message(1), message(2))

    assert [type(outcome) for outcome in outcomes] == [Sent, Sent]
    assert len(server.connections) == 2


@BOTH_WAYS
async def test_message_too_big_for_mail_from_is_that_message_alone(extensions):
    async with scripted(
        {"mail": [Say("552 5.3.4 too big")], "data": [Say("503 no")]}, extensions
    ) as server:
        outcome = await offer(server.settings())

    assert outcome == Rejected(
        "the mail server refuses this message", Reply(552, "too big", "5.3.4")
    )


async def test_message_over_the_announced_size_never_leaves():
    async with scripted(extensions=("SIZE 20",)) as server:
        outcome = await offer(server.settings())

    assert outcome == Rejected("the message has 29 bytes, the mail server takes 20")
    assert server.connections[0][1:] == ["QUIT"]


@pytest.mark.parametrize(
    ("phase", "line", "error"),
    [
        ("mail", "550 5.7.1 not you", Refused),
        ("mail", "452 4.3.1 disk full", TryLater),
        ("rcpt", "550 5.4.5 daily limit", TryLater),
        ("data", "530 5.7.0 log in", Refused),
        ("dot", "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", Refused),
        ("dot", "432 4.3.2 sender thread limit exceeded", TryLater),
    ],
)
async def test_refusal_of_us_stops_the_run_in_any_phase(phase, line, error):
    async with scripted({phase: [Say(line)]}) as server:
        with pytest.raises(error, match=line.split(" ")[1]):
            await send(server.settings())

    assert server.taken == []


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (
            Say("451 4.3.0 not now"),
            Deferred(
                "the mail server does not take this message now", Reply(451, "not now", "4.3.0")
            ),
        ),
        (
            Say("554 5.7.1 spam"),
            Rejected("the mail server refuses this message", Reply(554, "spam", "5.7.1")),
        ),
        (Say("250 fine", hang_up=True), Sent(Reply(250, "fine"))),
        (Say("251 fine"), Sent(Reply(251, "fine"))),
        (
            HangUp(),
            InDoubt("the message had left when the line broke: the server closed the connection"),
        ),
        (
            Stall(),
            InDoubt("the message had left when the line broke: no answer within 0.05 seconds"),
        ),
        (
            Drip(),
            InDoubt("the message had left when the line broke: no answer within 0.05 seconds"),
        ),
        (
            Say("two hundred"),
            InDoubt(
                "the message had left when the line broke: the server sent an unreadable answer"
            ),
        ),
        (Say("354 go on"), InDoubt("the message had left, and the server answered 354 go on")),
        (
            Say("250-fine", hang_up=True),
            InDoubt("the message had left when the line broke: the server closed the connection"),
        ),
    ],
)
async def test_answer_after_the_final_dot_is_told_as_it_is(act, expected):
    async with scripted({"dot": [act]}) as server:
        outcomes = await send(server.settings(timeout=0.05 if isinstance(act, Stall) else 5))

    assert outcomes == [expected]
    assert server.bodies == [BODY + b".\r\n"]


@pytest.mark.parametrize(
    "script",
    [
        {"rcpt": [Say("550 5.1.1 unknown")], "data": [Say("199 odd")]},
        {"dot": [Say("250 fine\r\n421 4.4.2 closing")]},
        {"dot": [Say("354 go on")]},
    ],
    ids=["neither yes nor no", "unasked", "nonsense"],
)
async def test_line_that_cannot_be_trusted_any_more_carries_nothing_more(script):
    async with scripted(script) as server:
        outcomes = await send(server.settings(), message(1), message(2))

    assert isinstance(outcomes[1], Sent)
    assert len(server.connections) == 2


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "dot"])
async def test_line_that_the_server_closes_took_nothing_and_the_next_message_gets_another(phase):
    """RFC 5321 3.8: 421 is about the connection; 4.2.5: after the dot, too, nothing was taken."""
    async with (
        scripted({phase: [Say("421 4.4.2 closing")]}, ["8BITMIME"]) as server,
        Pool(server.settings()) as pool,
        pool.connection() as connection,
    ):
        with pytest.raises(ConnectionRefusal, match=r"421 4\.4\.2 closing") as raised:
            await deliver(connection, message(1))
        taken_before = list(server.taken)
        outcome = await deliver(connection, message(2))

    assert taken_before == []
    assert isinstance(outcome, Sent)
    assert len(server.connections) == 2
    assert (raised.value.fresh, raised.value.crowded, raised.value.deferred is None) == (
        True,
        True,
        phase == "mail",
    )


async def test_line_lost_between_offer_and_body_leaves_no_doubt():
    async with (
        scripted({"data": [Say("354 go ahead", hang_up=True)]}) as server,
        Pool(server.settings()) as pool,
        pool.connection() as connection,
    ):
        await connection.send_envelope(message())
        await connection._line._closed
        outcome = await connection.send_body(message())

    assert outcome == Deferred(
        "the line broke before the message had left: the server closed the connection"
    )


async def test_server_that_speaks_unasked_after_the_354_gets_no_body():
    async with (
        scripted({"data": [Say("354 go ahead\r\n421 4.3.2 closing")]}) as server,
        Pool(server.settings()) as pool,
        pool.connection() as connection,
    ):
        await connection.send_envelope(message())
        outcome = await connection.send_body(message())

    assert outcome == Deferred(
        "the line broke before the message had left: the server said unasked: 421 4.3.2 closing"
    )
    assert server.bodies == []


async def test_line_lost_within_a_big_body_leaves_no_doubt():
    big = message(body=BIG * 100_000)
    async with scripted({"body": [HangUp(after=CHUNK_SIZE)]}) as server:
        outcomes = await send(server.settings(), big)

    assert [type(outcome) for outcome in outcomes] == [Deferred]
    assert server.bodies == []


async def test_server_that_reads_no_further_within_a_big_body_is_left():
    big = message(body=BIG * 200_000)
    async with scripted({"body": [Stall()]}) as server:
        outcomes = await send(server.settings(timeout=0.2), big)

    assert outcomes == [
        Deferred("the line broke before the message had left: no answer within 0.2 seconds")
    ]


async def test_big_body_arrives_whole():
    big = message(body=(b"." + BIG) * 20_000)
    async with scripted() as server:
        outcomes = await send(server.settings(), big)

    assert [type(outcome) for outcome in outcomes] == [Sent]
    assert server.bodies == [(b".." + BIG) * 20_000 + b".\r\n"]


async def test_offer_that_fails_on_a_new_line_is_put_off():
    async with scripted({"rcpt": [HangUp()]}) as server:
        outcome = await offer(server.settings())

    assert outcome == Deferred(
        "the mail server did not take this message now: the server closed the connection"
    )


@pytest.mark.parametrize(
    "act", [HangUp(), Say("421 4.4.2 idle too long", hang_up=True), Say("???"), Say("120 wait")]
)
@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
async def test_offer_is_repeated_once_where_a_used_line_breaks(phase, act):
    fine = Say("354 go" if phase == "data" else "250 fine")
    async with scripted({phase: [fine, act]}) as server:
        outcomes = await send(server.settings(), message(1), message(2))

    assert [type(outcome) for outcome in outcomes] == [Sent, Sent]
    assert len(server.connections) == 2
    assert len(server.bodies) == 2


async def test_only_the_message_that_was_offered_can_be_handed_over():
    async with (
        scripted() as server,
        Pool(server.settings()) as pool,
        pool.connection() as connection,
    ):
        await connection.send_envelope(message(1))
        with pytest.raises(RuntimeError, match=r"<2@example\.com> was not offered"):
            await connection.send_body(message(2))

    assert server.bodies == []


async def test_body_is_never_handed_over_twice():
    async with (
        scripted() as server,
        Pool(server.settings()) as pool,
        pool.connection() as connection,
    ):
        await deliver(connection, message())
        with pytest.raises(RuntimeError, match="was not offered"):
            await connection.send_body(message())

    assert len(server.bodies) == 1


async def test_abandoned_offer_ends_without_a_body_and_the_connection_serves_on():
    async with (
        scripted() as server,
        Pool(server.settings()) as pool,
        pool.connection() as connection,
    ):
        await connection.send_envelope(message(1))
        await connection.abort()
        outcome = await deliver(connection, message(2))

    assert isinstance(outcome, Sent)
    assert server.broken_bodies == [b""]
    assert [commands[-1] for commands in server.connections] == ["DATA", "QUIT"]


async def test_offer_after_an_offer_never_reaches_the_server_as_a_body():
    async with (
        scripted() as server,
        Pool(server.settings()) as pool,
        pool.connection() as connection,
    ):
        await connection.send_envelope(message(1))
        outcome = await deliver(connection, message(2))

    assert isinstance(outcome, Sent)
    assert (server.broken_bodies, server.bodies) == ([b""], [BODY + b".\r\n"])
    assert len(server.connections) == 2


async def test_sender_that_is_no_address_stops_the_run():
    async with scripted() as server:
        with pytest.raises(ConfigurationError, match="is no address"):
            await offer(server.settings(), message(sender="events at example.com"))
