"""A mail catcher: an SMTP server on loopback that keeps mail as `.eml` files, delivering none.

Built on aiosmtpd. The bytes are kept exactly as they came; the envelopes are beside them in
`envelopes.jsonl`, so memory stays flat with any amount of mail. `MailRules` say what it refuses,
for tests. `serve_mail` starts and stops it, inside the caller's event loop.
"""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, cast
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from onboarding.model.addresses import address_key
from onboarding.web.server import LOOPBACK

HOSTNAME = "catcher.example"
ENVELOPES = "envelopes.jsonl"
LONGEST_RECIPIENT = 120
"""Bytes of the recipient in a file's name: some file systems have 143 for the whole name."""

AS_SENT = "surrogateescape"
"""An address may be no UTF-8 at all: its bytes are kept as they came."""

OK = "250 2.0.0 Ok: caught as"
NO_LOGIN = "530 5.7.0 Authentication required"
NO_ROOM = "452 4.3.1 Can't store it:"
LATER = "451 4.7.1 Try again later"


@dataclass(frozen=True, slots=True)
class MailRules:
    """What the mail catcher demands and refuses. By default it takes everything, and any log-in.

    `refuse` and `defer_once` go by recipient: the reply to the former is the mapping's value, each
    time; the latter are deferred, once. `refuse_sender` is the reply to every MAIL (blank: none).
    `lose_reply`: mail to these recipients is taken, but the connection is aborted before the reply.
    """

    username: str = ""
    password: SecretStr | None = None
    needs_login: bool = False
    starttls: ssl.SSLContext | None = None
    needs_starttls: bool = False
    tls: ssl.SSLContext | None = None
    refuse: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    defer_once: frozenset[str] = frozenset()
    refuse_sender: str = ""
    lose_reply: frozenset[str] = frozenset()
    size_limit: int = 33_554_432


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One message: its number, its envelope, and its bytes as they came (without dot-stuffing)."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    file: Path | None = None


class MailStore(Protocol):
    """Where caught mail goes."""

    def keep(self, sender: str, recipients: tuple[str, ...], content: bytes) -> CaughtMail:
        """Keep one message."""

    def messages(self) -> tuple[CaughtMail, ...]:
        """Return what was kept, in order."""


class MemoryStore:
    """Keeps mail in memory: for tests, never for much."""

    def __init__(self) -> None:
        self._kept: list[CaughtMail] = []

    def keep(self, sender: str, recipients: tuple[str, ...], content: bytes) -> CaughtMail:
        """Keep one message."""
        caught = CaughtMail(len(self._kept) + 1, sender, recipients, content)
        self._kept.append(caught)
        return caught

    def messages(self) -> tuple[CaughtMail, ...]:
        """Return what was kept, in order."""
        return tuple(self._kept)


class FolderStore:
    """Keeps mail as `0001-ada@example.com.eml`, readable by its owner only: it holds join links.

    A folder that holds mail already gets more: numbers go on, nothing is overwritten.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        numbers = (file.name.partition("-")[0] for file in path.glob("*.eml"))
        # The highest and not the count, because files may have been deleted.
        self._number = max((int(number) for number in numbers if number.isdecimal()), default=0)

    def keep(self, sender: str, recipients: tuple[str, ...], content: bytes) -> CaughtMail:
        """Write one message, then its line in `envelopes.jsonl`."""
        self._number += 1
        file = self._path / f"{self._number:04d}-{_clean_recipient(recipients[0])}.eml"
        # The message before its line: a line without its file would break every later reading.
        # `O_EXCL`: never over another message, even if two catchers share a folder.
        _write_file(file, content, os.O_EXCL)
        envelope = {
            "number": self._number,
            "file": file.name,
            "sender": sender,
            "recipients": recipients,
        }
        line = f"{json.dumps(envelope, ensure_ascii=False)}\n"
        _write_file(self._path / ENVELOPES, line.encode(errors=AS_SENT), os.O_APPEND)
        return CaughtMail(self._number, sender, recipients, content, file)

    def messages(self) -> tuple[CaughtMail, ...]:
        """Read what was kept, in order."""
        return tuple(self._read_mail(json.loads(line)) for line in self._read_envelopes())

    def _read_mail(self, line: Mapping[str, Any]) -> CaughtMail:
        file = self._path / line["file"]
        return CaughtMail(
            line["number"], line["sender"], tuple(line["recipients"]), file.read_bytes(), file
        )

    def _read_envelopes(self) -> list[str]:
        envelopes = self._path / ENVELOPES
        if not envelopes.exists():
            return []
        # Only at line feeds: an address may contain what `splitlines` takes for a line's end.
        return envelopes.read_text(encoding="utf-8", errors=AS_SENT).split("\n")[:-1]


class SmtpHandler:
    """Decides what the server replies, by the hooks of aiosmtpd."""

    def __init__(self, store: MailStore, rules: MailRules) -> None:
        self._store = store
        self._rules = rules
        self._refuse = {address_key(address): reply for address, reply in rules.refuse.items()}
        self._defer = {address_key(address) for address in rules.defer_once}
        self._lose = {address_key(address) for address in rules.lose_reply}

    def authenticate(
        self,
        _server: SMTP,
        _session: Session,
        _envelope: Envelope,
        _mechanism: str,
        login: LoginPassword,
    ) -> AuthResult:
        """Take the log-in that the rules name, or any."""
        if self._rules.password is None:
            return AuthResult(success=True)
        wanted = (self._rules.username.encode(), self._rules.password.get_secret_value().encode())
        # `handled=False` lets aiosmtpd send its own reply to a wrong log-in.
        return AuthResult(success=(login.login, login.password) == wanted, handled=False)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd finds its hooks by name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer MAIL."""
        if self._rules.needs_login and not session.authenticated:
            return NO_LOGIN
        if self._rules.refuse_sender:
            return self._rules.refuse_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds its hooks by name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer RCPT."""
        key = address_key(address)
        if key in self._refuse:
            return self._refuse[key]
        if key in self._defer:
            # One set for all connections: the second try may come over another one.
            self._defer.discard(key)
            return LATER
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802 - aiosmtpd finds its hooks by name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the message, then answer the final dot."""
        recipients = tuple(envelope.rcpt_tos)
        # The original bytes: tests compare them with what was verified before it left.
        sender, content = envelope.mail_from or "", envelope.original_content or b""
        try:
            caught = self._store.keep(sender, recipients, content)
        except OSError as error:
            # A 4xx, because a full disk passes: the client keeps the message.
            return f"{NO_ROOM} {error.strerror}"
        if self._lose.intersection(map(address_key, recipients)):
            abort_connection(server)
            # No reply is ever made: aiosmtpd cancels this task once the connection is gone.
            await asyncio.Event().wait()
        return f"{OK} {caught.number:04d}"


def make_smtp_factory(
    store: MailStore, rules: MailRules, connections: WeakSet[SMTP]
) -> Callable[[], SMTP]:
    """Return a function that makes each new connection's protocol and adds it to `connections`."""
    catcher = SmtpHandler(store, rules)
    loop = asyncio.get_running_loop()

    def make_protocol() -> SMTP:
        smtp = SMTP(
            catcher,
            hostname=HOSTNAME,
            data_size_limit=rules.size_limit,
            enable_SMTPUTF8=True,
            tls_context=rules.starttls,
            require_starttls=rules.needs_starttls,
            # Nothing leaves this machine, so a rehearsal needs no certificate to log in.
            auth_require_tls=False,
            authenticator=catcher.authenticate,
            loop=loop,
        )
        connections.add(smtp)
        return smtp

    return make_protocol


def abort_connection(connection: SMTP) -> None:
    """Abort a client's connection; what is on its way is lost."""
    if connection.transport:
        # aiosmtpd's type of it has no `abort`.
        cast("asyncio.Transport", connection.transport).abort()


def _clean_recipient(recipient: str) -> str:
    """Return a recipient's address as a part of a file's name that every file system takes."""
    # An address may hold a slash, which must not lead out of the folder.
    name = "".join(char if char.isalnum() or char in "@._+-" else "_" for char in recipient)
    # File systems count bytes, so this may cut a character in two: its half is dropped.
    return name.encode()[:LONGEST_RECIPIENT].decode(errors="ignore")


def _write_file(file: Path, content: bytes, flag: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | flag, 0o600), "wb") as stream:
        stream.write(content)


@dataclass(frozen=True, slots=True)
class RunningMail:
    """The mail catcher while it runs."""

    port: int
    store: MailStore

    def messages(self) -> tuple[CaughtMail, ...]:
        """Return what was caught so far, in order."""
        return self.store.messages()


@asynccontextmanager
async def serve_mail(
    kept_in: Path | MailStore | None, *, port: int = 0, rules: MailRules | None = None
) -> AsyncIterator[RunningMail]:
    """Catch mail at `127.0.0.1:port` (0: a free port) until the block is left.

    `kept_in` is a folder, or the store that gets the messages; None keeps them in memory, for
    tests.

    Raises OSError if the port is taken, or the folder can't be written.
    """
    store = FolderStore(kept_in) if isinstance(kept_in, Path) else kept_in or MemoryStore()
    rules = rules or MailRules()
    connections: WeakSet[SMTP] = WeakSet()
    factory = make_smtp_factory(store, rules, connections)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, LOOPBACK, port, ssl=rules.tls)
    try:
        yield RunningMail(_find_port(server), store)
    finally:
        server.close()
        await _close_connections(connections)
        await server.wait_closed()


async def _close_connections(connections: WeakSet[SMTP]) -> None:
    # aiosmtpd has no event for the end of a connection, so this asks until all are gone.
    while any(connection.transport for connection in connections):
        for connection in tuple(connections):
            abort_connection(connection)
        await asyncio.sleep(0)


def _find_port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
