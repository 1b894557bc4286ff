"""A real mail server (aiosmtpd) on loopback, with TLS and every kind of log-in.

It knows one user. What it took, and how each user logged in, is recorded.
"""

import asyncio
import base64
import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, auth_mechanism

from onboarding.smtp.settings import SmtpSettings

USER, PASSWORD, TOKEN = "events@example.com", "pass wörd", "ya29.token"
CHALLENGE = "<1896.697170952@mail.example.com>"


@dataclass
class Relay:
    """The running server: aiosmtpd calls these hooks by their names."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    """Each attempt: the mechanism, and whether it was good."""

    def settings(self, **changes: Any) -> SmtpSettings:
        return SmtpSettings(**{"host": "127.0.0.1", "port": self.port, "timeout": 5.0, **changes})

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.bodies.append(envelope.original_content)
        return "250 2.0.0 Ok: queued as R1"

    def note(self, mechanism: str, *, good: bool) -> AuthResult:
        self.logins.append(f"{mechanism} {'accepted' if good else 'refused'}")
        return AuthResult(success=good, handled=False)

    def check(
        self, _server, _session, _envelope, mechanism: str, login: LoginPassword
    ) -> AuthResult:
        return self.note(mechanism, good=login == LoginPassword(USER.encode(), PASSWORD.encode()))

    @auth_mechanism("CRAM-MD5")
    async def auth_cram_md5(self, server: SMTP, _args: list[str]) -> AuthResult:
        answer = await server.challenge_auth(CHALLENGE)
        digest = hmac.new(PASSWORD.encode(), CHALLENGE.encode(), "md5").hexdigest()
        return self.note("CRAM-MD5", good=answer == f"{USER} {digest}".encode())

    @auth_mechanism("XOAUTH2")
    async def auth_xoauth2(self, server: SMTP, args: list[str]) -> AuthResult:
        good = base64.b64decode(args[1]) == f"user={USER}\x01auth=Bearer {TOKEN}\x01\x01".encode()
        if not good:  # the protocol asks for an empty answer to an explanation
            await server.challenge_auth('{"status":"401"}')
        return self.note("XOAUTH2", good=good)


@asynccontextmanager
async def relay(
    tls: ssl.SSLContext | None = None, *, implicit: bool = False, offers: str = "", **options: Any
) -> AsyncIterator[Relay]:
    """Run it on a free loopback port. `offers` names the log-ins it knows, none where empty."""
    running = Relay()
    lines: WeakSet[SMTP] = WeakSet()
    unwanted = {"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"} - set(offers.split())

    def line() -> SMTP:
        protocol = SMTP(
            running,
            hostname="mail.example.com",
            loop=asyncio.get_running_loop(),
            tls_context=None if implicit else tls,
            authenticator=running.check,
            auth_exclude_mechanism=unwanted,
            **options,
        )
        lines.add(protocol)
        return protocol

    server = await asyncio.get_running_loop().create_server(
        line, "127.0.0.1", 0, ssl=tls if implicit else None
    )
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        while any(line.transport for line in lines):  # noqa: ASYNC110 - aiosmtpd has no event
            await asyncio.sleep(0)
        await server.wait_closed()
