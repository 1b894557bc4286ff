"""Serves a preview to a browser on this machine: pages that reload when a template is saved.

It listens on loopback only, and answers only below a key that can't be guessed, because other users
of this machine reach its ports, too. The key is in the path and not in a cookie: a browser sends a
cookie to every port of a host. Requests must name this machine, since a page elsewhere could point
a name of its own here. Only the page's own script runs. It reads templates and changes nothing.
Story: `onboarding preview`.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from onboarding.model.deliveries import Message
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee
from onboarding.reports.preview import (
    POLICY,
    Preview,
    compose_messages,
    message_file,
    person_folder,
    render_page,
    template_version,
)
from onboarding.web.server import LOOPBACK, serve_application

HOSTS = (LOOPBACK, "localhost")

CHANGE_CHECK = 0.3
"""Seconds between two checks of the template files: an editor has written its file by then."""

TYPES = {"html": "text/html", "txt": "text/plain", "ics": "text/calendar", "eml": "message/rfc822"}
HEADERS = {
    # Pages hold names and addresses, and change with each save.
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
SANDBOXED_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; sandbox",
}
"""For a message's own HTML, opened by itself: no script, no form, no window."""


@asynccontextmanager
async def serve_preview(preview: Preview, port: int = 0, *, key: str) -> AsyncIterator[str]:
    """Serve a preview until the block is left; gives its URL, which holds the key.

    Port 0 is any free one. `key` is a text for a URL's path that can't be guessed. Raises OSError
    if the port is taken.
    """
    async with serve_application(preview_app(preview, key), port) as url:
        yield f"{url}/{key}/"


def preview_app(preview: Preview, key: str) -> Starlette:
    """Build the application: the pages of one preview, all below its key."""
    pages = _Pages(preview)
    routes = [
        Route("/", pages.first),
        Route("/changes", pages.changes),
        Route("/{person}/{name}.page.html", pages.page),
        Route("/{person}/{name}.{ending}", pages.file),
    ]
    return Starlette(
        routes=[Mount("/{key}", routes=routes, middleware=[Middleware(_KeyCheck, key=key)])],
        # Around the key's check: a page elsewhere that points its name here gets no answer at all.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)],
    )


class _KeyCheck:
    """Passes requests on if their path begins with the key. All others get 404."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = str(scope["path_params"].get("key", "")).encode()
        # In constant time, or another user of the machine could find the key letter by letter.
        answer = self._app if secrets.compare_digest(given, self._key) else _not_found()
        await answer(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Pages:
    """One preview's endpoints.

    Those that compose messages are not coroutines, so that starlette runs them in threads.
    """

    preview: Preview

    def first(self, _request: Request) -> Response:
        return self._page(self.preview.people[0], Kind.INVITATION.value, root="")

    def page(self, request: Request) -> Response:
        person, name = self._find(request)
        return self._page(person, name, root="../") if person and name else _not_found()

    def file(self, request: Request) -> Response:
        person, name = self._find(request)
        ending = request.path_params["ending"]
        # The path only chooses among what the preview has; it is never used as a path on disk.
        if not (person and name and ending in TYPES):
            return _not_found()
        message = compose_messages(self.preview, name).messages.get(person.row)
        content = message_file(message, ending) if isinstance(message, Message) else b""
        # Not all messages carry a calendar entry.
        if not content:
            return _not_found()
        return Response(content, media_type=TYPES[ending], headers=SANDBOXED_HEADERS)

    async def changes(self, _request: Request) -> Response:
        return StreamingResponse(self._versions(), media_type="text/event-stream", headers=HEADERS)

    def _page(self, person: Invitee, name: str, *, root: str) -> Response:
        html = render_page(
            self.preview, person, name, compose_messages(self.preview, name), root=root, live=True
        )
        return Response(html, media_type="text/html", headers=HEADERS)

    def _find(self, request: Request) -> tuple[Invitee | None, str | None]:
        params = request.path_params
        person = next(
            (person for person in self.preview.people if person_folder(person) == params["person"]),
            None,
        )
        return person, next((name for name in self.preview.names if name == params["name"]), None)

    async def _versions(self) -> AsyncIterator[str]:
        """Stream the version of the templates: at once, and again after each change."""
        last = ""
        while True:
            # In a thread: walking the folders blocks, and on a network drive for long.
            now = await asyncio.to_thread(
                template_version, self.preview.folders, self.preview.brand.logo
            )
            if now != last:
                yield f"data: {now}\n\n"
                last = now
            await asyncio.sleep(CHANGE_CHECK)


def _not_found() -> Response:
    return PlainTextResponse(
        "There is no such message. Start with the link that `onboarding preview` printed.\n",
        404,
        headers=HEADERS,
    )
