"""Shows a preview to a browser on this machine: a page that loads itself again when a template is saved.

On loopback only, and only below a key that nobody can guess: other users of this machine reach its ports, too. A key in
the path and no cookie, because a browser sends a cookie to every port of a host. Requests have to name this machine (a
page elsewhere could point a name of its own here), and nothing runs but the page's own script. Reads templates,
changes nothing. Story: `onboarding preview`.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from onboarding.model.deliveries import Message
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee
from onboarding.reports.preview import POLICY, Preview, file_of, folder_of, page, printed, version

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "localhost")

EVERY = 0.3
"""Seconds between two looks at the template files; long enough that an editor has written its file whole."""

TYPES = {"html": "text/html", "txt": "text/plain", "ics": "text/calendar", "eml": "message/rfc822"}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
SEALED = {**HEADERS, "Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; sandbox"}
"""For a letter's own HTML, opened by itself: no script, no form, no window."""


@asynccontextmanager
async def serve(preview: Preview, port: int = 0, *, key: str) -> AsyncIterator[str]:
    """Serve a preview until the block is left; gives its address, which holds the key.

    Port 0 is any free one. `key` is a text for a URL's path that cannot be guessed. Raises OSError where the port is
    taken.
    """
    config = uvicorn.Config(
        application(preview, key), ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: H11Protocol(config, state, {}), LOOPBACK, port)
    try:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/{key}/"
    finally:
        server.close()
        while state.connections or state.tasks:  # uvicorn has no event that tells when all are gone
            for connection in tuple(state.connections):
                connection.transport.abort()
            await asyncio.sleep(0.01)
        await server.wait_closed()


def application(preview: Preview, key: str) -> Starlette:
    """The pages of one preview, all below its key."""
    pages = _Pages(preview)
    routes = [
        Route("/", pages.first),
        Route("/changes", pages.changes),
        Route("/{person}/{kind}.page.html", pages.page),
        Route("/{person}/{kind}.{ending}", pages.file),
    ]
    return Starlette(
        routes=[Mount("/{key}", routes=routes, middleware=[Middleware(_Locked, key=key)])],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)],
    )


class _Locked:
    """Lets a request through whose path begins with the key; any other finds nothing."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = str(scope["path_params"].get("key", "")).encode()
        answer = self._app if secrets.compare_digest(given, self._key) else _missing()
        await answer(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Pages:
    """One preview's endpoints. Those that compose are no coroutines: starlette runs them in threads."""

    preview: Preview

    def first(self, _request: Request) -> Response:
        return self._page(self.preview.people[0], Kind.INVITATION, root="")

    def page(self, request: Request) -> Response:
        person, kind = self._asked(request)
        return self._page(person, kind, root="../") if person and kind else _missing()

    def file(self, request: Request) -> Response:
        person, kind = self._asked(request)
        ending = request.path_params["ending"]
        if not (person and kind and ending in TYPES):
            return _missing()
        message = printed(self.preview, kind).messages.get(person.row)
        if not isinstance(message, Message):
            return _missing()
        return Response(file_of(message, ending), media_type=TYPES[ending], headers=SEALED)

    async def changes(self, _request: Request) -> Response:
        return StreamingResponse(self._versions(), media_type="text/event-stream", headers=HEADERS)

    def _page(self, person: Invitee, kind: Kind, *, root: str) -> Response:
        html = page(self.preview, person, kind, printed(self.preview, kind), root=root, live=True)
        return Response(html, media_type="text/html", headers=HEADERS)

    def _asked(self, request: Request) -> tuple[Invitee | None, Kind | None]:
        wanted = request.path_params
        person = next((one for one in self.preview.people if folder_of(one) == wanted["person"]), None)
        return person, next((kind for kind in Kind if kind == wanted["kind"]), None)

    async def _versions(self) -> AsyncIterator[str]:
        """Say which state the templates are in, at once and whenever it is another one."""
        said = ""
        while True:
            now = await asyncio.to_thread(version, self.preview.folders, self.preview.brand.logo)
            if now != said:
                yield f"data: {now}\n\n"
                said = now
            await asyncio.sleep(EVERY)


def _missing() -> Response:
    return PlainTextResponse(
        "There is no such letter. Begin with the link that `onboarding preview` has printed.\n", 404, headers=HEADERS
    )
