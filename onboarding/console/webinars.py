"""The page *All webinars*: the configured ones that the person may see, with their state."""

import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.access import require_viewer
from onboarding.console.console import find_console
from onboarding.console.pages import page
from onboarding.pipeline.status import Status, read_status
from onboarding.pipeline.target import all_targets

FAR = datetime.max.replace(tzinfo=UTC)


async def show_webinars(request: Request) -> Response:
    """Show the list, soonest first; webinars without a run last."""
    console, viewer = find_console(request), require_viewer(request)
    services = console.services
    now = services.clock.now()
    targets = [target for target in all_targets(console.config) if viewer.may_see(target.name)]
    found = await asyncio.gather(
        *(read_status(console.config, target, now, services.progress) for target in targets)
    )
    return page("webinars.html.j2", request, webinars=sorted(found, key=_start_of), now=now)


def _start_of(status: Status) -> datetime:
    return status.seen.start if status.seen else FAR
