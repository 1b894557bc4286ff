"""Builds the application: the routes, who is asking, and the errors as pages, behind the guard."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from onboarding.console.console import Console
from onboarding.console.cookies import identify_viewer
from onboarding.console.errors import show_crash, show_http_error, show_own_error
from onboarding.console.guard import Guard
from onboarding.console.routes import ROUTES, RouteRow, make_routes
from onboarding.errors import OnboardingError

ERROR_PAGES: Mapping[Any, Any] = {
    HTTPException: show_http_error,
    OnboardingError: show_own_error,
    Exception: show_crash,
}


def make_app(console: Console, rows: Iterable[RouteRow] = ROUTES) -> ASGIApp:
    """Make the application of one console."""
    app = Starlette(
        routes=make_routes(rows),
        middleware=[Middleware(_Identify)],
        exception_handlers=ERROR_PAGES,
    )
    # A path with one slash too many is unknown: a redirect would name the host of the request.
    app.router.redirect_slashes = False
    # Outside of starlette's own error handling, so that a refusal there has its headers, too.
    # Any: uvicorn and starlette describe ASGI by types of their own.
    guarded: Any = Guard(app, console)
    # Only from the configured proxies: else every client could choose its own address.
    if proxies := console.config.console.forwarded_from:
        guarded = ProxyHeadersMiddleware(guarded, list(proxies))
    return guarded  # type: ignore[no-any-return]  # see above


class _Identify:
    """Finds who is asking, once for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["viewer"] = identify_viewer(Request(scope))
        await self._app(scope, receive, send)
