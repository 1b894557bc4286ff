"""Every address of the console, with who may open it: the table to read first.

Each row's page runs only after its access was checked here: a stranger gets the log-in page, a
viewer is refused what only an approver may do, and a webinar in the path has to be theirs.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onboarding.console import acts, log_in, person, plan, report, webinar, webinars
from onboarding.console.access import (
    Access,
    find_viewer,
    require_approver,
    require_viewer,
    require_webinar,
)
from onboarding.console.console import find_console
from onboarding.console.pages import show_asset

PageFunction = Callable[[Request], Awaitable[Response]]

GET, POST = "GET", "POST"


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One address: its path, method and page, and who may open it.

    `{webinar}` in a path is a webinar's name in config.toml.
    """

    path: str
    page: PageFunction
    method: str = GET
    access: Access = Access.VIEWER


PERSON = "/webinars/{webinar}/people/{person}"
MESSAGE = f"{PERSON}/messages/{{message:int}}"
PLAN = "/webinars/{webinar}/plan"
PLANNED = f"{PLAN}/{{digest}}/messages/{{number:int}}"

ROUTES = (
    RouteRow("/", webinars.show_webinars),
    RouteRow("/stream", webinars.stream_webinars),
    RouteRow("/webinars/{webinar}", webinar.show_webinar),
    RouteRow("/webinars/{webinar}/stream", webinar.stream_webinar),
    RouteRow(PERSON, person.show_person),
    RouteRow(f"{PERSON}/stream", person.stream_person),
    RouteRow(MESSAGE, person.show_message),
    RouteRow(f"{MESSAGE}/html", person.show_message_frame),
    RouteRow(f"{MESSAGE}/eml", person.download_message),
    RouteRow(PLAN, plan.show_last_plan),
    RouteRow(PLAN, plan.ask_for_plan, POST),
    RouteRow(f"{PLAN}/{{digest}}", plan.show_plan_page),
    RouteRow(PLANNED, plan.show_planned_message),
    RouteRow(f"{PLANNED}/html", plan.show_planned_frame),
    RouteRow("/webinars/{webinar}/report", report.show_report),
    RouteRow("/webinars/{webinar}/report/{format}", report.download_report),
    RouteRow("/enter/{key}", log_in.enter, access=Access.OPEN),
    RouteRow("/log-in", log_in.show_log_in, access=Access.OPEN),
    RouteRow("/log-in", log_in.start_log_in, POST, Access.OPEN),
    RouteRow("/log-out", log_in.log_out, POST, Access.OPEN),
    RouteRow("/webinars/{webinar}/ask", acts.ask, POST, Access.APPROVER),
    RouteRow("/webinars/{webinar}/answer", acts.answer, POST, Access.APPROVER),
    RouteRow("/webinars/{webinar}/answers/{token}", acts.show_answer, access=Access.APPROVER),
    RouteRow("/webinars/{webinar}/link", acts.give_link, POST, Access.APPROVER),
    RouteRow("/assets/{version}/{name}", show_asset, access=Access.OPEN),
)


def make_routes(rows: Iterable[RouteRow]) -> list[Route]:
    """Make starlette's routes, each behind its check."""
    return [
        Route(row.path, _check_first(row), methods=[row.method], name=f"{row.method} {row.path}")
        for row in rows
    ]


def _check_first(row: RouteRow) -> PageFunction:
    async def check_and_show(request: Request) -> Response:
        # Closed unless the row says otherwise: a page that was forgotten is never open.
        if row.access is Access.OPEN:
            return await row.page(request)
        if find_viewer(request) is None:
            is_look = row.method == GET
            return (log_in.ask_to_log_in if is_look else log_in.refuse_stranger)(request)
        check_access(row.access, request)
        return await row.page(request)

    return check_and_show


def check_access(access: Access, request: Request) -> None:
    """Raise HTTPException where the person may not open this: 401, 403, or 404 for a webinar."""
    viewer = require_viewer(request)
    # The role first: to a viewer the answer is the same for every webinar.
    if access is Access.APPROVER:
        require_approver(request)
    webinar = request.path_params.get("webinar")
    if webinar is not None:
        require_webinar(viewer, webinar, find_console(request).config.webinars)
