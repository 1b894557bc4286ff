"""The timeline: each message is in a bar, nothing outside the picture, the words say the same."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.deliveries import State
from onboarding.reports.timeline import BARS, FULL_HEIGHT, TONES, build_timeline
from tests.reports.samples import ADA, LEFT, MADE_AT, SENT, report_on


def timeline_of(*messages, made_at=MADE_AT, **changes):
    (webinar,) = report_on(replace(ADA, messages=messages), **changes).webinars
    return build_timeline(webinar, made_at)


def test_webinar_without_messages_has_no_timeline():
    assert timeline_of() is None


def test_first_message_is_at_the_left_and_the_start_at_the_right():
    late = replace(SENT, state=State.REJECTED, at=LEFT + timedelta(days=7))

    timeline = timeline_of(SENT, SENT, late)

    bars = [(bar.tone, round(bar.x), bar.height) for bar in timeline.bars]
    assert bars == [("done", 0, FULL_HEIGHT), ("attention", 48, FULL_HEIGHT / 2)]
    assert [(round(mark.x), mark.label) for mark in timeline.marks] == [
        (0, "this report: 1 Sept 2026, 16:15 CEST"),
        (100, "start: 15 Sept 2026, 18:00 CEST"),
    ]
    assert [number for _place, _height, number in timeline.numbers] == [2, 1]


def test_words_say_what_the_bars_show():
    timeline = timeline_of(SENT, replace(SENT, state=State.IN_DOUBT))

    assert [bar.label for bar in timeline.bars] == [
        "1 Sept 2026, 16:03 CEST: 1 sent",
        "1 Sept 2026, 16:03 CEST: 1 in doubt",
    ]
    assert timeline.summary == (
        "2 messages reached the state shown below on 1 Sept 2026, 16:03 CEST."
    )


def test_everything_at_one_moment_is_drawn():
    timeline = timeline_of(SENT, made_at=LEFT, start=LEFT, duration=timedelta())

    assert [(bar.x, bar.width) for bar in timeline.bars] == [(0, 100 / BARS)]


MOMENTS = st.timedeltas(timedelta(days=-400), timedelta(days=400)).map(lambda delta: LEFT + delta)
MESSAGES = st.builds(
    lambda state, at: replace(SENT, state=state, at=at), st.sampled_from(State), MOMENTS
)


@given(st.lists(MESSAGES, min_size=1, max_size=200), MOMENTS, MOMENTS)
def test_every_message_is_in_a_bar_and_every_bar_in_the_picture(messages, start, made_at):
    timeline = timeline_of(*messages, start=start, made_at=made_at)

    counted = sum(int(bar.label.split(": ")[1].split()[0]) for bar in timeline.bars)
    assert counted == len(messages)
    assert all(bar.tone in TONES for bar in timeline.bars)
    assert all(bar.x >= 0 and bar.x + bar.width <= 100.001 for bar in timeline.bars)
    assert all(0 <= mark.x <= 100 for mark in timeline.marks)
    tallest = max(bar.y + bar.height for bar in timeline.bars)
    assert FULL_HEIGHT - 0.001 <= tallest <= FULL_HEIGHT + 3 * 4
