"""The timeline of one session: when its messages reached their state, up to the session itself.

Pure geometry and words; the page draws it as an inline SVG. Places are per cent of the width, so
that the picture fits a phone without its text shrinking.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.model.deliveries import State
from onboarding.model.time_zones import zone_abbreviation
from onboarding.reports.page import format_local_time
from onboarding.reports.report import ReportedMessage, WebinarReport, badge

BARS = 60
"""In how many parts the time is divided. A bar is then wide enough to be seen on a phone."""

WIDTH = 100 / BARS
"""A bar's width, in per cent."""

FULL_HEIGHT = 84
"""The tallest bar's height, in pixels. The others are in proportion to it."""

LEAST_HEIGHT = 4
"""A bar of one message among hundreds still has to be seen."""

MOST_NUMBERS = 12
"""With more bars than this, their numbers would run into each other."""

TONES = ("done", "under-way", "over", "attention")
"""From the bottom of a bar to its top: what needs a person is where one looks first."""


@dataclass(frozen=True, slots=True)
class TimelineBar:
    """The messages of one tone in one part of the time. `x` and `width` are per cent.

    `y` and `height` are pixels above the axis. `label` says the same in words.
    """

    x: float
    width: float
    y: float
    height: float
    tone: str
    label: str


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """A moment with a name: the session's start, or when the report was made."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn. `numbers` say of each bar its place, height and number of messages."""

    bars: tuple[TimelineBar, ...]
    numbers: tuple[tuple[float, float, int], ...]
    marks: tuple[TimelineMark, ...]
    summary: str


def build_timeline(webinar: WebinarReport, made_at: datetime) -> Timeline | None:
    """Build the timeline of a session; None before its first message."""
    if not webinar.messages:
        return None
    span = _find_span(webinar, made_at)
    parts = _divide(webinar.messages, span)
    tallest = max(map(len, parts.values()))
    pixels = FULL_HEIGHT / tallest
    bars = [bar for part in parts for bar in _stack_bars(webinar, part, parts[part], pixels)]
    return Timeline(
        bars=tuple(bars),
        numbers=_place_numbers(parts, pixels) if len(parts) <= MOST_NUMBERS else (),
        marks=(
            TimelineMark(span.place(made_at), f"this report: {_say(made_at, webinar)}"),
            TimelineMark(span.place(webinar.start), f"start: {_say(webinar.start, webinar)}"),
        ),
        summary=_describe_span(webinar),
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """The time that the picture shows."""

    begin: datetime
    end: datetime

    def place(self, moment: datetime) -> float:
        """Find a moment's place, in per cent."""
        # All at one moment has no length: everything is then at the left.
        whole = max(self.end - self.begin, timedelta(seconds=1))
        return 100 * ((moment - self.begin) / whole)


def _find_span(webinar: WebinarReport, made_at: datetime) -> _Span:
    moments = [message.at for message in webinar.messages]
    return _Span(
        # All marks have to be inside: a report may be made long after the session, or before.
        min(*moments, webinar.start, made_at),
        max(*moments, webinar.start + webinar.duration, made_at),
    )


def _divide(messages: tuple[ReportedMessage, ...], span: _Span) -> dict[int, list[ReportedMessage]]:
    """Divide messages into the parts of the time, the earliest part first."""
    parts: dict[int, list[ReportedMessage]] = {}
    for message in sorted(messages, key=lambda message: message.at):
        # The very end belongs to the last part.
        part = min(int(span.place(message.at) / WIDTH), BARS - 1)
        parts.setdefault(part, []).append(message)
    return parts


def _stack_bars(
    webinar: WebinarReport, part: int, messages: list[ReportedMessage], pixels: float
) -> Iterator[TimelineBar]:
    """Yield the bars of one part, one upon another. `pixels` is the height of one message."""
    when = _say(messages[0].at, webinar)
    below = 0.0
    for tone in TONES:
        states = [message.state for message in messages if badge(message.state) == tone]
        if states:
            # So a part of many tones can be a little taller than its number of messages says.
            height = max(pixels * len(states), LEAST_HEIGHT)
            label = f"{when}: {len(states)} {_name_states(states)}"
            yield TimelineBar(part * WIDTH, WIDTH, below, height, tone, label)
            below += height


def _place_numbers(
    parts: dict[int, list[ReportedMessage]], pixels: float
) -> tuple[tuple[float, float, int], ...]:
    """Place each part's number of messages in the middle, above its bars."""
    return tuple(
        ((part + 0.5) * WIDTH, pixels * len(messages), len(messages))
        for part, messages in parts.items()
    )


def _name_states(states: Iterable[State]) -> str:
    return ", ".join(sorted({state.replace("_", " ") for state in states}))


def _say(moment: datetime, webinar: WebinarReport) -> str:
    local = format_local_time(moment, webinar.time_zone, "d MMM y, HH:mm")
    return f"{local} {zone_abbreviation(moment, webinar.time_zone)}"


def _describe_span(webinar: WebinarReport) -> str:
    moments = sorted(message.at for message in webinar.messages)
    first, last = _say(moments[0], webinar), _say(moments[-1], webinar)
    span = f"on {first}" if first == last else f"from {first} to {last}"
    messages = "1 message" if len(moments) == 1 else f"{len(moments)} messages"
    return f"{messages} reached the state shown below {span}."
