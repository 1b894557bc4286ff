"""The report of one webinar, as a page and as files: what `onboarding report` writes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.console import find_console
from onboarding.console.pages import page
from onboarding.pipeline.target import find_target
from onboarding.pipeline.webinar_view import read_webinar
from onboarding.reports.csv_file import render_csv
from onboarding.reports.report import Report
from onboarding.reports.report_json import report_json
from onboarding.reports.report_page import arrange_webinar, render_html
from onboarding.reports.table import build_overview, build_table
from onboarding.reports.workbook import Sheet, render_workbook

NOTHING_YET = "There is nothing to report yet: no run has done anything for this webinar."


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A file of the report: its type, and how it is made."""

    media_type: str
    render: Callable[[Report], bytes]


def _render_csv(report: Report) -> bytes:
    return render_csv(build_table(report))


def _render_xlsx(report: Report) -> bytes:
    sheets = [Sheet("Messages", build_table(report)), Sheet("Webinars", build_overview(report))]
    return render_workbook(sheets, report.made_at)


def _render_json(report: Report) -> bytes:
    return json.dumps(report_json(report), ensure_ascii=False, indent=2).encode()


REPORT_FILES: Mapping[str, FileFormat] = MappingProxyType(
    {
        "csv": FileFormat("text/csv; charset=utf-8", _render_csv),
        "xlsx": FileFormat(
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _render_xlsx
        ),
        "json": FileFormat("application/json", _render_json),
        "html": FileFormat("text/html; charset=utf-8", lambda report: render_html(report).encode()),
    }
)
"""The files, by the last word of their address."""


async def show_report(request: Request) -> Response:
    """Show the report."""
    report = await run_in_threadpool(_read_webinar_report, request)
    target = find_target(find_console(request).config, request.path_params["webinar"])
    shown = arrange_webinar(report.webinars[0], report) if report else None
    return page("report.html.j2", request, target=target, report=report, shown=shown)


async def download_report(request: Request) -> Response:
    """Answer with a file. Raises HTTPException 404 for an unknown format, or without a run."""
    file = REPORT_FILES.get(request.path_params["format"])
    report = await run_in_threadpool(_read_webinar_report, request) if file else None
    if file is None or report is None:
        raise HTTPException(404, NOTHING_YET if file else None)
    content = await run_in_threadpool(file.render, report)
    name = f"{request.path_params['webinar']}.{request.path_params['format']}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=file.media_type, headers=headers)


def _read_webinar_report(request: Request) -> Report | None:
    services = find_console(request).services
    target = find_target(services.config, request.path_params["webinar"])
    now = services.clock.now()
    found = read_webinar(services.config, target, now, services.progress).report
    return Report(now, (found,)) if found else None
