"""Many moves in one statement do what each alone would do; one that is too late stops no other."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

import anyio.lowlevel
import pytest
import sqlalchemy as sa

from onboarding.ledger import claims, transitions
from onboarding.ledger.schema import deliveries as table
from onboarding.ledger.schema import events as history
from onboarding.ledger.store import Ledger
from onboarding.ledger.transitions import GuardFailed, TransitionWrite, write_transitions
from onboarding.model.deliveries import Delivery, State, Transition
from tests.ledger.making import MINUTE, NOW, RUN, TAKEN, order, queue, seen
from tests.ledger.writing import Held, noted

PEOPLE = 5
OUTCOMES = (
    Transition(State.SENT, reply=TAKEN),
    Transition(
        State.REJECTED,
        "the mail server refuses this address",
        replace(TAKEN, code=550, queue_id=""),
    ),
    Transition(State.QUEUED, "greylisted", due_at=NOW + MINUTE),
    Transition(State.IN_DOUBT, "no answer"),
    Transition(State.FAILED, "tried 9 times"),
)


def _queued(connection: sa.Connection, rehearsal_to: str = "") -> list[Delivery]:
    session_row = seen(connection)
    queue(
        connection,
        session_row,
        *(order(f"p{number}@example.com", rehearsal_to=rehearsal_to) for number in range(PEOPLE)),
    )
    return list(
        claims.claim(connection, session_row, RUN, NOW, PEOPLE, rehearsal=bool(rehearsal_to))
    )


def _recordings(leased: list[Delivery]) -> list[TransitionWrite]:
    later = NOW + timedelta(seconds=1.5)
    return [
        transitions.record_outcome(delivery, RUN, outcome, later)
        for delivery, outcome in zip(leased, OUTCOMES, strict=True)
    ]


def _rows(connection: sa.Connection) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Every delivery, and what history says of each, in order."""
    # Without numbers, which a rolled back transaction uses up on PostgreSQL.
    written = sa.select(table.c.email, history.c.at, history.c.what, history.c.detail).join(
        table, table.c.id == history.c.delivery
    )
    columns = [column for column in table.c if column.name not in {"id", "session"}]
    return (
        [tuple(row) for row in connection.execute(sa.select(*columns).order_by(table.c.id))],
        [
            tuple(row)
            for row in connection.execute(written.order_by(history.c.delivery, history.c.id))
        ],
    )


@pytest.mark.parametrize("rehearsal_to", ["", "me@example.com"])
def test_group_leaves_the_same_rows_as_one_by_one(memory, rehearsal_to):
    left = []
    for together in (True, False):
        with memory.connect() as connection, connection.begin() as transaction:
            leased = _queued(connection, rehearsal_to)
            for step in (
                [transitions.start_sending(delivery, RUN, NOW) for delivery in leased],
                _recordings(leased),
            ):
                groups = [step] if together else [[move] for move in step]
                assert [
                    made for group in groups for made in write_transitions(connection, group)
                ] == [True] * PEOPLE
            left.append(_rows(connection))
            transaction.rollback()

    assert left[0] == left[1]
    assert len(left[0][0]) == PEOPLE


def test_several_of_whom_one_may_not_move_are_refused_together(connection):
    first, second, *_ = _queued(connection)
    write_transitions(connection, [transitions.start_sending(first, RUN, NOW)])

    before = _rows(connection)

    with pytest.raises(GuardFailed), connection.begin_nested():
        write_transitions(
            connection,
            [
                transitions.start_sending(second, RUN, NOW),
                transitions.start_sending(first, RUN, NOW),
            ],
        )

    assert _rows(connection) == before


def test_two_moves_of_one_delivery_are_never_one_statement(connection):
    first, *_ = _queued(connection)
    before = _rows(connection)

    with pytest.raises(GuardFailed):
        write_transitions(
            connection,
            [
                transitions.start_sending(first, RUN, NOW),
                transitions.requeue_unsent(first, RUN, "stopped", NOW),
            ],
        )

    assert _rows(connection) == before


def test_delivery_that_is_forgotten_takes_no_other_along(connection):
    first, second, *_ = _queued(connection)
    connection.execute(table.delete().where(table.c.id == first.id))

    assert write_transitions(
        connection, [transitions.start_sending(delivery, RUN, NOW) for delivery in (first, second)]
    ) == [
        False,
        True,
    ]


@pytest.mark.anyio
async def test_two_moves_of_one_delivery_that_share_a_group_are_made_in_order(place):
    async with Ledger(place) as ledger:
        first, *_ = await ledger.run(_queued)

        made = await _moved(
            ledger,
            [
                transitions.start_sending(first, RUN, NOW),
                transitions.requeue_unsent(first, RUN, "stopped", NOW),
            ],
        )

        assert made == [True, True]
        assert [what for _one, _at, what, _told in (await ledger.run(_rows))[1]][:3] == [
            "queued",
            "sending",
            "queued",
        ]


def test_naive_time_is_refused(connection):
    leased, *_ = _queued(connection)

    with pytest.raises(ValueError, match="without zone"):
        transitions.start_sending(leased, RUN, datetime(2026, 9, 1, 9, 0))  # noqa: DTZ001


async def _moved(ledger: Ledger, group: list[TransitionWrite]) -> list[bool]:
    """Hand in moves so that they share a group."""
    async with Held(ledger):
        results = [ledger.submit(write_transitions, move) for move in group]
        await anyio.lowlevel.checkpoint()
    return await asyncio.gather(*results)


@pytest.mark.anyio
async def test_group_shares_one_commit_and_one_statement(database):
    async with Ledger(database) as ledger:
        leased = await ledger.run(_queued)
        traced: list[str] = []
        await ledger.run(lambda c: c.connection.driver_connection.set_trace_callback(traced.append))
        assert (
            await _moved(
                ledger, [transitions.start_sending(delivery, RUN, NOW) for delivery in leased]
            )
            == [True] * PEOPLE
        )

    # A statement is traced again for each trigger that it starts.
    names = [name for name, _again in groupby(statement.split()[0] for statement in traced)]
    # All but the last are from `run` and `Held`.
    assert names == ["COMMIT", "BEGIN", "COMMIT", "UPDATE"]


@pytest.mark.anyio
async def test_move_that_is_too_late_fails_alone_and_the_others_are_made(place):
    async with Ledger(place) as ledger:
        leased = await ledger.run(_queued)
        lost = leased[2]
        await ledger.run(
            write_transitions, [transitions.record_outcome(lost, RUN, OUTCOMES[2], NOW)]
        )

        made = await _moved(
            ledger, [transitions.start_sending(delivery, RUN, NOW) for delivery in leased]
        )

        assert made == [delivery is not lost for delivery in leased]
        states = await ledger.run(
            lambda c: c.execute(sa.select(table.c.state).order_by(table.c.id)).scalars().all()
        )
        assert states == [
            State.QUEUED if delivery is lost else State.SENDING for delivery in leased
        ]


@pytest.mark.anyio
async def test_what_is_handed_in_is_written_in_order_though_no_task_waits(place):
    async with Ledger(place) as ledger:
        leased = await ledger.run(_queued)
        crossing = [
            ledger.submit(write_transitions, transitions.start_sending(delivery, RUN, NOW))
            for delivery in leased
        ]
        for result in crossing:
            result.cancel()
        assert await ledger.run(noted) == []

        assert await _moved(ledger, _recordings(leased)) == [True] * PEOPLE


@pytest.mark.anyio
async def test_closed_ledger_takes_nothing_in(place):
    async with Ledger(place) as ledger:
        leased = await ledger.run(_queued)

    with pytest.raises(RuntimeError, match="not open"):
        ledger.submit(write_transitions, transitions.start_sending(leased[0], RUN, NOW))
