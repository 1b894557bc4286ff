"""The report as one page for screen, phone, print and screen readers: no script, nothing fetched.

It shows what `report` holds, and decides only what comes first. The look is shared with the plan
page (`onboarding/reports/page.css`, `onboarding/reports/macros.html.j2`).
"""

from onboarding.reports.page import PAGES
from onboarding.reports.report import (
    MEANINGS,
    Report,
    WebinarReport,
    badge,
    format_masked_link,
    list_next_steps,
)
from onboarding.reports.timeline import build_timeline


def render_html(report: Report) -> str:
    """Render the page. People who need attention come first."""
    return PAGES.get_template("report.html.j2").render(
        report=report,
        webinars=[arrange_webinar(webinar, report) for webinar in report.webinars],
    )


def arrange_webinar(webinar: WebinarReport, report: Report) -> dict[str, object]:
    """Put in order what the page says of one webinar, for its cards."""
    return {
        "webinar": webinar,
        # `sorted` is stable: in both halves the order of the report stays.
        "people": sorted(webinar.people, key=lambda person: not person.needs_a_person),
        "next_steps": list(list_next_steps(webinar)),
        "timeline": build_timeline(webinar, report.made_at),
    }


PAGES.filters |= {"masked": format_masked_link, "tone": badge}
PAGES.globals |= {"meanings": MEANINGS}
