"""Open connections of all processes are counted together, and a dead process's count no more."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onboarding.ledger.leases import TERM, Holder, new_holder
from onboarding.ledger.schema import slots as table
from onboarding.ledger.slots import (
    NewSlot,
    add_slot,
    list_slot_holders,
    may_open,
    remove_slot,
    renew_slots,
)
from tests.ledger.making import NOW

MOST = 2
HERE = new_holder()
ELSEWHERE = [Holder(f"run-{number}", "another machine", number, "100") for number in range(3)]
INSTANT = timedelta(microseconds=1)


def _add(
    connection, holder: Holder, now=NOW, *, may_wait: bool = True, name: str = "smtp"
) -> NewSlot | None:
    return add_slot(connection, name, MOST, holder, now, may_wait=may_wait)


def _may_open(connection, slot: NewSlot | None, now=NOW) -> bool:
    assert slot is not None
    return may_open(connection, "smtp", MOST, slot.number, now)


def _renew(connection, holder: Holder, slots: list[NewSlot], now) -> frozenset[int]:
    return renew_slots(connection, [slot.number for slot in slots], holder, now)


def _count(connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_as_many_are_open_as_are_allowed_and_the_rest_come_in_their_turn(connection):
    added = [_add(connection, holder) for holder in (*ELSEWHERE, HERE)]

    assert [slot.is_open for slot in added] == [True, True, False, False]
    assert [_may_open(connection, slot) for slot in added] == [True, True, False, False]

    remove_slot(connection, added[0].number, ELSEWHERE[0])

    assert [_may_open(connection, slot) for slot in added] == [False, True, True, False]
    assert list_slot_holders(connection, "smtp", NOW) == [*ELSEWHERE[1:], HERE]


def test_who_may_not_wait_leaves_no_row(connection):
    for holder in ELSEWHERE[:MOST]:
        _add(connection, holder)

    assert _add(connection, HERE, may_wait=False) is None
    assert _count(connection) == MOST


def test_slots_of_two_accounts_are_apart(connection):
    for holder in ELSEWHERE[:MOST]:
        _add(connection, holder)

    assert _add(connection, HERE, name="another server").is_open


def test_another_machines_slot_counts_for_a_minute_after_it_was_renewed(connection):
    slots = [_add(connection, holder) for holder in ELSEWHERE[:MOST]]
    waiting = _add(connection, HERE)
    half = NOW + TERM / 2
    _renew(connection, ELSEWHERE[1], slots, half)
    _renew(connection, HERE, [waiting], half)

    assert not _may_open(connection, waiting, NOW + TERM - INSTANT)
    assert _may_open(connection, waiting, NOW + TERM)
    assert list_slot_holders(connection, "smtp", NOW + TERM) == [ELSEWHERE[1], HERE]


def test_slot_of_a_process_that_ended_on_this_machine_is_free_at_once(connection):
    ended = replace(HERE, name="ended", started="long ago")
    for _slot in range(MOST):
        _add(connection, ended)

    assert _add(connection, HERE).is_open
    assert list_slot_holders(connection, "smtp", NOW) == [HERE]


def test_slot_that_a_living_process_could_not_remove_ends_with_its_term(connection):
    slots = [_add(connection, HERE) for _slot in range(MOST)]
    _renew(connection, HERE, slots[1:], NOW + timedelta(seconds=30))

    assert _add(connection, ELSEWHERE[0], NOW + TERM).is_open
    assert list_slot_holders(connection, "smtp", NOW + TERM) == [HERE, ELSEWHERE[0]]


def test_process_that_only_slept_finds_that_its_slot_is_gone(connection):
    slept = [_add(connection, ELSEWHERE[0]) for _slot in range(MOST)]
    assert _renew(connection, ELSEWHERE[0], slept, NOW) == {slot.number for slot in slept}
    _add(connection, HERE, NOW + TERM)

    assert _renew(connection, ELSEWHERE[0], slept, NOW + TERM) == frozenset()


def test_only_its_holder_removes_a_slot(connection):
    """SQLite numbers a new row like the last one that was removed."""
    slot = _add(connection, HERE)
    remove_slot(connection, slot.number, ELSEWHERE[0])

    assert _count(connection) == 1


ACTS = st.tuples(
    st.sampled_from(["ask", "ask and wait", "look", "close", "die"]), st.sampled_from(ELSEWHERE)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(acts=st.lists(ACTS, max_size=25))
def test_never_are_more_open_than_allowed_whatever_happens(connection, acts):
    now = NOW
    opened: list[tuple[Holder, int]] = []
    waiting: list[tuple[Holder, int]] = []
    with connection.begin_nested() as fresh:
        for act, holder in acts:
            match act:
                case "die":
                    opened = [slot for slot in opened if slot[0] != holder]
                    waiting = [slot for slot in waiting if slot[0] != holder]
                    now += TERM
                    for living, number in opened + waiting:
                        renew_slots(connection, [number], living, now)
                case "close":
                    for slot in [slot for slot in opened if slot[0] == holder][:1]:
                        remove_slot(connection, slot[1], holder)
                        opened.remove(slot)
                case "look":
                    found = [
                        slot
                        for slot in waiting
                        if slot[0] == holder and may_open(connection, "smtp", MOST, slot[1], now)
                    ]
                    opened += found
                    waiting = [slot for slot in waiting if slot not in found]
                case _:
                    if new := _add(connection, holder, now, may_wait=act == "ask and wait"):
                        (opened if new.is_open else waiting).append((holder, new.number))
            assert len(opened) <= MOST
            assert len({number for _holder, number in opened + waiting}) == len(opened + waiting)
        fresh.rollback()


@pytest.mark.parametrize("may_wait", [True, False])
def test_raised_limit_counts_at_once(connection, may_wait):
    for holder in ELSEWHERE[:MOST]:
        _add(connection, holder)

    assert add_slot(connection, "smtp", MOST + 1, HERE, NOW, may_wait=may_wait).is_open
