"""The page *All webinars*: those that the person may see, soonest first, as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.access import Viewer, require_viewer
from onboarding.console.console import Console, find_console
from onboarding.console.live import digest_parts, stream_parts
from onboarding.console.live_parts import Parts
from onboarding.console.pages import find_macro, page
from onboarding.console.queries import read_page_number, read_words, write_query
from onboarding.console.words import BarPart, build_bar, describe_countdown
from onboarding.pipeline.overview import OverviewQuery, Show, WebinarLine, read_overview
from onboarding.pipeline.target import find_target

LIST_PARTS = "webinars_parts.html.j2"


@dataclass(frozen=True, slots=True)
class WebinarRow:
    """One webinar as the table shows it."""

    line: WebinarLine
    countdown: str
    bar: list[BarPart]


async def show_webinars(request: Request) -> Response:
    """Show one page of the list."""
    query = read_query(request.query_params)
    parts = await run_in_threadpool(_make_parts(request))
    return page(
        "webinars.html.j2",
        request,
        query=query,
        parts=parts,
        version=digest_parts(parts),
        address=write_query(_write_query(query)),
    )


async def stream_webinars(request: Request) -> Response:
    """Stream the list as it changes."""
    return stream_parts(request, _make_parts(request))


def read_query(fields: Mapping[str, str]) -> OverviewQuery:
    """Read what a person looks for. What makes no sense counts as not written."""
    show = fields.get("show", "")
    chosen = Show(show) if show in list(Show) else Show.ALL
    return OverviewQuery(read_words(fields), chosen, read_page_number(fields))


def _write_query(query: OverviewQuery) -> dict[str, object]:
    return {"q": query.words, "show": query.show, "page": query.page}


def _make_parts(request: Request) -> partial[Parts]:
    console, viewer = find_console(request), require_viewer(request)
    return partial(render_webinars, console, viewer, read_query(request.query_params))


def render_webinars(console: Console, viewer: Viewer, query: OverviewQuery) -> Parts:
    """Render the parts of the list. It reads the ledger, so call it in a thread."""
    services = console.services
    config, now = services.config, services.clock.now()
    targets = [find_target(config, name) for name in config.webinars if viewer.may_see(name)]
    found = read_overview(config, targets, query, now, services.progress)
    rows = [_show_line(line, now) for line in found.lines]
    return {
        "sorts": find_macro(LIST_PARTS, "sorts")(found, query),
        "list": find_macro(LIST_PARTS, "table")(rows, found, query),
    }


def _show_line(line: WebinarLine, now: datetime) -> WebinarRow:
    seen = line.seen
    countdown = describe_countdown(seen.start, seen.end, now, is_over=line.is_over) if seen else ""
    return WebinarRow(line, countdown, build_bar(line.panel))
