"""The mail server's pace: even, never a burst, and a cap for every 24 hours."""

import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onboarding.ledger.databases import find_database
from onboarding.ledger.places import ServerPlace
from onboarding.ledger.send_rate import (
    AHEAD,
    ONE_DAY,
    ONE_HOUR,
    SendPace,
    SendPlace,
    SendRate,
    SendRequest,
    reserve_sends,
)
from onboarding.ledger.store import Ledger
from tests.ledger.making import NOW

TWO_SECONDS = SendRate(timedelta(seconds=2))
HALF_A_SECOND = SendRate(timedelta(seconds=0.5))
FULL_QUEUE = timedelta(seconds=60)


def _ask(connection, rate: SendRate, moment: datetime, name: str = "smtp") -> SendPlace:
    return reserve_sends(connection, [SendRequest(name, rate, lambda: moment)])[0]


def _places(connection, rate: SendRate, *times: float) -> list[float | None]:
    """Ask at each of these seconds; gives the second of each place, or None where none is near."""
    places = [_ask(connection, rate, NOW + timedelta(seconds=second)) for second in times]
    return [(place.at - NOW).total_seconds() if place.is_reserved else None for place in places]


@pytest.mark.parametrize(
    ("rate", "times", "places"),
    [
        pytest.param(SendRate(), [0, 0, 0], [0, 0, 0], id="as fast as it goes"),
        pytest.param(HALF_A_SECOND, [0, 0, 0, 0], [0, 0.5, 1, None], id="a second ahead"),
        pytest.param(HALF_A_SECOND, [0, 0.4, 0.9], [0, 0.5, 1], id="late questions cost nothing"),
        pytest.param(TWO_SECONDS, [0, 0, 1, 2, 3], [0, None, 2, None, 4], id="even"),
        pytest.param(TWO_SECONDS, [0, 100, 100], [0, 100, None], id="idleness saves nothing up"),
        pytest.param(TWO_SECONDS, [100, 40, 42], [100, None, 43], id="the clock was set back"),
        pytest.param(SendRate(per_day=2), [0, 0, 0, 89999], [0, 0, None, 90000], id="a cap"),
        pytest.param(SendRate(per_day=1), [3590, 86460, 89999], [3590, None, 90000], id="by hours"),
        pytest.param(
            SendRate(per_day=1), [3599.5, 90000], [3599.5, 90000], id="the end of an hour"
        ),
        pytest.param(SendRate(per_day=0), [0], [None], id="a cap of none"),
    ],
)
def test_place_is_the_next_that_is_free_unless_it_is_far_ahead(connection, rate, times, places):
    assert _places(connection, rate, *times) == places


@pytest.mark.parametrize(
    ("rate", "asked", "at"),
    [
        (TWO_SECONDS, 0, 2),
        (SendRate(per_day=1), 0, 90000),
        (SendRate(timedelta(seconds=2), per_day=1), 1, 90000),
        (SendRate(timedelta(days=2), per_day=1), 1, 172800),
        (SendRate(per_day=0), 5, 86405),
    ],
    ids=["the rate", "the cap", "the cap is longer", "the rate is longer", "a cap of none"],
)
def test_place_that_is_far_ahead_is_not_reserved_but_said(connection, rate, asked, at):
    _ask(connection, rate, NOW)

    place = _ask(connection, rate, NOW + timedelta(seconds=asked))

    assert place == SendPlace(NOW + timedelta(seconds=at), is_reserved=False)


def test_group_of_messages_gets_places_in_one_transaction(connection):
    names = ["one", "two", "one", "one"]
    places = reserve_sends(
        connection, [SendRequest(name, HALF_A_SECOND, lambda: NOW) for name in names]
    )

    half = timedelta(seconds=0.5)
    assert [place.at - NOW for place in places] == [0 * half, 0 * half, half, 2 * half]


def test_question_that_waited_for_another_process_asks_the_time_afterwards(connection):
    """With the time from before, the places reserved meanwhile would look like a wrong clock."""
    times = iter([NOW + timedelta(minutes=5), NOW + timedelta(minutes=5, seconds=2)])
    request = SendRequest("smtp", TWO_SECONDS, lambda: next(times))

    first, second = reserve_sends(connection, [request, request])

    assert second.at - first.at == timedelta(seconds=2)


def _waited(connection, rate: SendRate, at: float) -> float:
    """How long a message has to wait in all, asking again whenever that may help; in seconds."""
    now = begun = NOW + timedelta(seconds=at)
    place = _ask(connection, rate, now)
    while not place.is_reserved:
        now = max(place.at - AHEAD, now)
        assert now - begun < 10 * ONE_DAY
        place = _ask(connection, rate, now)
    return (place.at - begun).total_seconds()


@pytest.mark.parametrize(
    ("rate", "longest"),
    [
        pytest.param(TWO_SECONDS, 3, id="one interval"),
        pytest.param(SendRate(per_day=1), 90000, id="a day and an hour"),
    ],
)
def test_clock_that_is_set_back_by_a_year_makes_no_message_wait_longer(connection, rate, longest):
    _ask(connection, rate, NOW + 366 * ONE_DAY)

    assert _waited(connection, rate, 0) <= longest


def test_clock_of_another_machine_that_is_some_seconds_ahead_is_believed(connection):
    _ask(connection, TWO_SECONDS, NOW + timedelta(seconds=20))

    assert _ask(connection, TWO_SECONDS, NOW).at == NOW + timedelta(seconds=22)


def test_raised_rate_counts_at_once(connection):
    _ask(connection, SendRate(timedelta(hours=1)), NOW)

    assert _waited(connection, TWO_SECONDS, 0) == 3


def test_paces_of_two_servers_are_apart(connection):
    _ask(connection, TWO_SECONDS, NOW, "one")

    assert _ask(connection, TWO_SECONDS, NOW, "two") == SendPlace(NOW, is_reserved=True)


@given(
    gaps=st.lists(st.timedeltas(timedelta(), 10 * ONE_HOUR), max_size=40),
    interval=st.timedeltas(timedelta(), 3 * ONE_HOUR),
    per_day=st.integers(1, 4),
)
def test_no_two_messages_are_too_close_and_no_day_holds_too_many(gaps, interval, per_day):
    rate, pace, now, sent = SendRate(interval, per_day), SendPace(NOW, {}), NOW, []
    for gap in gaps:
        now += gap
        place, pace = pace.find_place(rate, now)
        if place.is_reserved:
            assert place.at >= now
            sent.append(place.at)

    assert all(later - earlier >= interval for earlier, later in pairwise(sent))
    assert all(
        later - earlier >= ONE_DAY for earlier, later in zip(sent, sent[per_day:], strict=False)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    gaps=st.lists(st.timedeltas(timedelta(), 10 * ONE_HOUR), max_size=10),
    interval=st.timedeltas(timedelta(), 3 * ONE_HOUR),
    per_day=st.integers(1, 4),
)
def test_who_waits_until_the_place_that_was_said_gets_it(connection, gaps, interval, per_day):
    rate, now = SendRate(interval, per_day), NOW
    with connection.begin_nested() as fresh:
        for gap in gaps:
            now += gap
            place = _ask(connection, rate, now)
            if not place.is_reserved:
                again = _ask(connection, rate, place.at - AHEAD)
                assert again == SendPlace(place.at, is_reserved=True)
            now = max(now, place.at)
        fresh.rollback()


def _serve_queue(
    rate: SendRate, askers: int, delays: Sequence[timedelta], until: timedelta
) -> list[datetime]:
    """Let several askers send from a queue that never ends; gives the places they had, in order.

    After each question, and after each message, an asker needs the next of `delays`.
    """
    pace, places = SendPace(NOW, {}), []
    take = cycle(delays)
    ready = [(NOW, number) for number in range(askers)]
    while ready[0][0] < NOW + until:
        now, number = heapq.heappop(ready)
        place, pace = pace.find_place(rate, now)
        if place.is_reserved:
            places.append(place.at)
        moment = place.at if place.is_reserved else place.at - AHEAD
        heapq.heappush(ready, (max(now, moment) + next(take), number))
    return sorted(places)


@given(
    askers=st.integers(1, 12),
    interval=st.floats(0.02, 70),
    delays=st.lists(st.floats(0.001, 20), min_size=1, max_size=12),
)
def test_no_window_holds_more_than_the_rate_whatever_the_delays(askers, interval, delays):
    rate = SendRate(timedelta(seconds=interval))
    places = _serve_queue(rate, askers, [timedelta(seconds=delay) for delay in delays], FULL_QUEUE)

    # Any window with n + 1 messages is at least n intervals long.
    assert all(later - earlier >= rate.interval for earlier, later in pairwise(places))


@given(
    interval=st.floats(0.02, 10),
    delays=st.lists(st.floats(0.001, 0.45), min_size=1, max_size=12),
)
def test_full_queue_gets_the_rate_whatever_the_questions_and_messages_take(interval, delays):
    rate = SendRate(timedelta(seconds=interval))
    # As many as are at work at once where each message takes the longest of the delays.
    askers = int(max(delays) / interval) + 2
    places = _serve_queue(rate, askers, [timedelta(seconds=delay) for delay in delays], FULL_QUEUE)

    within = [place for place in places if place < NOW + FULL_QUEUE]
    assert len(within) >= int(0.95 * (FULL_QUEUE / rate.interval))


class PassedTime:
    """The time that several processes ask for their places."""

    def __init__(self) -> None:
        self.time = NOW

    def read(self) -> datetime:
        return self.time


@pytest.mark.anyio
async def test_two_processes_together_get_the_rate_and_no_more(place):
    """Each has a connection of its own to the ledger."""
    if isinstance(place, ServerPlace):
        find_database(place, 1.0).prepare()
    passed = PassedTime()
    request = SendRequest("smtp", HALF_A_SECOND, passed.read)
    places = []
    async with Ledger(place) as one, Ledger(place) as two:
        ready = [(NOW, number, ledger) for number, ledger in enumerate([one, two, one, two])]
        while ready[0][0] < NOW + FULL_QUEUE:
            passed.time, number, ledger = heapq.heappop(ready)
            found = await ledger.submit(reserve_sends, request)
            if found.is_reserved:
                places.append(found.at)
            moment = found.at if found.is_reserved else found.at - AHEAD
            # A message, or a question, takes 0.3 seconds.
            later = max(passed.time, moment) + timedelta(seconds=0.3)
            heapq.heappush(ready, (later, number, ledger))

    places.sort()
    assert all(later - earlier >= timedelta(seconds=0.5) for earlier, later in pairwise(places))
    assert sum(place < NOW + FULL_QUEUE for place in places) >= 114
