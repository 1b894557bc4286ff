"""Every phase of the way in has one end, however a server drips, floods or stands still in it."""

import asyncio

import pytest

from onboarding.errors import Refused, TryLater
from onboarding.smtp.connect import Connector
from onboarding.smtp.settings import SmtpSettings
from tests.web.hostile import TICK, Conversation, hostile

pytestmark = pytest.mark.anyio

GREETING = (b"220 mail.example.com ESMTP\r\n",)
EHLO = (*GREETING, b"250-mail.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n")


def then(
    *replies: bytes, piece: bytes, tick: float = TICK, handshake: bool = False
) -> Conversation:
    """Give these replies, one for each command, and then one piece again and again."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, reply in enumerate(replies):
            if number:
                await reader.readuntil(b"\r\n")
            writer.write(reply)
        if len(replies) and not handshake:
            await reader.readuntil(b"\r\n")
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(tick)

    return converse


RECORD = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"

PHASES = [
    pytest.param("none", then(piece=b"2"), id="greeting, byte by byte"),
    pytest.param("none", then(piece=b"220-more to come\r\n"), id="greeting, line by line"),
    pytest.param("none", then(piece=b"2" * 65536, tick=0.0), id="greeting without an end of line"),
    pytest.param(
        "none",
        then(piece=b"220-" + b"x" * 400 + b"\r\n", tick=0.0),
        id="greeting, a flood of lines",
    ),
    pytest.param("none", then(*GREETING, piece=b"250-more to come\r\n"), id="EHLO, line by line"),
    pytest.param(
        "none",
        then(*GREETING, piece=b"250-" + b"x" * 400 + b"\r\n", tick=0.0),
        id="EHLO, a flood of lines",
    ),
    pytest.param("none", then(*EHLO, piece=b"2"), id="log-in, byte by byte"),
    pytest.param("starttls", then(*EHLO, piece=b"2"), id="STARTTLS, byte by byte"),
    pytest.param(
        "starttls",
        then(*EHLO, b"220 go\r\n" + RECORD, piece=b"\0", handshake=True),
        id="handshake after it",
    ),
    pytest.param("tls", then(piece=b""), id="no handshake"),
    pytest.param("tls", then(RECORD, piece=b"\0", handshake=True), id="handshake"),
]


@pytest.mark.parametrize(("security", "conversation"), PHASES)
async def test_phase_of_the_way_in_has_one_end(security, conversation):
    async with hostile(conversation) as server:
        given = {"host": "127.0.0.1", "port": server.port, "security": security, "timeout": 0.4}
        settings = SmtpSettings.model_validate({**given, "username": "events", "password": "word"})
        with pytest.raises((TryLater, Refused)):
            await Connector(settings).open()
