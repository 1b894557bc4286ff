"""One message as a page shows it, kept or planned: fields, calendar and text in words, HTML framed.

The HTML has an address of its own, whose answer may run and load nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import HTMLResponse, Response

from onboarding.reports.calendar_words import describe_calendar
from onboarding.reports.mail_frame import build_frame, count_lines

MESSAGE_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""What a message's own HTML may do: nothing but look as it does, inside a page of ours."""

LINE_WIDTH, LINE_HEIGHT, FRAME_EDGE, TALLEST = 68, 29, 215, 4000
"""A frame can't be measured, so its height in pixels is guessed from the lines of the text."""


@dataclass(frozen=True, slots=True)
class ShownTexts:
    """The texts of a message, decoded; empty is what it has not."""

    text: str
    html: str
    calendar: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message for a page. `name` is its reader's, `frame` the address of its HTML.

    `calendar` are labels and texts; `pictures` names those that the page does not load.
    """

    name: str
    fields: Sequence[tuple[str, str]]
    frame: str
    height: int
    texts: ShownTexts
    calendar: Sequence[tuple[str, str]]
    pictures: Sequence[str]

    @property
    def subject(self) -> str:
        """The subject, in words where there is none."""
        return dict(self.fields).get("Subject", "") or "No subject"


def view_message(
    name: str,
    fields: Sequence[tuple[str, str]],
    address: str,
    texts: ShownTexts,
    time_zone: str,
) -> MessageView:
    """Make the view of a message; its page has this address."""
    return MessageView(
        name,
        fields,
        frame=f"{address}/html" if texts.html else "",
        height=min(TALLEST, FRAME_EDGE + count_lines(texts.text, LINE_WIDTH) * LINE_HEIGHT),
        texts=texts,
        calendar=describe_calendar(texts.calendar, time_zone) if texts.calendar else (),
        pictures=build_frame(texts.html).remote_pictures if texts.html else (),
    )


def answer_frame(html: str) -> Response:
    """Answer with the HTML of a message, kept from doing anything."""
    document = build_frame(html).document
    return HTMLResponse(document, headers={"Content-Security-Policy": MESSAGE_POLICY})
