"""Renders the pages: templates, the stylesheet and the script, and the headers of every answer.

The look and the macros are those of report and plan page (`reports.page`). A value is escaped
always. Knows no webinar: the modules of the pages do.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from jinja2 import ChoiceLoader, FileSystemLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from onboarding.console.access import find_viewer
from onboarding.console.console import find_console
from onboarding.console.queries import write_query
from onboarding.reports.page import PAGES
from onboarding.reports.report import badge, format_masked_link

CONSOLE_FOLDER = Path(__file__).parent
REPORTS = CONSOLE_FOLDER.parent / "reports"

CONSOLE_PAGES = PAGES.overlay(
    loader=ChoiceLoader([FileSystemLoader(CONSOLE_FOLDER / "templates"), FileSystemLoader(REPORTS)])
)
"""The environment of the console's templates: they may import the macros of the reports."""

CONSOLE_PAGES.filters |= {"tone": badge, "masked": format_masked_link, "query": write_query}

STYLESHEET = "\n".join(
    file.read_text(encoding="utf-8")
    for file in (
        REPORTS / "page.css",
        CONSOLE_FOLDER / "assets" / "console.css",
        CONSOLE_FOLDER / "assets" / "webinars.css",
    )
)
"""The one stylesheet: the look of report and plan page, and what only the console has."""

REPORT_STYLESHEET = (REPORTS / "report.css").read_text(encoding="utf-8")
"""What the report has besides, for its page only: its words would style other pages, too."""

CONSOLE_SCRIPT = (CONSOLE_FOLDER / "assets" / "console.js").read_text(encoding="utf-8")
"""The one script. Every page works without it; with it, pages follow what happens."""

ASSETS = MappingProxyType(
    {
        "console.css": (STYLESHEET, "text/css"),
        "report.css": (REPORT_STYLESHEET, "text/css"),
        "console.js": (CONSOLE_SCRIPT, "text/javascript"),
    }
)

ASSET_VERSION = hashlib.sha256(
    (STYLESHEET + REPORT_STYLESHEET + CONSOLE_SCRIPT).encode()
).hexdigest()[:12]
"""Part of the assets' addresses: a new version of the program is never shown in the old look."""

CONSOLE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""What a page may load and run. A page with a policy of its own sets the header itself."""

DEFAULT_HEADERS = MappingProxyType(
    {
        # Pages hold names and addresses, and change from one minute to the next.
        "Cache-Control": "no-store",
        "Content-Security-Policy": CONSOLE_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        # For pages with a policy of their own that says nothing of frames.
        "X-Frame-Options": "SAMEORIGIN",
        "X-Robots-Tag": "noindex",
    }
)
"""Headers of every answer that does not set them itself (`guard`)."""


def render(template: str, request: Request, **values: object) -> str:
    """Render a template: `console`, `viewer` and the assets' version are known in each."""
    return CONSOLE_PAGES.get_template(template).render(
        console=find_console(request),
        viewer=find_viewer(request),
        assets=ASSET_VERSION,
        # Not `request.url`: that reads Host, which a stranger may have written.
        path=request.scope["path"],
        **values,
    )


def find_macro(template: str, name: str) -> Callable[..., str]:
    """Find a macro: a part of a page that is also rendered by itself."""
    macro: Callable[..., str] = getattr(CONSOLE_PAGES.get_template(template).module, name)
    return macro


def page(template: str, request: Request, *, status: int = 200, **values: object) -> Response:
    """Answer with a page."""
    return HTMLResponse(render(template, request, **values), status)


async def show_asset(request: Request) -> Response:
    """Answer with the stylesheet or the script."""
    asset = ASSETS.get(request.path_params["name"])
    if asset is None:
        raise HTTPException(404)
    text, media_type = asset
    # The address changes with the content, so a browser never has to ask again.
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(text, media_type=media_type, headers=headers)
