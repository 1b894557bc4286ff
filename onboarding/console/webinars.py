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
from onboarding.fleet.status import has_server, read_fleet_now
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
    parts = {
        "sorts": find_macro(LIST_PARTS, "sorts")(found, query),
        "list": find_macro(LIST_PARTS, "table")(rows, found, query),
    }
    # Only a ledger on a server has workers: the list of most people costs nothing more.
    if has_server(config):
        parts["fleet"] = find_macro(LIST_PARTS, "fleet")(_describe_fleet(console, now))
    return parts


def _describe_fleet(console: Console, now: datetime) -> str:
    """Say how many workers there are; empty without any. What each does may be another client's."""
    services = console.services
    status = read_fleet_now(services.config, now, services.progress)
    at_work = sum(bool(worker.doing) for worker in status.workers)
    waiting = sum(count.count for count in status.jobs if count.state == "todo")
    if not (status.workers or waiting):
        return ""
    workers = "1 worker" if len(status.workers) == 1 else f"{len(status.workers)} workers"
    jobs = "1 job waits" if waiting == 1 else f"{waiting} jobs wait"
    return f"{workers}, {at_work} at work; {jobs}."


def _show_line(line: WebinarLine, now: datetime) -> WebinarRow:
    seen = line.seen
    countdown = describe_countdown(seen.start, seen.end, now, is_over=line.is_over) if seen else ""
    return WebinarRow(line, countdown, build_bar(line.panel))
