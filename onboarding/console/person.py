"""The page of one person, and each of their messages as it was kept.

A message's HTML has an address of its own whose answer may run and load nothing: it is shown in a
frame. What is kept holds no join link (`messages.copies`), so none of these pages can show one.
"""

import math
from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.access import Viewer, require_viewer
from onboarding.console.coming import list_coming_for
from onboarding.console.console import find_console
from onboarding.console.live import digest_parts, stream_parts
from onboarding.console.live_parts import Parts
from onboarding.console.messages import MessageView, ShownTexts, answer_frame, view_message
from onboarding.console.pages import find_macro, page
from onboarding.console.people import make_rows
from onboarding.model.foreign_text import printable
from onboarding.pipeline.kept_messages import KeptCopy, read_fields, rebuild
from onboarding.pipeline.target import find_target
from onboarding.pipeline.webinar_view import PersonView, read_person

PERSON_PARTS, ACT_PARTS = "person_parts.html.j2", "act_parts.html.j2"

NO_PERSON = "There is no such person on this panel now. They may have been forgotten or renamed."
NO_MESSAGE_KEPT = "This message is not kept here: its time is over, or it never left."


async def show_person(request: Request) -> Response:
    """Show one person: how they are, what comes, their messages, their history."""
    found = await run_in_threadpool(_read_person, request)
    parts = _render_parts(found, require_viewer(request))
    return page("person.html.j2", request, found=found, parts=parts, version=digest_parts(parts))


async def stream_person(request: Request) -> Response:
    """Stream the page's parts as they change."""
    viewer = require_viewer(request)
    return stream_parts(request, lambda: _render_parts(_read_person(request), viewer))


async def show_message(request: Request) -> Response:
    """Show one message in words, with its HTML in a frame."""
    found, copy = await run_in_threadpool(_read_message, request)
    return page("message.html.j2", request, found=found, copy=copy, view=_view_copy(found, copy))


async def show_message_frame(request: Request) -> Response:
    """Answer with a message's own HTML, for the frame."""
    _, copy = await run_in_threadpool(_read_message, request)
    return answer_frame(copy.html)


async def download_message(request: Request) -> Response:
    """Answer with the message as a file for a mail program; it says that it is a copy."""
    _, copy = await run_in_threadpool(_read_message, request)
    headers = {
        "Content-Disposition": f'attachment; filename="message-{copy.record.delivery.id}.eml"'
    }
    return Response(rebuild(copy), media_type="message/rfc822", headers=headers)


def _view_copy(found: PersonView, copy: KeptCopy) -> MessageView:
    path = f"/webinars/{found.webinar.target.name}/people/{found.code}"
    return view_message(
        name=found.person.name,
        fields=[*_list_copy_fields(copy)],
        address=f"{path}/messages/{copy.record.delivery.id}",
        texts=ShownTexts(copy.text, copy.html, copy.calendar),
        time_zone=_time_zone(found),
    )


def _list_copy_fields(copy: KeptCopy) -> Iterator[tuple[str, str]]:
    """List the fields that a person knows, and the files that travelled with the message."""
    for name, value in read_fields(copy).items():
        yield name, printable(value)
    for file in copy.files:
        yield "Attached", f"{printable(file.name)}, {math.ceil(file.size / 1024):,} KB"


def _render_parts(found: PersonView, viewer: Viewer) -> Parts:
    rows = [row for row in make_rows(found.webinar) if row.code == found.code]
    name, person = found.webinar.target.name, found.person
    # What was rejected before a later message was sent needs no act any more.
    states = {message.state.value for message in (rows[0].message, person.latest) if message}
    return {
        "now": find_macro(PERSON_PARTS, "now")(
            found, rows[0], list_coming_for(found.webinar, found.person)
        ),
        "acts": find_macro(ACT_PARTS, "person_acts")(
            name, person.email, found.code, states, viewer
        ),
        "messages": find_macro(PERSON_PARTS, "messages")(found),
        "history": find_macro(PERSON_PARTS, "history")(found),
    }


def _read_person(request: Request) -> PersonView:
    """Read the person that the address names. Raises HTTPException 404 if there is none."""
    services, params = find_console(request).services, request.path_params
    target = find_target(services.config, params["webinar"])
    now, progress = services.clock.now(), services.progress
    found = read_person(services.config, target, params["person"], now, progress)
    if found is None:
        raise HTTPException(404, NO_PERSON)
    return found


def _read_message(request: Request) -> tuple[PersonView, KeptCopy]:
    """Read the message that the address names. Raises HTTPException 404 if it is not kept."""
    found = _read_person(request)
    copy = found.find_kept(request.path_params["message"])
    if copy is None:
        raise HTTPException(404, NO_MESSAGE_KEPT)
    return found, copy


def _time_zone(found: PersonView) -> str:
    return found.webinar.status.seen.time_zone if found.webinar.status.seen else "UTC"
