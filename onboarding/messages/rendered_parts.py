"""What the templates say to one person, before any of it is written as mail."""

from collections.abc import Sequence
from html import unescape
from typing import NamedTuple


class RenderedParts(NamedTuple):
    """A message's rendered words: HTML as its template yields it, text, calendar description."""

    pieces: Sequence[str]
    text: str
    calendar_description: str

    @property
    def subject(self) -> str:
        """The subject: the HTML's title. It is near the beginning, so the rest is not needed."""
        before = next(
            (at for at, piece in enumerate(self.pieces, 1) if "</title>" in piece), len(self.pieces)
        )
        return subject_of("".join(self.pieces[:before]))


def subject_of(html: str) -> str:
    """Take the subject from the rendered title, as one line of text."""
    start = html.find(">", html.find("<title")) + 1
    return (
        # The title was escaped for HTML; in a header field the entities would be shown.
        " ".join(unescape(html[start : html.find("</title>", start)]).split())
        if "<title" in html
        else ""
    )
