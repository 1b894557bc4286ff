"""The page of one webinar: its people as they are now, what needs a person, and what comes next."""

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.access import Viewer, require_viewer
from onboarding.console.act_tasks import ActTask
from onboarding.console.coming import list_coming
from onboarding.console.console import Console, find_console
from onboarding.console.live import digest_parts, stream_parts
from onboarding.console.live_parts import Parts
from onboarding.console.pages import CONSOLE_PAGES, find_macro, page
from onboarding.console.people import (
    People,
    PeopleQuery,
    PersonRow,
    as_fields,
    find_columns,
    list_other_problems,
    make_rows,
    read_people_query,
    select_people,
)
from onboarding.console.words import build_bar, describe_countdown
from onboarding.model.deliveries import State
from onboarding.pipeline.target import find_target
from onboarding.pipeline.webinar_view import WebinarView, read_webinar
from onboarding.reports.report import MEANINGS

WEBINAR_PARTS, ACT_PARTS = "webinar_parts.html.j2", "act_parts.html.j2"


async def show_webinar(request: Request) -> Response:
    """Show the page."""
    view = await run_in_threadpool(
        _read_view, find_console(request), request.path_params["webinar"]
    )
    query = read_people_query(request.query_params)
    task = find_console(request).tasks.find(view.target.name)
    parts = render_webinar(view, query, require_viewer(request), task)
    return page(
        "webinar.html.j2",
        request,
        view=view,
        query=query,
        parts=parts,
        columns=find_columns(make_rows(view)),
        rows=[name for name in parts if name.startswith("person-")],
        version=digest_parts(parts),
        fields=as_fields(query),
    )


async def stream_webinar(request: Request) -> Response:
    """Stream the page's parts as they change."""
    console, name = find_console(request), request.path_params["webinar"]
    query, viewer = read_people_query(request.query_params), require_viewer(request)

    def make() -> Parts:
        return render_webinar(_read_view(console, name), query, viewer, console.tasks.find(name))

    return stream_parts(request, make)


def _read_view(console: Console, name: str) -> WebinarView:
    services = console.services
    target = find_target(services.config, name)
    return read_webinar(services.config, target, services.clock.now(), services.progress)


def render_webinar(
    view: WebinarView, query: PeopleQuery, viewer: Viewer, task: ActTask | None = None
) -> Parts:
    """Render the parts of the page: what is so now, then a row for each person who is shown.

    `task` is the act at work on it in this console, or the last one.
    """
    rows = make_rows(view)
    people = select_people(rows, query)
    time_zone = view.status.seen.time_zone if view.status.seen else "UTC"
    return {
        "countdown": find_macro(WEBINAR_PARTS, "countdown")(_describe_distance(view)),
        "now": find_macro(WEBINAR_PARTS, "now")(view, build_bar(view.panel)),
        "act-note": find_macro(ACT_PARTS, "act_note")(task, time_zone),
        "acts": find_macro(ACT_PARTS, "webinar_acts")(view, viewer),
        "needs": _render_needs(view, rows),
        "people-head": find_macro(WEBINAR_PARTS, "people_head")(view, people, query, len(rows)),
        "coming": find_macro(WEBINAR_PARTS, "coming")(view, list_coming(view)),
        "notes": find_macro(WEBINAR_PARTS, "notes")(view),
        "done": find_macro(WEBINAR_PARTS, "done")(view),
        **_render_rows(view, people, find_columns(rows)),
    }


def _render_needs(view: WebinarView, rows: Sequence[PersonRow]) -> str:
    troubled = [row for row in rows if row.needs_a_person]
    return find_macro(WEBINAR_PARTS, "needs")(view, troubled, list_other_problems(view))


def _render_rows(view: WebinarView, people: People, columns: frozenset[str]) -> Parts:
    person_row = find_macro(WEBINAR_PARTS, "person_row")
    # An empty part for the columns: where they change, the page is fetched whole.
    parts = {f"columns {' '.join(sorted(columns))}": ""}
    for row in people.rows:
        parts[f"person-{row.code}"] = person_row(view, row, columns)
    return parts


def _describe_distance(view: WebinarView) -> str:
    if view.status.seen is None:
        return ""
    start, end = view.status.seen.start, view.status.seen.end
    return describe_countdown(start, end, view.read_at, is_over=view.is_over)


NEXT_WORDS = {
    State.IN_DOUBT: "Find out from the mail server's log whether it arrived, and decide.",
    State.REJECTED: "Correct the address on the roster, or remove the cause and retry.",
    State.FAILED: "Retry: the next run sends it.",
    State.EXPIRED: "Call them: it is too late for a message.",
    State.BOUNCED: "Correct the address on the roster: the next run writes to the new one.",
}
"""What a person does about a message that needs one."""

CONSOLE_PAGES.globals |= {"meanings": MEANINGS, "next_words": NEXT_WORDS}
