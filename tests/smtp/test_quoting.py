"""A server that quotes what it was sent: no outcome and no error holds a link or a secret."""

import base64
import re
import sys
from collections.abc import Callable
from textwrap import wrap

import pytest
from pydantic import SecretStr

from onboarding.errors import Refused, TryLater
from onboarding.model.deliveries import Deferred, InDoubt, Rejected, Sent
from onboarding.smtp.connection_check import check_connection
from tests.smtp.scripted import Quote, Say, scripted
from tests.smtp.steps import message, offer, send

pytestmark = pytest.mark.anyio

TOKEN = "8f3a9c0d1e2b4a5f6a7b8c9d0e1f2a3b"
LINK = f"https://v.ringcentral.example/join/{TOKEN}"
LETTER = message(body=f"Subject: x\r\n\r\nJoin: {LINK}\r\n".encode(), join_link=SecretStr(LINK))
ACCOUNT = "events@example.com"
PASSWORD = "grün-and-geheim-17"
ACCESS = "ya29.A0ARrdaM-k9vqGzA8Yl1"


def line(code: str, text: str) -> str:
    return f"{code} {text}"


def lines(code: str, text: str, width: int) -> str:
    """A reply of several lines, each of so many characters."""
    *first, last = wrap(text, width)
    return "\r\n".join([*(f"{code}-{line}" for line in first), f"{code} {last}"])


QUOTATIONS: dict[str, Callable[[str], str]] = {
    "the link": lambda code: line(code, f"blocked by policy: {LINK}."),
    "the link without its scheme": lambda code: line(code, LINK.removeprefix("https://")),
    "the token": lambda code: line(code, f"{TOKEN} is no word"),
    "half of the token": lambda code: line(code, f"{TOKEN[:18]}..."),
    "lines": lambda code: lines(code, f"blocked: {LINK}", 20),
    "quoted-printable": lambda code: line(code, f"<a href=3D{LINK.replace(':', '=3A')}>"),
    "soft line breaks": lambda code: lines(code, re.sub("(.{30})", r"\1= ", LINK), 31),
    "percent signs": lambda code: line(code, "".join(f"%{ord(char):02X}" for char in LINK)),
    "base64": lambda code: lines(code, base64.b64encode(LETTER.body).decode(), 30),
}


@pytest.mark.parametrize("quotation", QUOTATIONS)
@pytest.mark.parametrize(
    ("phase", "code", "kind"),
    [
        ("rcpt", "550", Rejected),
        ("rcpt", "450", Deferred),
        ("dot", "554", Rejected),
        ("dot", "451", Deferred),
        ("dot", "250", Sent),
        ("dot", "354", InDoubt),
        ("rcpt", "354", Deferred),
    ],
)
async def test_no_outcome_holds_the_messages_link(quotation, phase, code, kind):
    async with scripted({phase: [Say(QUOTATIONS[quotation](code))]}, extensions=()) as server:
        (outcome,) = await send(server.settings(), LETTER)

    assert type(outcome) is kind
    assert_tells_nothing(str(outcome))


@pytest.mark.parametrize("quotation", QUOTATIONS)
@pytest.mark.parametrize(
    ("phase", "code"), [("mail", "550"), ("rcpt", "530"), ("dot", "535"), ("dot", "454")]
)
async def test_no_error_that_stops_the_run_holds_the_messages_link(quotation, phase, code):
    async with scripted({phase: [Say(QUOTATIONS[quotation](code))]}) as server:
        with pytest.raises((Refused, TryLater)) as raised:
            await send(server.settings(), LETTER)

    assert_tells_nothing(str(raised.value))


@pytest.mark.parametrize("quotation", QUOTATIONS)
async def test_what_a_server_says_unasked_holds_no_link(quotation):
    quoted = QUOTATIONS[quotation]("421")
    async with scripted({"mail": [Say(f"250 2.1.0 fine\r\n{quoted}")]}, extensions=()) as server:
        (outcome,) = await send(server.settings(), LETTER)

    assert isinstance(outcome, Deferred)
    assert_tells_nothing(str(outcome))


async def test_a_message_is_taken_with_its_queue_id_though_the_answer_quotes_the_link():
    async with scripted({"dot": [Say(f"250 2.0.0 Ok: queued as 4XyZ1 ({LINK})")]}) as server:
        (outcome,) = await send(server.settings(), LETTER)

    assert isinstance(outcome, Sent)
    assert (outcome.reply.queue_id, outcome.reply.text) == (
        "4XyZ1",
        "Ok: queued as 4XyZ1 ((link to v.ringcentral.example))",
    )


async def test_the_next_persons_link_is_looked_for_in_the_next_answer():
    other = TOKEN[::-1]
    second = message(2, join_link=SecretStr(f"https://v.ringcentral.example/join/{other}"))
    async with scripted({"dot": [Say(f"554 {TOKEN}"), Say(f"554 {other}")]}) as server:
        outcomes = await send(server.settings(), LETTER, second)

    assert [str(outcome.reply) for outcome in outcomes] == ["554 (removed)"] * 2


ECHOES: dict[str, Callable[[str], str]] = {
    "as sent": lambda sent: sent,
    "decoded": lambda sent: base64.b64decode(sent.split()[-1]).decode(errors="replace"),
    "without padding": lambda sent: sent.rstrip("="),
    "cut off": lambda sent: sent[: len(sent) * 3 // 4],
}


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("method", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
async def test_no_refused_log_in_holds_what_was_sent(method, echo):
    program = {"token_command": [sys.executable, "-c", f"print('{ACCESS}')"]}
    credentials = program if method == "XOAUTH2" else {"password": PASSWORD}
    challenge = (
        [Say("334 PDE4OTYuNjk3MTcwOTUyQG1haWwuZXhhbXBsZS5jb20+")]
        if method in ("LOGIN", "CRAM-MD5")
        else []
    )
    heard: list[str] = []

    def refusal(received: bytes) -> str:
        heard.append(received.decode().split()[-1])
        return f"535 5.7.8 can't log in with {ECHOES[echo](heard[-1])}".replace("\0", " ").replace(
            "\x01", " "
        )

    script = {"auth": [*challenge, Quote(refusal), Quote(refusal)]}
    async with scripted(script, [f"AUTH {method}"]) as server:
        settings = server.settings(username=ACCOUNT, **credentials)
        with pytest.raises(Refused) as raised:
            await offer(settings)
        server.script["auth"] = [*challenge, Quote(refusal), Quote(refusal)]
        findings = await check_connection(settings, ACCOUNT)

    assert heard
    for shown in (str(raised.value), str(findings)):
        assert_tells_nothing(shown)
        assert heard[0] not in shown
        assert PASSWORD not in shown
        assert ACCESS not in shown


async def test_a_short_password_is_taken_out_as_a_word():
    script = {"auth": [Say("535 5.7.8 the password pw1 of spw12 is wrong: AHUAcHcx")]}
    async with scripted(script, ["AUTH PLAIN"]) as server:
        with pytest.raises(
            Refused, match=r"the password \(removed\) of spw12 is wrong: \(removed\)"
        ):
            await offer(server.settings(username="u", password="pw1"))


async def test_the_methods_that_a_server_names_are_printed_harmlessly():
    async with scripted(extensions=["AUTH X\x1b[31mEVIL https://v.example/x"]) as server:
        with pytest.raises(Refused) as raised:
            await offer(server.settings(username=ACCOUNT, password=PASSWORD))

    assert raised.value.message.isprintable()
    assert "https" not in raised.value.message.lower()


def assert_tells_nothing(text: str) -> None:
    """No run of ten characters of the token, in any case or alphabet that the tests quote it in."""
    assert all(map(str.isprintable, text.splitlines()))
    squeezed = re.sub(r"[^a-z0-9]", "", text.lower())
    for secret in (
        TOKEN,
        *(base64.b64encode(b"x" * n + LINK.encode()).decode().lower() for n in range(3)),
    ):
        assert not [
            start for start in range(len(secret) - 9) if secret[start : start + 10] in squeezed
        ]
