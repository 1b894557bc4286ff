"""Open a connection to the mail server: connect, encrypt with a verified certificate, log in.

aiosmtplib does the three steps, each a method of its own, so that `connection_check` can tell how
far it gets; then `WireProtocol` takes over the transport. A refused encryption never leads to plain
text. What fails becomes `Refused` if a person has to change something (password, certificate,
port), `TryLater` if the server or the way to it is away, `ConnectionRefusal` if the server turned
away only this connection. No message holds more of our side than host, port and user name.
"""

import asyncio
import os
import socket
import ssl
import weakref
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace

import aiosmtplib

from onboarding.errors import ConfigurationError, Interrupted, OnboardingError, Refused, TryLater
from onboarding.files.read import check_file
from onboarding.model.foreign_text import clean
from onboarding.model.known_secrets import NONE, Secrets
from onboarding.smtp.host_names import find_machine_name, select_ehlo_name
from onboarding.smtp.oauth import select_token_source
from onboarding.smtp.phases import ConnectionRefusal, Phase, timeout_for
from onboarding.smtp.protocol import Capabilities, ConnectionLost, WireProtocol
from onboarding.smtp.replies import LOWEST_REFUSAL, classify, clean_reply, parse_reply, reply_error
from onboarding.smtp.settings import LogIn, SmtpSettings
from onboarding.web.tokens import TokenCache
from onboarding.web.variables import check_certificate_variables

UNKNOWN_METHOD = 504
"""The server lacks an AUTH method that it named (RFC 4954 4): the next one may do."""

SECURITY_HINT = 'Usual are security = "starttls" with port 587 and security = "tls" with port 465.'
CERTIFICATE_HINT = (
    "Write the certificate's own name as [smtp] host. Where your company has its own authority, "
    "give its certificate as [smtp] ca_file."
)
LOG_IN_HINT = (
    "Check [smtp] username, and that the token is for this server "
    "and may send mail for this mailbox."
)
AWAY_HINT = (
    "Nothing is lost: run again when it is back. If it never answers, check [smtp] host and port."
)

Failure = aiosmtplib.SMTPException | OSError
"""What connecting, encrypting and logging in can raise. `ssl.SSLError` is an OSError."""


class Connector:
    """The way to the mail server for a whole run: its settings, one TLS context and one token.

    `secrets` are what the server is given at the log-in; if it refuses, it may quote them. `stop`
    ends the wait for a token.

    Raises `ConfigurationError` where the password is missing or the certificate file can't be read.
    """

    def __init__(
        self,
        settings: SmtpSettings,
        machine: Callable[[], str] = find_machine_name,
        stop: asyncio.Event | None = None,
    ) -> None:
        self.settings = settings
        self._machine = machine
        self._context = build_tls_context(settings)
        self._password = load_password(settings)
        # A server may quote the argument of a refused AUTH, and base64 hides nothing.
        encoded = encode_password_arguments(settings.username, self._password)
        self.secrets = Secrets.of(self._password, *encoded)
        self._tokens: TokenCache | None = None
        if settings.auth == "xoauth2":
            self._tokens = TokenCache(select_token_source(settings), stop=stop)
        self._ehlo_name = settings.ehlo_name
        self._opening = asyncio.Lock()
        self._refusal: Refused | None = None
        self._failures: list[OnboardingError] = []
        # Weak, so that a line that its connection has replaced is not kept.
        self._open_lines: weakref.WeakSet[WireProtocol] = weakref.WeakSet()

    async def open(self, instead_of: WireProtocol | None = None) -> WireProtocol:  # noqa: ARG002
        """Open a line, encrypted and logged in.

        `instead_of` is a closed one that it replaces: `CountedConnector` counts them as one.

        One is opened at a time, and none after a refusal: a wrong password costs one failed log-in
        instead of one for each connection, by which accounts get locked. A task that waited while
        the server stayed away gets the same error at once.

        Raises `ConnectionRefusal` if our other connections may still serve: the server turned away
        this one (for a limit on connections, perhaps), or it has accepted others. Otherwise raises
        `Refused`, `TryLater` or `ConfigurationError`.
        """
        return await self.open_unless_failed(self.count_failures())

    def count_failures(self) -> int:
        """Count the failures so far. What fails during a later wait concerns who waits, too."""
        return len(self._failures)

    async def open_unless_failed(self, failed_before: int) -> WireProtocol:
        """Open a line, unless opening another one has failed since there were so many failures."""
        async with self._opening:
            try:
                line = await self._open(failed_before)
            # A stop is no failure of the server, so no other task may be given it as one.
            except Interrupted:
                raise
            except OnboardingError as error:
                raise self._classify_failure(error) from error
            self._open_lines.add(line)
            return line

    async def _open(self, failed_before: int) -> WireProtocol:
        if self._refusal:
            raise self._refusal
        if len(self._failures) > failed_before:
            raise self._failures[-1]
        async with AsyncExitStack() as undo:
            smtp = await self.open_tcp()
            # Until the log-in is done, every way out closes the socket, a cancellation too.
            undo.push_async_callback(send_quit, smtp)
            await self.encrypt(smtp)
            try:
                await self.log_in(smtp)
            # Kept even while other lines serve: one more try counts towards a locked account.
            except Refused as error:
                self._refusal = error
                raise
            # From here on the line owns the socket. What fails below finds it closed already.
            undo.pop_all()
            return self.take_over(smtp)

    async def release(self, line: WireProtocol) -> None:
        """Take note that a line is closed: `CountedConnector` then frees its slot."""

    def may_use(self, line: WireProtocol) -> bool:  # noqa: ARG002 -- `CountedConnector` asks it
        """Tell whether an open line may carry another message."""
        return True

    def _classify_failure(self, error: OnboardingError) -> OnboardingError:
        """Decide whether an error stops this connection or the run, and return it as such."""
        # A server that serves another line of ours takes us, but not this many at once.
        if any(line.is_open for line in self._open_lines):
            return ConnectionRefusal(error.message, hint=error.hint, crowded=True)
        # Such as a certificate that can't be trusted: each further connection would meet the same.
        if isinstance(error, Refused):
            self._refusal = error
        if isinstance(error, ConnectionRefusal) and error.phase is Phase.LOGIN:
            # Failed log-ins are counted, so no other connection tries another one.
            error = TryLater(error.message, hint=error.hint)
        # A refusal of one connection says nothing to the tasks that wait to open theirs.
        if not isinstance(error, ConnectionRefusal):
            self._failures.append(error)
        return error

    async def open_tcp(self) -> aiosmtplib.SMTP:
        """Connect, with TLS from the first byte if the settings say so, and read the greeting."""
        smtp = aiosmtplib.SMTP(
            hostname=self.settings.host,
            port=self.settings.port,
            # Not sent yet: the name for EHLO may need our address, which is known below.
            local_hostname=self._ehlo_name or "localhost",
            # aiosmtplib uses it for each command up to the log-in, too.
            timeout=timeout_for(Phase.GREETING, self.settings.timeout),
            use_tls=self.settings.security == "tls",
            # aiosmtplib by itself encrypts only where that is offered; `encrypt` insists on it.
            start_tls=False,
            tls_context=self._context,
        )
        with self._translate_errors(Phase.GREETING):
            await smtp.connect()
            # Here as well: the server may have hung up right after its greeting.
            socket_name = smtp.get_transport_info("sockname")
        self._ehlo_name = self._ehlo_name or await self._select_ehlo_name(socket_name)
        smtp.local_hostname = self._ehlo_name
        return smtp

    async def _select_ehlo_name(self, socket_name: object) -> str:
        """Find the name for EHLO, once for all connections."""
        address = str(socket_name[0]) if isinstance(socket_name, tuple) else ""
        return select_ehlo_name(await asyncio.to_thread(self._machine), address)

    async def encrypt(self, smtp: aiosmtplib.SMTP) -> None:
        """Ask what the server offers (EHLO), and encrypt where the settings want STARTTLS."""
        with self._translate_errors(Phase.EHLO):
            await smtp.ehlo()
        if self.settings.security != "starttls":
            return
        # An attacker on the way can strip the offer (RFC 3207 6): no offer never means plain text.
        if not smtp.supports_extension("starttls"):
            raise Refused(
                f"The mail server {self.settings.host_and_port} offers no encryption (STARTTLS).",
                hint=SECURITY_HINT,
            )
        with self._translate_errors(Phase.STARTTLS):
            await smtp.starttls()
        # RFC 3207 4.2: what was offered in plain text may be forged, and counts no more.
        with self._translate_errors(Phase.EHLO):
            await smtp.ehlo()

    def find_cipher(self, smtp: aiosmtplib.SMTP) -> str:
        """Find how the connection is encrypted; empty if it is not. Raises like `encrypt`."""
        with self._translate_errors(Phase.EHLO):
            cipher = smtp.get_transport_info("cipher")
        return str(cipher[1]) if cipher else ""

    async def log_in(self, smtp: aiosmtplib.SMTP) -> None:
        """Log in as the settings say."""
        if self.settings.auth == "password":
            await self._log_in_by_password(smtp)
        elif self._tokens:
            await self._log_in_by_token(smtp, self._tokens)

    def take_over(self, smtp: aiosmtplib.SMTP) -> WireProtocol:
        """Make a line of the logged-in connection. Raises `TryLater` if the server closed it."""
        with self._translate_errors(Phase.LOGIN):
            if smtp.transport is None:
                raise aiosmtplib.SMTPServerDisconnected("closed after the log-in")
            return adopt_transport(smtp.transport, smtp, self.secrets)

    async def _log_in_by_password(self, smtp: aiosmtplib.SMTP) -> None:
        """Log in by the first method that both sides know. One try: failed log-ins are counted."""
        # PLAIN comes first: the line is encrypted or on loopback, and CRAM-MD5 needs a server that
        # stores passwords readably.
        methods = {
            "plain": smtp.auth_plain,
            "login": smtp.auth_login,
            "cram-md5": smtp.auth_crammd5,
        }
        offered = [method for name, method in methods.items() if name in smtp.server_auth_methods]
        if not offered:
            raise self._no_method_error("by password", smtp)
        with self._translate_errors(Phase.LOGIN):
            for method in offered:
                try:
                    await method(self.settings.username, self._password)
                except aiosmtplib.SMTPAuthenticationError as error:
                    if error.code != UNKNOWN_METHOD or method is offered[-1]:
                        raise
                else:
                    return

    async def _log_in_by_token(self, smtp: aiosmtplib.SMTP, tokens: TokenCache) -> None:
        """Log in by an access token. A cached token may be revoked: another is tried once."""
        if "xoauth2" not in smtp.server_auth_methods:
            raise self._no_method_error("by access token (XOAUTH2)", smtp)
        token = await tokens.current()
        # Before AUTH leaves: the answer to it may quote the token.
        self.secrets = Secrets.of(token)
        with self._translate_errors(Phase.LOGIN):
            try:
                await smtp.auth_xoauth2(self.settings.username, token.get_secret_value())
            except aiosmtplib.SMTPAuthenticationError:
                another = await tokens.current(refused=token)
                # A program may print the same token again. It would fail again, and failures are
                # counted.
                if another == token:
                    raise
                self.secrets |= Secrets.of(another)
                await smtp.auth_xoauth2(self.settings.username, another.get_secret_value())

    def _no_method_error(self, wanted: str, smtp: aiosmtplib.SMTP) -> Refused:
        methods = clean(", ".join(name.upper() for name in smtp.server_auth_methods))
        offered = methods or "none at all"
        server = self.settings.host_and_port
        return Refused(
            f"The mail server {server} offers no log-in {wanted}, but {offered}.",
            hint="Check [smtp] auth and security.",
        )

    @contextmanager
    def _translate_errors(self, phase: Phase) -> Iterator[None]:
        try:
            yield
        except (aiosmtplib.SMTPException, OSError) as error:
            raise connection_error(phase, error, self.settings, self.secrets) from error


def build_tls_context(settings: LogIn) -> ssl.SSLContext | None:
    """Make the TLS context of a run; None without encryption. Certificates are always verified."""
    if settings.security == "none":
        return None
    try:
        if settings.ca_file:
            # OpenSSL would wait for ever where the name is that of a FIFO.
            check_file(settings.ca_file)
        else:
            # With a `ca_file` Python loads no default certificates, so the variables play no part.
            check_certificate_variables(os.environ)
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigurationError(
            f"The certificate file {settings.ca_file} can't be read: {why}.",
            hint=f"[{settings.section}] ca_file names a file of certificates in PEM form.",
        ) from error


def load_password(settings: SmtpSettings) -> str:
    """Load the password; empty where none is used. Raises `ConfigurationError` if it is missing."""
    if settings.auth != "password":
        return ""
    if settings.password is None:
        raise ConfigurationError(
            f"The password of {settings.username} for the mail server {settings.host} is missing.",
            hint="Set ONBOARDING_SMTP__PASSWORD, or put a file of that name into "
            "the secrets folder.",
        )
    return settings.password.get_secret_value()


def encode_password_arguments(username: str, password: str) -> list[str]:
    """Encode the arguments of AUTH as they are sent (RFC 4616, RFC 4954 4).

    Those of CRAM-MD5 and XOAUTH2 have over 40 characters of base64: `clean` removes them always.
    """
    if not password:
        return []
    # One for PLAIN, and the two that LOGIN sends one after the other.
    arguments = (f"\0{username}\0{password}", username, password)
    return [b64encode(argument.encode()).decode() for argument in arguments]


def adopt_transport(
    transport: asyncio.BaseTransport, smtp: aiosmtplib.SMTP, secrets: Secrets = NONE
) -> WireProtocol:
    """Put our protocol on aiosmtplib's transport: aiosmtplib no longer reads or writes."""
    return WireProtocol(transport, Capabilities.parse(smtp.esmtp_extensions), secrets)


async def send_quit(smtp: aiosmtplib.SMTP) -> None:
    """Send QUIT and close, without waiting: the log-in has failed, perhaps amid a command."""
    if smtp.transport is None:
        return
    line = adopt_transport(smtp.transport, smtp)
    # So `close` neither sends a second QUIT nor waits for the answer.
    line.in_transaction = True
    with suppress(ConnectionLost):
        line.write(b"QUIT\r\n")
    await line.close(0)


def connection_error(
    phase: Phase, failure: Failure, settings: SmtpSettings, secrets: Secrets = NONE
) -> OnboardingError:
    """Make a failure at a phase before the first message into the error that stops the run.

    `secrets` are what the server was given: the answer to a log-in may quote it.
    """
    if isinstance(failure, aiosmtplib.SMTPResponseException):
        return _as_reply_error(phase, failure, settings, secrets)
    # aiosmtplib wraps the system's error: only the cause tells a wrong name from a certificate.
    cause = failure.__cause__ if isinstance(failure, aiosmtplib.SMTPConnectError) else None
    return _as_network_error(phase, cause or failure, settings)


def _as_network_error(
    phase: Phase, cause: BaseException, settings: SmtpSettings
) -> OnboardingError:
    server = settings.host_and_port
    match cause:
        # The order matters: this one is an `SSLError` too.
        case ssl.SSLCertVerificationError():
            why = clean(cause.verify_message).rstrip(".")
            message = f"The certificate of {server} can't be trusted: {why}."
            return Refused(message, hint=CERTIFICATE_HINT)
        case ssl.SSLError():
            return Refused(f"{server} does not begin an encrypted connection.", hint=SECURITY_HINT)
        # A DNS that is away looks like a name that does not exist, so a later run may succeed.
        case socket.gaierror():
            message = f"The mail server's name {settings.host} is not known here."
            return TryLater(message, hint=AWAY_HINT)
        case TimeoutError():
            message = f"The mail server {server} did not answer in time."
            # A server that waits for TLS, and a client that waits for a greeting, wait for ever.
            return TryLater(message, hint=f"{AWAY_HINT} {SECURITY_HINT}")
        case _:
            message = f"The mail server {server} can't be reached, or closed the connection."
            return ConnectionRefusal(message, hint=AWAY_HINT, phase=phase)


def _as_reply_error(
    phase: Phase,
    failure: aiosmtplib.SMTPResponseException,
    settings: SmtpSettings,
    secrets: Secrets,
) -> OnboardingError:
    # aiosmtplib gives -1 to what is no reply, such as a web server's answer.
    if failure.code < LOWEST_REFUSAL:
        return Refused(
            f"{settings.host_and_port} does not answer as a mail server.",
            hint="Check [smtp] host and port.",
        )
    reply = clean_reply(parse_reply(failure.code, failure.message.split("\n")), secrets)
    meaning = classify(phase, reply, settings.provider)
    if phase is Phase.LOGIN and settings.auth == "xoauth2" and not meaning.hint:
        meaning = replace(meaning, hint=LOG_IN_HINT)
    return reply_error(phase, reply, settings.host_and_port, meaning)
