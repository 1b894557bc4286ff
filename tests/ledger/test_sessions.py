"""Sessions as last seen, results of the last run, webinar facts, colleagues; and their removal."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from onboarding.ledger import cache, events, new_deliveries, registrations, sessions
from onboarding.ledger.schema import metadata
from onboarding.ledger.store import Ledger
from onboarding.model.accounts import AccountKey
from onboarding.model.people import Colleague, LinkedUser, Problem
from onboarding.model.registrations import Standing
from onboarding.model.sessions import SessionStatus
from tests.ledger.making import MINUTE, NOW, START, invitee, order, seen, session

ACCOUNT = AccountKey("https://ringcentral.example")
SAME_SERVER = AccountKey(ACCOUNT.server, "acme")
OTHER = AccountKey("https://other.example")
END = START + timedelta(hours=1)
PROBLEMS = [
    Problem(3, "email", "grace@", "no address"),
    Problem(None, None, "lin@example.com", "refused"),
]
ADA = Colleague(LinkedUser("account", "user-1"), "ada@example.com", "Ada", "Lovelace", "Countess")
NAMELESS = Colleague(LinkedUser("account", "user-2", "ilm"))


def test_session_keeps_its_number_when_its_facts_change(connection):
    first = sessions.upsert(connection, session())

    second = sessions.upsert(
        connection, replace(session(), title="Moved", start=END, status=SessionStatus.ACTIVE)
    )

    found = sessions.find(connection, ACCOUNT, "webinar-1", "session-1")
    assert (second, found.id) == (first, first)
    assert (found.title, found.start, found.status, found.run_at) == (
        "Moved",
        END,
        SessionStatus.ACTIVE,
        None,
    )


def test_session_is_found_as_it_was_seen(connection):
    number = sessions.upsert(connection, session())

    assert sessions.find(connection, ACCOUNT, "webinar-1", "session-1") == sessions.StoredSession(
        id=number,
        key=session().key,
        title="Spring launch",
        start=START,
        duration=timedelta(hours=1),
        time_zone="Europe/Berlin",
        status=SessionStatus.SCHEDULED,
        run_at=None,
        heavy_calls=0,
    )


@pytest.mark.parametrize(
    ("account", "webinar", "wanted", "found"),
    [
        (ACCOUNT, "webinar-1", "session-1", "session-1"),
        (ACCOUNT, "webinar-1", None, "session-2"),
        (ACCOUNT, "webinar-1", "session-9", None),
        (ACCOUNT, "webinar-2", None, None),
        (OTHER, "webinar-1", None, None),
        (SAME_SERVER, "webinar-1", None, None),
    ],
    ids=[
        "by its id",
        "the one that starts last",
        "no such session",
        "no such webinar",
        "on another server",
        "of another account",
    ],
)
def test_find_looks_for(connection, account, webinar, wanted, found):
    seen(connection, 2, START + MINUTE)
    seen(connection, 1, START)

    got = sessions.find(connection, account, webinar, wanted)

    assert (got.key.session_id if got else None) == found


def test_problems_of_a_run_replace_those_of_the_run_before(connection, session_row):
    sessions.record_run_end(connection, session_row, [Problem(2, "role", "", "old")], 4, NOW)
    sessions.record_run_end(connection, session_row, PROBLEMS, 2, NOW + MINUTE)

    assert sessions.list_problems(connection, session_row) == PROBLEMS
    found = sessions.find(connection, ACCOUNT, "webinar-1", "session-1")
    assert (found.heavy_calls, found.run_at) == (2, NOW + MINUTE)


def test_calls_of_a_run_that_is_killed_are_known_and_the_problems_of_the_one_before_stay(
    connection, session_row
):
    sessions.record_run_end(connection, session_row, PROBLEMS, 4, NOW)

    sessions.store_run_start(connection, session_row, 3, NOW + MINUTE)

    found = sessions.find(connection, ACCOUNT, "webinar-1", "session-1")
    assert (found.heavy_calls, found.run_at) == (3, NOW + MINUTE)
    assert sessions.list_problems(connection, session_row) == PROBLEMS


def test_run_without_problems_clears_them_and_leaves_other_sessions(connection, session_row):
    other = seen(connection, 2)
    sessions.record_run_end(connection, session_row, PROBLEMS, 4, NOW)
    sessions.record_run_end(connection, other, PROBLEMS, 4, NOW)

    sessions.record_run_end(connection, session_row, [], 2, NOW)

    assert (
        list(sessions.list_problems(connection, session_row)),
        sessions.list_problems(connection, other),
    ) == (
        [],
        PROBLEMS,
    )


def test_webinar_facts_are_the_last_ones_kept(connection):
    assert cache.find_webinar_facts(connection, ACCOUNT, "webinar-1") is None

    cache.store_webinar_facts(connection, ACCOUNT, "webinar-1", {"title": "old"}, NOW)
    cache.store_webinar_facts(connection, ACCOUNT, "webinar-1", {"title": "new", "host": None}, NOW)
    cache.store_webinar_facts(connection, ACCOUNT, "webinar-2", {"title": "other"}, NOW)

    assert cache.find_webinar_facts(connection, ACCOUNT, "webinar-1") == {
        "title": "new",
        "host": None,
    }


def test_session_goes_with_its_webinar_to_another_account(connection):
    number = sessions.upsert(connection, session(), SAME_SERVER.name)

    moved = sessions.upsert(connection, session(), ACCOUNT.name)

    assert moved == number
    assert sessions.find(connection, SAME_SERVER, "webinar-1", None) is None
    assert sessions.find(connection, ACCOUNT, "webinar-1", None).account == ACCOUNT.name


def test_webinar_facts_are_of_one_account(connection):
    cache.store_webinar_facts(connection, ACCOUNT, "webinar-1", {"title": "ours"}, NOW)
    cache.store_webinar_facts(connection, SAME_SERVER, "webinar-1", {"title": "theirs"}, NOW)

    assert cache.find_webinar_facts(connection, ACCOUNT, "webinar-1") == {"title": "ours"}
    assert cache.find_webinar_facts(connection, SAME_SERVER, "webinar-1") == {"title": "theirs"}


@pytest.mark.parametrize("other", [OTHER, SAME_SERVER])
def test_directory_is_replaced_as_a_whole_for_its_account(connection, other):
    cache.store_colleagues(connection, ACCOUNT, [ADA, NAMELESS], NOW)
    cache.store_colleagues(connection, other, [ADA], NOW)

    cache.store_colleagues(connection, ACCOUNT, [NAMELESS], NOW)

    assert cache.load_colleagues(connection, ACCOUNT) == [NAMELESS]
    assert cache.load_colleagues(connection, other) == [ADA]


def test_directory_may_name_somebody_twice(connection):
    cache.store_colleagues(connection, ACCOUNT, [replace(ADA, job_title="old"), ADA], NOW)

    assert cache.load_colleagues(connection, ACCOUNT) == [ADA]


@pytest.mark.parametrize("known", [[], [ADA, NAMELESS]])
def test_directory_comes_back_as_it_was_kept(connection, known):
    cache.store_colleagues(connection, ACCOUNT, known, NOW)

    assert list(cache.load_colleagues(connection, ACCOUNT)) == known


# --- forgetting -----------------------------------------------------------------------------------


def _fill(connection: sa.Connection) -> int:
    """One session with a person in every table that holds people."""
    session_row = seen(connection)
    registrations.set_standing(connection, session_row, [invitee()], Standing.ADDED, NOW)
    new_deliveries.enqueue(connection, session_row, [order()], NOW)
    sessions.record_run_end(
        connection, session_row, [Problem(2, "email", "ada@example.com", "Lovelace")], 4, NOW
    )
    cache.store_colleagues(connection, ACCOUNT, [ADA], NOW)
    return session_row


def _rows(connection: sa.Connection) -> dict[str, int]:
    count = sa.func.count()
    tables = {
        table.name: connection.execute(sa.select(count).select_from(table)).scalar()
        for table in metadata.sorted_tables
    }
    # These hold nothing of a person: the versions of the tables, and the ledger's random value.
    people = tables.keys() - {"versions", "job_tables", "uid_seeds"}
    return {name: rows for name, rows in tables.items() if rows and name in people}


@pytest.mark.parametrize(
    ("before", "forgotten"), [(END, 0), (END + MINUTE, 1)], ids=["ended just then", "ended before"]
)
def test_forgetting_takes_sessions_that_ended_before(connection, before, forgotten):
    seen(connection)

    assert sessions.remove_ended(connection, before) == forgotten
    assert _rows(connection).get("sessions", 0) == 1 - forgotten


def test_forgetting_a_session_leaves_nothing_of_its_people_in_any_table(connection):
    _fill(connection)

    sessions.remove_ended(connection, END + MINUTE)

    assert _rows(connection) == {}


def test_forgetting_leaves_the_people_of_other_sessions(connection):
    _fill(connection)
    other = seen(connection, 2, START + timedelta(days=1))
    new_deliveries.enqueue(connection, other, [order()], NOW)

    sessions.remove_ended(connection, END + MINUTE)

    assert _rows(connection) == {"sessions": 1, "deliveries": 1, "events": 1}


def test_colleagues_listed_lately_are_not_forgotten(connection):
    cache.store_colleagues(connection, ACCOUNT, [ADA], END)

    sessions.remove_ended(connection, END)

    assert cache.load_colleagues(connection, ACCOUNT) == [ADA]


@pytest.mark.anyio
async def test_forgotten_people_leave_no_bytes_in_the_file(database, tmp_path):
    async with Ledger(database) as ledger:
        await ledger.run(_fill)
    assert b"Lovelace" in (tmp_path / "ledger.db").read_bytes()

    async with Ledger(database) as ledger:
        await ledger.run(sessions.remove_ended, END + MINUTE)

    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert [
        word for word in (b"Lovelace", b"ada@example.com", b"Ada@example.com") if word in left
    ] == []


# --- history --------------------------------------------------------------------------------------


def test_history_of_a_person_is_in_order_over_all_sessions(connection):
    first, second = seen(connection, 1), seen(connection, 2)
    events.record_event(connection, second, "ada@example.com", "added", NOW)
    events.record_event(connection, first, "grace@example.com", "added", NOW)
    events.record_event(
        connection, first, "ada@example.com", "sent", NOW + MINUTE, delivery=7, detail="250 ok"
    )

    assert events.list_events(connection, "ada@example.com") == [
        events.Event(
            NOW, "webinar-1", "session-2", "Spring launch", "Europe/Berlin", None, "added", ""
        ),
        events.Event(
            NOW + MINUTE,
            "webinar-1",
            "session-1",
            "Spring launch",
            "Europe/Berlin",
            7,
            "sent",
            "250 ok",
        ),
    ]


def test_session_that_is_gone_gives_way_to_the_one_in_its_place(connection):
    later = START + timedelta(days=7)
    for number, start in enumerate((START, later, later + timedelta(days=7)), 1):
        seen(connection, number, start)

    sessions.record_gone(connection, ACCOUNT, session(1).key, NOW)

    def found(session_id: str | None = None) -> str:
        return sessions.find(connection, ACCOUNT, "webinar-1", session_id).key.session_id

    assert (found(), found("session-3")) == ("session-1", "session-3")
    seen(connection, 2, later)  # RingCentral has it again
    assert found() == "session-2"


def test_later_session_that_is_over_is_not_gone(connection):
    seen(connection, 1, START)
    seen(connection, 2, START + timedelta(days=7))

    sessions.record_gone(connection, ACCOUNT, session(1).key, START + timedelta(days=8))

    assert sessions.find(connection, ACCOUNT, "webinar-1", None).key.session_id == "session-2"
