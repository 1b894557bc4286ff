"""Server-sent events: what a page follows, until the person goes, logs out, or the console stops.

At most `MOST_STREAMS` at once. It knows no page: the events are the page's, already as texts.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from onboarding.console.access import find_viewer
from onboarding.console.console import Console, find_console
from onboarding.console.log_in import identify

HEARTBEAT_SECONDS = 15.0
"""A comment so often, without news: a proxy ends a connection that is silent for a minute."""

HEARTBEAT = ": still here\n\n"
END = "event: end\ndata: \n\n"


def stream_events(request: Request, events: AsyncIterator[str]) -> Response:
    """Answer with a stream of events, each as `format_event` makes it.

    Raises HTTPException 503 where too many are open.
    """
    console = find_console(request)
    console.streams.require_room()
    # nginx holds an answer back to fill its buffer, unless it is told not to.
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(
        _follow(request, console, events), media_type="text/event-stream", headers=headers
    )


def format_event(text: str, name: str = "message") -> str:
    """Write one event (HTML Living Standard 9.2): a line of the text may not end it."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{lines}\n"


async def _follow(
    request: Request, console: Console, events: AsyncIterator[str]
) -> AsyncIterator[str]:
    """Yield the events and heartbeats until the stream has to end."""
    viewer = find_viewer(request)
    with console.streams.count():
        stop = asyncio.ensure_future(console.stop.wait())
        following = asyncio.ensure_future(anext(events, None))
        try:
            while not console.stop.is_set():
                await asyncio.wait(
                    (stop, following),
                    timeout=HEARTBEAT_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                # A log-in that has ended meanwhile, or another person's now, sees nothing more.
                if identify(request) != viewer:
                    break
                if not following.done():
                    yield HEARTBEAT
                    continue
                event = following.result()
                if event is None:
                    break
                yield event
                following = asyncio.ensure_future(anext(events, None))
            yield END
        finally:
            for task in (stop, following):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
