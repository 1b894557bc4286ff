"""What the pages say in words: how far away a session is, how a panel is, who is at work. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from onboarding.pipeline.forecast import format_span
from onboarding.pipeline.overview import WebinarPanel

SMALLEST_SHARE = 2.0
"""Per cent of a bar that one person among hundreds still gets, so that it can be seen."""


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of a panel's bar: its tone, its place in per cent, and what it stands for."""

    tone: str
    x: float
    width: float
    number: int
    label: str


def describe_countdown(start: datetime, end: datetime, now: datetime, *, is_over: bool) -> str:
    """Say how far away a session is, or how long ago it began or ended."""
    if is_over:
        # RingCentral may call a session finished before its planned end.
        return f"ended {_format_minutes(end, now)} ago" if now > end else "ended"
    if now < start:
        return f"in {_format_minutes(now, start)}"
    return f"began {_format_minutes(start, now)} ago"


def _format_minutes(earlier: datetime, later: datetime) -> str:
    # Whole minutes: a page that counts seconds would never be at rest.
    minutes = later.replace(second=0, microsecond=0) - earlier.replace(second=0, microsecond=0)
    return format_span(minutes) if minutes else "less than a minute"


def build_bar(panel: WebinarPanel) -> list[BarPart]:
    """Divide a bar among the people of a panel: what is done first, what needs a person last."""
    places = [
        ("done", panel.informed, "have it" if panel.informed != 1 else "has it"),
        ("under-way", panel.under_way, "on the way"),
        ("over", panel.waiting, "not written to"),
        (
            "attention",
            panel.attention,
            "need a person" if panel.attention != 1 else "needs a person",
        ),
    ]
    present = [(tone, number, label) for tone, number, label in places if number]
    shares = [max(SMALLEST_SHARE, 100 * number / panel.people) for _, number, _ in present]
    # Brought back to the whole: the smallest ones were made larger.
    widths = [100 * share / sum(shares) for share in shares]
    return list(_place_parts(present, widths))


def _place_parts(places: list[tuple[str, int, str]], widths: list[float]) -> Iterator[BarPart]:
    x = 0.0
    for (tone, number, label), width in zip(places, widths, strict=True):
        yield BarPart(tone, x, width, number, label)
        x += width
