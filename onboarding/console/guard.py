"""Stands before every page: the address and origin that a request names, and the answer's headers.

A page elsewhere could point a name of its own to this machine (DNS rebinding), or post a form to
it. So Host has to be an address of this console, and what changes something has to come from its
own pages. Who is asking is `access`; what they may do, `routes`.
"""

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onboarding.console.console import Console
from onboarding.console.errors import error_page
from onboarding.console.pages import DEFAULT_HEADERS
from onboarding.errors import describe_crash
from onboarding.web.timed_protocol import LARGEST_HEAD

SAFE_METHODS = frozenset({"GET", "HEAD"})
KNOWN_METHODS = frozenset({*SAFE_METHODS, "POST"})

WRONG_HOST = "This console does not answer under this address. Use the one that it printed."
WRONG_ORIGIN = "This did not come from a page of this console, so nothing was done."


class Guard:
    """The outermost middleware: refuses strangers' pages, and sets headers on every answer."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app, self._console = app, console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return
        # Not in the application's state: the pages of this guard's own refusals need it, too.
        scope["console"] = self._console
        try:
            await self._answer(scope, receive, _Sender(send))
        # Also what starlette raises again after its error's page was sent: here it is reported. The
        # place goes to the terminal, and never to a page.
        except Exception as error:  # noqa: BLE001 -- an error in one page must not end the console
            self._console.services.progress.say(describe_crash(error))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = find_refusal(scope["method"], Headers(scope=scope), self._console.origins)
        answer: ASGIApp = error_page(Request(scope), *refusal) if refusal else self._app
        await answer(scope, receive, send)


def find_refusal(
    method: str, headers: Mapping[str, str], origins: set[str]
) -> tuple[int, str] | None:
    """Find why a request is refused by its headers: status and words; None if it is not."""
    # Here as well as in `web.timed_protocol`, which sees no more than that a head is not whole yet.
    if sum(len(name) + len(value) for name, value in headers.items()) > LARGEST_HEAD:
        return 431, "The request's head is too large."
    hosts = {origin.partition("://")[2] for origin in origins}
    # 421 as RFC 9110 15.5.20 has it: this server does not speak for that host.
    if headers.get("host", "").lower() not in hosts:
        return 421, WRONG_HOST
    if method not in KNOWN_METHODS:
        return 405, "This can't be done here."
    if method not in SAFE_METHODS and not _is_from_own_page(headers, origins):
        return 403, WRONG_ORIGIN
    return None


def _is_from_own_page(headers: Mapping[str, str], origins: set[str]) -> bool:
    origin, site = headers.get("origin", "null"), headers.get("sec-fetch-site")
    if site not in {None, "same-origin"}:
        return False
    # Our pages send no referrer, and then a form's Origin is "null" by the Fetch standard (3.2,
    # append a request `Origin` header). No page can set Sec-Fetch-Site, so that speaks for it.
    return origin in origins or (origin == "null" and site == "same-origin")


class _Sender:
    """Sends an answer, with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in DEFAULT_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
