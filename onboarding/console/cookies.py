"""The cookie of a log-in: its name, who has sent a request with it, how it is set and removed."""

from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.access import Viewer
from onboarding.console.console import find_console
from onboarding.console.log_ins import LOG_IN_LASTS

PLAIN_COOKIE, SECURE_COOKIE = "onboarding", "__Host-onboarding"
"""The cookie's name. With the prefix a browser takes it from this very host by HTTPS only."""


def identify_viewer(request: Request) -> Viewer | None:
    """Find who has sent a request, by its cookie."""
    token = request.cookies.get(_cookie_name(request))
    return find_console(request).log_ins.find(token) if token else None


def add_log_in(request: Request, answer: Response, viewer: Viewer) -> None:
    """Log a person in: the answer gives their browser the cookie."""
    console = find_console(request)
    answer.set_cookie(
        _cookie_name(request),
        console.log_ins.add(viewer),
        max_age=int(LOG_IN_LASTS.total_seconds()),
        path="/",
        secure=console.is_encrypted,
        # No script of a page may read it; ours has no need to.
        httponly=True,
        samesite="strict",
    )


def end_log_in(request: Request, answer: Response) -> None:
    """Log a person out: the token counts no more, and the answer takes the cookie away."""
    console, name = find_console(request), _cookie_name(request)
    console.log_ins.end(request.cookies.get(name, ""))
    answer.delete_cookie(name, path="/", secure=console.is_encrypted)


def _cookie_name(request: Request) -> str:
    """Name the cookie: by port, as a browser shares cookies between all ports of a host."""
    secure = find_console(request).is_encrypted
    port = request.scope["server"][1]
    return f"{SECURE_COOKIE if secure else PLAIN_COOKIE}-{port}"
