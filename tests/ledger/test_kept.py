"""Copies are stored with `sending`, in one transaction, and go when their time is over."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from onboarding.ledger import claims, kept, transitions
from onboarding.ledger.schema import kept_messages, kept_parts
from onboarding.ledger.store import Ledger
from onboarding.model.copies import KeptFile, MessageCopy, SharedPart
from onboarding.model.deliveries import State, Transition
from tests.ledger.making import (
    ADA,
    GRACE,
    LATE,
    MINUTE,
    NOW,
    RUN,
    claimed,
    order,
    queue,
    record,
    seen,
)

PART = SharedPart("d1", '["<p>", null, "</p>"]')
OTHER_PART = SharedPart("d2", '["<b>", null, "</b>"]')
LINES = SharedPart("d3", '[null, "\\u001eBEGIN:VCALENDAR", null]')


def a_copy(name: str = "Ada", part: SharedPart = PART, sha256: str = "d1g2") -> MessageCopy:
    """A copy that shares the one line of its calendar entry with others."""
    return MessageCopy(
        sha256=sha256,
        sender="events@example.com",
        recipient="ada@example.com",
        headers=f"To: {name}\r\n",
        html=part,
        lines=LINES,
        own=f"Hello {name}\n\x1e{name}",
    )


def send(connection, delivery, copy=None, now=NOW) -> bool:
    write = transitions.start_sending(delivery, RUN, now, None, copy or a_copy())
    return transitions.write_transitions(connection, [write])[0]


def counts(connection) -> tuple[int, int]:
    return tuple(
        connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in (kept_messages, kept_parts)
    )


def texts(connection, session_row, key="ada@example.com") -> list[tuple[str, str]]:
    return [(row.text, row.html) for row in kept.list_kept(connection, session_row, key)]


def test_copy_is_there_as_soon_as_the_message_is_being_sent(connection, session_row):
    queue(connection, session_row, order())
    assert send(connection, claimed(connection, session_row))

    (message,) = kept.list_kept(connection, session_row, "ada@example.com")
    assert message.record.delivery.state is State.SENDING
    shown = (message.text, message.calendar, message.html)
    assert shown == ("Hello Ada", "BEGIN:VCALENDAR", "<p>Ada</p>")
    assert message.sha256 == "d1g2"


def test_copy_that_shares_no_lines_is_whole(connection, session_row):
    queue(connection, session_row, order())
    copy = a_copy()._replace(lines=None, own="Hello\n\nAda\n\x1eBEGIN:VCALENDAR\r\n\n\x1eAda")
    send(connection, claimed(connection, session_row), copy)

    (message,) = kept.list_kept(connection, session_row, "ada@example.com")
    shown = (message.text, message.calendar, message.html)
    assert shown == ("Hello\n\nAda", "BEGIN:VCALENDAR\r\n", "<p>Ada</p>")


def test_attached_files_are_kept_by_name_type_size_and_digest(connection, session_row):
    file = KeptFile("Übersicht.pdf", "application/pdf", 12, "8d96")
    queue(connection, session_row, order())
    send(connection, claimed(connection, session_row), a_copy()._replace(files=(file,)))

    [message] = kept.list_kept(connection, session_row, "ada@example.com")

    assert message.files == (file,)


def test_message_that_may_not_be_sent_leaves_no_copy(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)
    claims.release_claims(connection, RUN)

    assert not send(connection, delivery)
    assert counts(connection) == (0, 0)


def test_second_attempt_replaces_the_copy_of_the_first(connection, session_row):
    queue(connection, session_row, order())
    delivery = claimed(connection, session_row)
    send(connection, delivery)
    record(connection, delivery, RUN, Transition(State.QUEUED, "later", due_at=NOW), NOW)
    send(connection, claimed(connection, session_row), a_copy("Ada L.", OTHER_PART), NOW + MINUTE)

    assert texts(connection, session_row) == [("Hello Ada L.", "<b>Ada L.</b>")]


def test_parts_that_are_shared_are_stored_once_and_go_with_the_last_message(connection):
    old, new = seen(connection, 1), seen(connection, 2, LATE + timedelta(days=9))
    for session_row, email in ((old, ADA), (old, GRACE), (new, ADA)):
        queue(connection, session_row, order(email))
        part = OTHER_PART if email == GRACE else PART
        send(connection, claimed(connection, session_row), a_copy(email, part))
    assert counts(connection) == (3, 3)

    assert kept.remove_kept(connection, LATE + MINUTE) == 2
    assert counts(connection) == (1, 2)
    assert texts(connection, old) == []
    assert len(texts(connection, new)) == 1
    assert kept.remove_all_kept(connection) == 1
    assert counts(connection) == (0, 0)


@pytest.mark.anyio
async def test_group_keeps_the_copies_of_those_that_are_sent_and_no_other(place):
    async with Ledger(place) as ledger:
        session_row = await ledger.run(seen)
        await ledger.run(
            queue, session_row, *(order(f"p{number}@example.com") for number in range(3))
        )
        leased = await ledger.run(claims.claim, session_row, RUN, NOW, 3)
        wrong_run = transitions.start_sending(leased[1], "another run", NOW, None, a_copy())
        writes = [
            transitions.start_sending(leased[0], RUN, NOW, None, a_copy()),
            wrong_run,
            transitions.start_sending(leased[2], RUN, NOW, None, a_copy()),
        ]
        done = [ledger.submit(transitions.write_transitions, write) for write in writes]
        assert [await result for result in done] == [True, False, True]
        assert await ledger.run(counts) == (2, 2)
