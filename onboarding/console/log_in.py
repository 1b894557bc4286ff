"""Logging in and out: by the printed key on this machine, or by name and password.

The key and the password are compared elsewhere (`log_ins`, `passwords`); here they become a cookie.
After it, the person comes to the page that they had asked for.
"""

import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from onboarding.config.console import ConsoleRole, ConsoleUser
from onboarding.console.access import Viewer, find_viewer
from onboarding.console.console import Console, find_console
from onboarding.console.cookies import add_log_in, end_log_in
from onboarding.console.errors import error_page, wants_text
from onboarding.console.forms import read_form
from onboarding.console.pages import page

LONGEST_PATH = 500
"""Characters of the page to come back to."""

# Two slashes, or one and a backslash, would lead a browser to another host.
LOCAL_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")

USED_KEY = "This link was used already, or a newer one has been printed."
USED_KEY_HINT = (
    "Press Enter in the terminal where `onboarding serve` runs: it prints a new link. "
    "Without a terminal, start it again."
)
WRONG_PASSWORD = "Name or password is not right."  # noqa: S105 -- words for a person
LOGGED_OUT = "You are not logged in any more, so nothing was done. Log in, and do it again."
TOO_MANY_LOG_INS = "Too many log-ins from this address. Wait a minute, and try again."


async def enter(request: Request) -> Response:
    """Exchange the key of the printed link for a cookie, and go to the first page."""
    console = find_console(request)
    # Only GET: a HEAD of some program that looks at links must not use the key up.
    if request.method != "GET":
        return error_page(request, 405)
    if console.has_users or not console.keys.take(request.path_params["key"]):
        return error_page(request, 403, USED_KEY, USED_KEY_HINT)
    return _begin(request, Viewer(console.by, ConsoleRole.APPROVER), "/")


async def show_log_in(request: Request) -> Response:
    """Show the form, or where there are no users, how to get in."""
    if find_viewer(request):
        return RedirectResponse(local_path(request.query_params.get("to", "")), 303)
    return _log_in_page(request, request.query_params.get("to", ""))


def ask_to_log_in(request: Request) -> Response:
    """Ask a stranger to log in, and remember which page they wanted."""
    # A browser keeps a strict cookie back when a link elsewhere, as in a mail, leads here. This
    # page's own reload is from here, so a person who has logged in is not asked again.
    if request.headers.get("sec-fetch-site") == "cross-site":
        return page("again.html.j2", request)
    query = request.scope["query_string"].decode("latin-1")
    wanted = request.scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(f"/log-in?to={quote(wanted[:LONGEST_PATH], safe='/')}", 303)


def refuse_stranger(request: Request) -> Response:
    """Answer for what a stranger wanted to do: nothing was done, and they may log in."""
    if wants_text(request):
        return error_page(request, 401, LOGGED_OUT)
    webinar = request.path_params.get("webinar")
    return _log_in_page(request, f"/webinars/{webinar}" if webinar else "/", "", LOGGED_OUT, 401)


async def start_log_in(request: Request) -> Response:
    """Compare name and password, and begin a log-in."""
    console, form = find_console(request), await read_form(request)
    name, password, to = (form.get(field, "") for field in ("name", "password", "to"))
    # Counted before anything is compared: the comparison is what an attacker would use up.
    if not console.attempts.take(request.client.host if request.client else ""):
        return _log_in_page(request, to, name, TOO_MANY_LOG_INS, 429)
    viewer = await _check_password(console, name.strip().lower(), password)
    if viewer is None:
        return _log_in_page(request, to, name, WRONG_PASSWORD, 403)
    return _begin(request, viewer, local_path(to))


async def _check_password(console: Console, name: str, password: str) -> Viewer | None:
    """Find the user with this name and password."""
    user = console.config.console.users.get(name)
    # Compared for an unknown name, too: a quick answer would say which names there are.
    is_right = await console.passwords.verify(password, _hash_of(user) if user else None)
    if not (user and user.role and is_right):
        return None
    return Viewer(name, user.role, frozenset(user.webinars))


async def log_out(request: Request) -> Response:
    """End the log-in."""
    # Also for a stranger: to log out twice is no fault.
    answer = RedirectResponse("/log-in", 303)
    end_log_in(request, answer)
    return answer


def local_path(text: str) -> str:
    """Accept a path on this console to go to after logging in; the first page for all else."""
    is_local = len(text) <= LONGEST_PATH and LOCAL_PATH.fullmatch(text)
    return text if is_local and not text.startswith("/log-in") else "/"


def _begin(request: Request, viewer: Viewer, path: str) -> Response:
    answer = RedirectResponse(path, 303)
    add_log_in(request, answer, viewer)
    return answer


def _hash_of(user: ConsoleUser) -> str | None:
    return user.password_hash.get_secret_value() if user.password_hash else None


def _log_in_page(
    request: Request, to: str, name: str = "", message: str = "", status: int = 200
) -> Response:
    return page(
        "log_in.html.j2", request, status=status, to=local_path(to), name=name, message=message
    )
