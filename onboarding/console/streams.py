"""Server-sent events: what a page follows, until the person goes, logs out, or the console stops.

At most `MOST_STREAMS` at once. It knows no page: the events are the page's, already as texts.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncGenerator, AsyncIterator

from anyio import CancelScope
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from onboarding.console.access import find_viewer
from onboarding.console.console import StreamCount, find_console
from onboarding.console.cookies import identify_viewer

HEARTBEAT_SECONDS = 15.0
"""A comment so often, without news: a proxy ends a connection that is silent for a minute."""

KEEP_ALIVE = ": still here\n\n"
END = "event: end\ndata: \n\n"


def stream_events(request: Request, events: AsyncGenerator[str, None]) -> Response:
    """Answer with a stream of events, each as `format_event` makes it.

    Where too many are open already, the answer is an error's page (503).
    """
    return _EventStream(_follow_events(request, events), find_console(request).streams)


def format_event(text: str, name: str = "message") -> str:
    """Write one event (HTML Living Standard 9.2): a line of the text may not end it."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{lines}\n"


class _EventStream(StreamingResponse):
    """A stream that is counted from before its first byte to its end."""

    def __init__(self, content: AsyncIterator[str], streams: StreamCount) -> None:
        # nginx holds an answer back to fill its buffer, unless it is told not to.
        headers = {"X-Accel-Buffering": "no"}
        super().__init__(content, media_type="text/event-stream", headers=headers)
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Here and not in the page: between the two another request may take the last place.
        with self._streams.count():
            await super().__call__(scope, receive, send)


async def _follow_events(request: Request, events: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """Yield the events and heartbeats, until the person may not see them or the console stops."""
    stopped = asyncio.ensure_future(find_console(request).stop.wait())
    following = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            await asyncio.wait(
                (stopped, following), timeout=HEARTBEAT_SECONDS, return_when=FIRST_COMPLETED
            )
            # Asked each time: a log-in that has ended meanwhile sees nothing more.
            if stopped.done() or identify_viewer(request) != find_viewer(request):
                break
            event = following.result() if following.done() else KEEP_ALIVE
            if event is None:
                break
            yield event
            # After a heartbeat the same wait goes on: to cancel it would end the page's events.
            if following.done():
                following = asyncio.ensure_future(anext(events, None))
        # Said, and not only done: a browser takes an end without a word for a fault, and returns.
        yield END
    finally:
        stopped.cancel()
        following.cancel()
        # Shielded, because this also runs when the person has gone and all of it is cancelled: what
        # the page has opened for its events has to be closed all the same.
        with CancelScope(shield=True):
            await asyncio.wait((following,))
            await events.aclose()
