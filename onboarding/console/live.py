"""Pages that follow the ledger: their parts are rendered again, and what has changed is sent.

The live region of a page has *parts*, each an element with an id. All pages wait for one watch
(`pipeline.ledger_watch`), and those that show the same are rendered once (`live_parts`). The script
puts a part in the place of the one with its id. Without script a page is read again by hand.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Hashable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.access import require_viewer
from onboarding.console.console import find_console
from onboarding.console.live_parts import Parts
from onboarding.console.streams import format_event, stream_events
from onboarding.errors import OnboardingError

VERSION_DIGITS = 16


def digest_parts(parts: Parts) -> str:
    """Name what a page shows, so that its stream begins with what has changed since."""
    return hashlib.sha256("".join(parts.values()).encode()).hexdigest()[:VERSION_DIGITS]


def stream_parts(request: Request, make: Callable[[], Parts]) -> Response:
    """Answer with a stream of a page's parts, each time some have changed.

    `make` renders them; it runs in a thread. The query's `seen` is the version that the page shows.
    """
    return stream_events(request, _follow(request, make))


async def _follow(request: Request, make: Callable[[], Parts]) -> AsyncGenerator[str, None]:
    live, seen = find_console(request).live, request.query_params.get("seen", "")
    page = _name_page(request)
    shown: Parts = {}
    async with live.watch.follow():
        tick = live.watch.tick
        while True:
            try:
                parts = await live.find(tick, page, make)
            except HTTPException as error:
                # What the page shows is gone, such as a person who was forgotten. Read again, the
                # page says so.
                yield format_event(error.detail, "trouble")
                return
            except OnboardingError as error:
                # What is shown stays, and may be old by now. The next tick asks again, and then the
                # page is fetched whole, so that it no longer says so.
                yield format_event(str(error), "trouble")
                shown, seen = {}, ""
            else:
                if news := find_news(shown, parts, seen):
                    yield format_event(json.dumps(news))
                shown, seen = parts, ""
            tick = await live.watch.wait_for_change(tick)


def _name_page(request: Request) -> Hashable:
    """Name what is the same for all who see the same: address, query, and what they may see."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "seen"]
    viewer = require_viewer(request)
    return request.url.path, tuple(query), viewer.role, viewer.webinars


def find_news(shown: Parts, parts: Parts, seen: str = "") -> dict[str, object] | None:
    """Find what to send to a page that shows some parts, or the version `seen`; None for nothing.

    `parts` are those that have changed. Where parts have come or gone, or where it isn't known what
    the page shows, it has to be fetched whole.
    """
    if shown == parts or digest_parts(parts) == seen:
        return None
    if list(shown) != list(parts):
        return {"whole": True}
    return {"parts": {name: html for name, html in parts.items() if shown[name] != html}}
