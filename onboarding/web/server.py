"""Starts and stops an HTTP server inside the caller's event loop, on loopback unless asked.

The preview, the simulator and the console use it. No thread, no signal handler and no access log;
it knows no path and no page: those are the application's.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

LOOPBACK = "127.0.0.1"

DEFAULT_KEEP_ALIVE = 5
"""Seconds for which an idle connection is kept: uvicorn's own default."""

HANDSHAKE_SECONDS = 10
"""How long a client may take for TLS's handshake."""

CLOSE_CHECK = 0.01
"""Seconds between two checks whether all connections are closed: uvicorn has no event for that."""


@asynccontextmanager
async def serve_application(
    application: ASGIApp,
    port: int = 0,
    *,
    host: str = LOOPBACK,
    tls: ssl.SSLContext | None = None,
    protocol: type[H11Protocol] = H11Protocol,
    keep_alive: int = DEFAULT_KEEP_ALIVE,
    closing_seconds: float = 0,
) -> AsyncIterator[str]:
    """Serve an application until the block is left; gives its URL, such as `http://127.0.0.1:8031`.

    Port 0 is any free one. On leaving, answers that are under way have `closing_seconds` to end;
    then every connection is aborted, also those of clients that still wait. Raises OSError if the
    port is taken.
    """
    config = _configure(application, protocol, keep_alive)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(config, state, {}), host, port, **_tls_options(tls)
    )
    try:
        yield format_origin(host, server.sockets[0].getsockname()[1], is_encrypted=tls is not None)
    finally:
        server.close()
        if state.tasks and closing_seconds:
            await asyncio.wait(state.tasks, timeout=closing_seconds)
        # A connection can be accepted while we close, so all of them are aborted in each round.
        while state.connections or state.tasks:
            for connection in tuple(state.connections):
                connection.transport.abort()
            await asyncio.sleep(CLOSE_CHECK)
        await server.wait_closed()


def _tls_options(tls: ssl.SSLContext | None) -> dict[str, Any]:
    # asyncio refuses a time limit for a handshake where there is none.
    return {"ssl": tls, "ssl_handshake_timeout": HANDSHAKE_SECONDS} if tls else {}


def format_origin(host: str, port: int, *, is_encrypted: bool) -> str:
    """Write where a server is, as a browser does: `http://127.0.0.1:8031`."""
    scheme, usual = ("https", 443) if is_encrypted else ("http", 80)
    shown = f"[{host}]" if ":" in host else host
    # The usual port is left out in Host and Origin (RFC 9110 4.2, RFC 6454 6.2).
    return f"{scheme}://{shown}" if port == usual else f"{scheme}://{shown}:{port}"


def _configure(
    application: ASGIApp, protocol: type[H11Protocol], keep_alive: int
) -> uvicorn.Config:
    config = uvicorn.Config(
        application,
        http=protocol,
        ws="none",
        lifespan="off",
        # uvicorn would set up logging for the whole process.
        log_config=None,
        access_log=False,
        server_header=False,
        # uvicorn would believe what any program on this machine says of its client's address.
        proxy_headers=False,
        timeout_keep_alive=keep_alive,
    )
    # `uvicorn.Server` would do this. We do without it, because it sets signal handlers.
    config.load()
    return config
