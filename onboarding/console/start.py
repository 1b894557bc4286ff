"""Checks that the console can start, and serves it until the first signal.

Every mistake in `[console]` is said here, in words, before a port is opened.
"""

import ipaddress
import os
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

from onboarding.config import Config
from onboarding.config.console import ConsoleSettings
from onboarding.config.settings import suggest
from onboarding.console.app import make_app
from onboarding.console.console import Console
from onboarding.console.passwords import is_password_hash
from onboarding.console.routes import ROUTES, RouteRow
from onboarding.errors import ConfigurationError
from onboarding.model.foreign_text import printable
from onboarding.web.server import format_origin, serve_application
from onboarding.web.timed_protocol import TimedProtocol

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""How a browser on this machine may name it."""


CLOSING_SECONDS = 2.0
"""How long pages that are under way have to end after the signal: streams say good-bye."""


@asynccontextmanager
async def serve_console(
    console: Console,
    rows: Iterable[RouteRow] = ROUTES,
    protocol: type[TimedProtocol] = TimedProtocol,
) -> AsyncIterator[str]:
    """Serve the console until the block is left; gives its address, without a key.

    Raises ConfigurationError if it can't start.
    """
    settings = console.config.console
    check_settings(console.config)
    tls = load_tls(settings)
    try:
        async with serve_application(
            make_app(console, rows),
            settings.port,
            host=settings.host,
            tls=tls,
            protocol=protocol,
            closing_seconds=CLOSING_SECONDS,
        ) as url:
            console.origins.update(list_origins(settings, url))
            yield settings.public_url or url
    except OSError as error:
        where = format_origin(settings.host, settings.port, is_encrypted=tls is not None)
        raise ConfigurationError(
            f"The console can't listen at {where}: {_describe_system_error(error)}.",
            hint="Is one running already? Set another [console] port, or use --port (0 is any "
            "free one).",
        ) from None


def _describe_system_error(error: OSError) -> str:
    # asyncio puts a sentence around the system's words. A name that is not found has a number below
    # zero, which the system has no words for.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def check_settings(config: Config) -> None:
    """Check that the settings fit together. Raises ConfigurationError with all that is wrong."""
    problems = [*_find_problems(config.console), *_find_user_problems(config)]
    if problems:
        lines = "\n".join(f"{config.file}: {problem}" for problem in problems)
        raise ConfigurationError(lines, hint="The guide on the console shows each set-up.")


def is_loopback_host(host: str) -> bool:
    """Whether only this machine reaches a server there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def list_origins(settings: ConsoleSettings, url: str) -> list[str]:
    """List the addresses by which browsers may reach the console that listens at `url`."""
    if settings.public_url:
        return [settings.public_url]
    if not is_loopback_host(settings.host):
        return [url]
    scheme, _, rest = url.partition("://")
    # Of `host:port`, and of `[::1]:port`, which has colons in the host as well.
    port = rest.rpartition("]")[2].partition(":")[2]
    return [f"{scheme}://{name}:{port}" if port else f"{scheme}://{name}" for name in LOCAL_NAMES]


def load_tls(settings: ConsoleSettings) -> ssl.SSLContext | None:
    """Load the certificate and its key; None without them. Raises ConfigurationError."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An empty password: else OpenSSL would ask for one on the terminal, and cron would hang.
        context.load_cert_chain(certificate, key, password="")
    except FileNotFoundError:
        missing = next((file for file in (certificate, key) if not file.exists()), certificate)
        raise ConfigurationError(
            f"There is no {missing}.", hint="Check [console] tls_certificate and tls_key."
        ) from None
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"{certificate} and {key} can't be used for TLS: {_describe_tls_error(error)}.",
            hint="They have to be PEM files: the certificate with its chain, and its key "
            "without a password.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{certificate} or {key} can't be read: {error.strerror}.",
            hint="This user has to be allowed to read them.",
        ) from None
    return context


def _describe_tls_error(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    return printable(error.reason or "they are no PEM files").lower().replace("_", " ")


def _find_problems(settings: ConsoleSettings) -> Iterator[str]:
    """Say what does not fit together in `[console]` itself."""
    has_tls = bool(settings.tls_certificate and settings.tls_key)
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        yield "[console] tls_certificate and tls_key go together."
    is_local = is_loopback_host(settings.host)
    if not is_local and not has_tls:
        yield (
            f"[console] host = {settings.host!r} is reached from other machines, so it needs "
            "tls_certificate and tls_key."
        )
    if not (is_local and not settings.public_url) and not settings.users:
        yield "[console] is reached from other machines, so it needs users: [console.users.NAME]."
    if settings.public_url.startswith("http:") and not _is_local_url(settings.public_url):
        yield "[console] public_url has to begin with https:// for other machines."
    if settings.host in {"0.0.0.0", "::"} and not settings.public_url:  # noqa: S104 -- compared
        yield f"[console] host = {settings.host!r} has no name of its own, so it needs public_url."


def _is_local_url(url: str) -> bool:
    return is_loopback_host(url.partition("://")[2].rpartition(":")[0].strip("[]"))


def _find_user_problems(config: Config) -> Iterator[str]:
    """Say what is wrong with users: a hash that is missing or malformed, an unknown webinar."""
    for name, user in config.console.users.items():
        variable = f"ONBOARDING_CONSOLE__USERS__{name.upper()}__PASSWORD_HASH"
        if user.password_hash is None:
            yield (
                f"[console.users.{name}] has no password. `onboarding console-password` makes its "
                f"hash, for {variable}."
            )
        elif not is_password_hash(user.password_hash.get_secret_value()):
            yield f"{variable} is no hash that `onboarding console-password` has printed."
        for webinar in user.webinars:
            if webinar not in config.webinars:
                near = suggest(webinar, config.webinars)
                known = f"[console.users.{name}] webinars names {printable(webinar)!r}"
                yield f"{known}, which is not configured. {near}".strip()
