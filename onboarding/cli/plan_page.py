"""`plan --page`: writes the plan page, and stores what it showed so that it can be approved."""

from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli.output_file import write_output_file
from onboarding.cli.streams import echo
from onboarding.model.reviews import Review
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.review import make_review, store_review
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Options
from onboarding.reports.plan_page import format_approve_command, render_plan_page

PageFile = Annotated[
    Path | None,
    typer.Option(
        "--page",
        metavar="FILE",
        help="Also write one page with every change and message, to read and approve.",
    ),
]


async def write_plan_page(
    services: Services, target: Target, state: RunState, plan_options: Options, file: Path
) -> Review:
    """Write the page of what a run would do. Raises ConfigurationError if it can't be written."""
    review = await make_review(services, target, state, plan_options)
    page = render_plan_page(review).encode()
    # Rendered whole before it is written: a fault in rendering leaves an older page as it was.
    write_output_file(file, page, hint="Choose another file for --page.")
    # Only a page that a person can read may be approved, so the ledger hears of it last.
    await store_review(services, state, review)
    return review


def print_page_written(review: Review, file: Path) -> None:
    """Print where the page is, and the command that approves it: on standard error."""
    # Standard output may be the plan's JSON.
    echo(f"wrote {file}", err=True)
    echo(f"To approve exactly this page: {format_approve_command(review)}", err=True)
