"""Serves the console until the first signal. What keeps it from starting is said in words."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager

from onboarding.config.console import ConsoleSettings
from onboarding.console.app import make_app
from onboarding.console.checks import check_settings, is_loopback_host
from onboarding.console.console import Console
from onboarding.console.routes import ROUTES, RouteRow
from onboarding.console.tls import load_tls
from onboarding.errors import ConfigurationError
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
    server = serve_application(
        make_app(console, rows),
        settings.port,
        host=settings.host,
        tls=load_tls(settings),
        protocol=protocol,
        closing_seconds=CLOSING_SECONDS,
    )
    async with AsyncExitStack() as stack:
        # The pages end first. Then the acts at work get their stop, and finish what they must; so
        # do the plans.
        await stack.enter_async_context(aclosing(console.plans))
        await stack.enter_async_context(aclosing(console.tasks))
        url = await _open_port(stack, server, settings)
        console.origins.update(list_origins(settings, url))
        yield settings.public_url or url


async def _open_port(
    stack: AsyncExitStack, server: AbstractAsyncContextManager[str], settings: ConsoleSettings
) -> str:
    """Start the server; gives its address. Raises ConfigurationError if the port can't be had."""
    try:
        return await stack.enter_async_context(server)
    except OSError as error:
        is_encrypted = settings.tls_certificate is not None
        where = format_origin(settings.host, settings.port, is_encrypted=is_encrypted)
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


def list_origins(settings: ConsoleSettings, url: str) -> list[str]:
    """List the addresses by which browsers may reach the console that listens at `url`."""
    # Not the address behind the proxy, too: by that a page could go around the proxy's own rules.
    if settings.public_url:
        return [settings.public_url]
    if not is_loopback_host(settings.host):
        return [url]
    scheme, _, rest = url.partition("://")
    # Of `host:port`, and of `[::1]:port`, which has colons in the host as well.
    port = rest.rpartition("]")[2].partition(":")[2]
    return [f"{scheme}://{name}:{port}" if port else f"{scheme}://{name}" for name in LOCAL_NAMES]
