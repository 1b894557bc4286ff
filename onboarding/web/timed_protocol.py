"""HTTP for clients that may be slow on purpose: each step of a request has an end.

uvicorn waits for ever for the rest of a request's head, and for a client that stops reading. Here
both end by a time limit, and there is a limit of connections. Bodies are the application's to time.
"""

import asyncio
import logging
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long the head of a request may take, from its first byte or the connection's start."""

UNREAD_SECONDS = 30.0
"""How long a client may leave a full buffer unread."""

LARGEST_HEAD = 16 * 1024
"""Bytes of a request's head, cookies included. One that comes in one piece passes all the same."""

# Not by `getLogger`: this one belongs to nothing that could be set to speak.
SILENT = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001 -- see above
"""Says nothing: else every broken request would be a line, and strangers could fill a log."""

MOST_CONNECTIONS = 400
"""Connections at once: beyond the event streams there is room for pages, and no more."""


class TimedProtocol(H11Protocol):
    """uvicorn's protocol with time limits for clients that send or read too slowly."""

    head_seconds = HEAD_SECONDS
    unread_seconds = UNREAD_SECONDS

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.conn = h11.Connection(h11.SERVER, LARGEST_HEAD)
        self.logger = SILENT
        # By the class, so that a test can have shorter ones.
        self._head_limit = _TimeLimit(self.loop, self.head_seconds)
        self._unread_limit = _TimeLimit(self.loop, self.unread_seconds)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, unless there are too many."""
        super().connection_made(transport)
        # Without an answer: to write one would cost more than the connection.
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._head_limit.start(transport)

    def data_received(self, data: bytes) -> None:
        """Take what came, and see whether the head is whole now."""
        super().data_received(data)
        # What comes after an answer is the rest of a body that no page wanted, or the next request.
        has_answered = self.conn.our_state is h11.DONE
        if self.conn.their_state is h11.IDLE or has_answered:
            self._head_limit.start(self.transport)
        else:
            self._head_limit.stop()

    def on_response_complete(self) -> None:
        """End an answer. The rest of a body that no page has read has to come soon."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._head_limit.start(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, and its limits."""
        self._head_limit.stop()
        self._unread_limit.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read what it asked for: give it some time."""
        super().pause_writing()
        self._unread_limit.start(self.transport)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._unread_limit.stop()
        super().resume_writing()


class _TimeLimit:
    """Aborts a connection after some seconds, unless it is stopped before."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop, self._seconds = loop, seconds
        self._timer: asyncio.TimerHandle | None = None

    def start(self, transport: asyncio.Transport) -> None:
        """Begin to count. While it counts already, it goes on: a drop now and then is no help."""
        if self._timer is None:
            # `abort`, as `close` would wait until the client has read all of it.
            self._timer = self._loop.call_later(self._seconds, transport.abort)

    def stop(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
