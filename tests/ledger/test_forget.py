"""A forgotten person is in no byte of the ledger, and the rows of all others stay as they were."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.ledger import (
    cache,
    claims,
    deliveries,
    events,
    forget,
    registrations,
    sessions,
    transitions,
)
from onboarding.ledger.postgresql import _open_engine
from onboarding.ledger.schema import metadata
from onboarding.ledger.store import Ledger
from onboarding.model.accounts import AccountKey
from onboarding.model.copies import TEXT_START, MessageCopy, SharedPart
from onboarding.model.deliveries import Reply, State, Transition
from onboarding.model.people import LinkedUser, Problem, Role
from onboarding.model.registrations import Standing
from tests.ledger.making import NOW, RUN, invitee, order, queue, seen

PEOPLE = {
    "Ada.L@example.com": ("Ada", "Lovelace"),
    "grace@example.com": ("Grace", "Hopper"),
    "lin@example.com": ("Lin", "Clark"),
}
PART = SharedPart("d1", '["<p>", null, "</p>"]')

STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(PEOPLE)),
        st.sampled_from(["register", "send", "reject", "problem", "rehearse"]),
        st.sampled_from([None, *sorted(PEOPLE)]),
    ),
    min_size=1,
    max_size=12,
)


def name_of(email: str) -> str:
    return " ".join(PEOPLE[email])


def do(
    connection: sa.Connection, session: int, number: int, step: tuple[str, str, str | None]
) -> None:
    """One thing that happens to a person; the text about it may name another one."""
    email, what, other = step
    mention = f"see {other.upper()} or {name_of(other)}" if other else "fine"
    first, last = PEOPLE[email]
    if what == "register":
        person = invitee(email, first_name=first, last_name=last)
        registrations.set_standing(connection, session, [person], Standing.ADDED, NOW)
    elif what == "problem":
        found = [*sessions.list_problems(connection, session), Problem(2, "email", email, mention)]
        sessions.record_run_end(connection, session, found, 0, NOW)
    else:
        send(connection, session, number, step, mention)


def send(
    connection: sa.Connection,
    session: int,
    number: int,
    step: tuple[str, str, str | None],
    mention: str,
) -> None:
    email, what, _other = step
    to = {"rehearse": "lin@example.com"}.get(what, "")
    queue(connection, session, order(email, number, name=name_of(email), rehearsal_to=to))
    (delivery,) = claims.claim(connection, session, RUN, NOW, 1, rehearsal=bool(to))
    copy = MessageCopy(
        sha256="",
        sender="events@example.org",
        recipient=email,
        headers=f"To: {email}\r\n",
        html=PART,
        lines=None,
        own=TEXT_START.join([f"Hello {name_of(email)}, {mention}", "", mention]),
    )
    start = transitions.start_sending(delivery, RUN, NOW, None, copy)
    transitions.write_transitions(connection, [start])
    code = 550 if what == "reject" else 250
    state = State.REJECTED if what == "reject" else State.SENT
    outcome = Transition(state, mention, Reply(code, f"<{email}> {mention}"))
    transitions.write_transitions(
        connection, [transitions.record_outcome(delivery, RUN, outcome, NOW)]
    )


def rows(connection: sa.Connection) -> dict[str, Sequence[tuple[object, ...]]]:
    return {
        table.name: [tuple(row) for row in connection.execute(sa.select(table))]
        for table in metadata.sorted_tables
    }


def without(
    person: forget.KnownPerson, table: str, found: Sequence[tuple[object, ...]]
) -> list[str]:
    """The rows that are not the person's, as they should look afterwards."""
    pattern = person.pattern()
    left = []
    for row in found:
        is_theirs = any(str(value).lower() in person.keys for value in row[:6])
        is_blank = any(str(value).startswith("(forgotten)") for value in row[:6])
        is_gone = table == "kept_messages" and any(pattern.search(str(value)) for value in row)
        if not (is_theirs or is_blank or is_gone):
            left.append(pattern.sub("(forgotten)", repr(row)))
    return left


@settings(max_examples=40, deadline=None)
@given(STEPS, st.sampled_from(sorted(PEOPLE)))
def test_person_is_in_no_byte_and_all_others_are_whole(steps, who):
    with TemporaryDirectory() as folder:
        anyio.run(_check_forgotten, Path(folder) / "ledger.db", steps, who)


async def _check_forgotten(file: Path, steps, who: str) -> None:
    async with Ledger(file) as ledger:
        session = await ledger.run(seen)
        for number, step in enumerate(steps, 1):
            await ledger.run(do, session, number, step)
        before = await ledger.run(rows)
        person = await ledger.run(forget.find_person, who.swapcase())
        await ledger.run(forget.remove_person, person)
        after = await ledger.run(rows)
        assert await ledger.submit(forget.compact, None)
        content = b"".join(path.read_bytes() for path in file.parent.iterdir()).lower()
    for table, found in before.items():
        if table != "kept_parts":
            assert without(person, table, after[table]) == without(person, table, found), table
    assert len(after["deliveries"]) == len(before["deliveries"])
    # Who was only ever named by others, and has no row, has no name that could be known.
    words = {who, *person.names}
    assert [word for word in words if word.lower().encode() in content] == []
    assert not re.search(rb"<\d+\." + re.escape(who.lower().encode()), content)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, who=st.sampled_from(sorted(PEOPLE)))
def test_on_a_server_the_person_is_in_no_column_of_any_table(server_engine, steps, who):
    with server_engine.connect() as connection, connection.begin() as transaction:
        session = seen(connection)
        for number, step in enumerate(steps, 1):
            do(connection, session, number, step)
        before = rows(connection)
        person = forget.find_person(connection, who.swapcase())
        forget.remove_person(connection, person)
        left = "\n".join(read_every_row(connection))
        after = rows(connection)
        transaction.rollback()
    words = {who, *person.names}
    assert [word for word in words if word.lower() in left.lower()] == []
    for table, found in before.items():
        if table != "kept_parts":
            # PostgreSQL puts a row that has changed after the others.
            left_of_others, others = (
                without(person, table, after[table]),
                without(person, table, found),
            )
            assert sorted(left_of_others) == sorted(others), table


def read_every_row(connection: sa.Connection) -> Iterator[str]:
    """Each row of each table there is, also of those that the schema does not know, as a text."""
    query = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = %s"
    public = connection.exec_driver_sql("SELECT 'public'::regnamespace::oid").scalar_one()
    tables = connection.exec_driver_sql(query, (public,)).scalars().all()
    assert {table.name for table in metadata.sorted_tables} <= {*tables}
    for table in tables:
        yield from connection.exec_driver_sql(f"SELECT t::text FROM {table} t").scalars()


@pytest.fixture(scope="module")
def server_engine(postgresql_server):
    engine = _open_engine(postgresql_server.make_ledger(), 1.0)
    yield engine
    engine.dispose()


def test_two_messages_of_a_mailbox_stay_two_and_texts_about_others_keep_the_rest(connection):
    session = seen(connection)
    for number in (1, 2):
        send(connection, session, number, ("grace@example.com", "send", None), "fine")
    events.record_event(
        connection, session, "lin@example.com", "added", NOW, detail="instead of Hopper, Grace"
    )
    person = forget.find_person(connection, "Grace@Example.com")
    forgotten = forget.remove_person(connection, person)

    assert (forgotten.deliveries, forgotten.messages, forgotten.mentions) == (2, 2, 1)
    (event,) = events.list_events(connection, "lin@example.com")
    assert event.detail == "instead of (forgotten)"
    shown = deliveries.list_deliveries(connection, session)
    assert [record.delivery.email for record in shown] == ["(forgotten)"] * 2


def test_registered_person_is_unfinished_until_they_are_removed(connection):
    session = seen(connection, start=NOW + timedelta(days=1))
    registrations.set_standing(connection, session, [invitee()], Standing.ADDED, NOW)
    person = forget.find_person(connection, "ada@example.com")
    assert len(forget.find_unfinished(connection, person)) == 1
    registrations.set_standing(connection, session, [invitee()], Standing.REMOVED, NOW)
    assert forget.find_unfinished(connection, person) == []


@pytest.mark.parametrize(
    ("first", "last"),
    [("J\u00fcrgen", "M\u00fcller"), ('William "Bill"', "Smith")],
    ids=["letters beyond ASCII", "quotes"],
)
def test_name_is_forgotten_in_what_is_stored_as_json(connection, first, last):
    session = seen(connection)
    mention = {"note": f"instead of {first} {last}", "places": "1e3"}
    rows = metadata.tables["roster_rows"]
    connection.execute(
        rows.insert().values(session=session, key="lin@example.com", row=2, extra=mention)
    )
    person = invitee("one@example.com", first_name=first, last_name=last)
    other = invitee("lin@example.com")
    registrations.set_standing(connection, session, [person], Standing.REMOVED, NOW)
    registrations.record_unfulfilled(
        connection, session, other, {"last_name": f"{first} {last}"}, NOW
    )

    forget.remove_person(connection, forget.find_person(connection, "one@example.com"))

    extra = connection.execute(sa.select(rows.c.extra)).scalar_one()
    assert extra == {"note": "instead of (forgotten)", "places": "1e3"}
    managed = registrations.load_managed(connection, session)
    assert managed["lin@example.com"].last_requested == {"last_name": "(forgotten)"}


def test_facts_of_a_webinar_are_forgotten_with_its_host_only(connection):
    session = seen(connection)
    account, host = AccountKey("https://ringcentral.example"), LinkedUser("acc", "7", "pbx")
    person = invitee("one@example.com", role=Role.HOST, linked_user=host)
    registrations.set_standing(connection, session, [person], Standing.REMOVED, NOW)
    for id_, user in (("hosted", "7"), ("other", "8"), ("none", None)):
        ids = {"account_id": "acc", "user_id": user, "domain": "pbx"} if user else None
        cache.store_webinar_facts(connection, account, id_, {"title": id_, "host": ids}, NOW)

    forget.remove_person(connection, forget.find_person(connection, "one@example.com"))

    known = [
        id_
        for id_ in ("hosted", "other", "none")
        if cache.find_webinar_facts(connection, account, id_)
    ]
    assert known == ["other", "none"]
