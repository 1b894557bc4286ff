"""What comes back of a delivery: how it is found, moved and remembered; suppressed addresses."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.ledger import bounces, deliveries, events, new_deliveries, sessions
from onboarding.ledger.bounces import BounceTokens
from onboarding.model.deliveries import State
from tests.ledger.making import ADA, GRACE, NOW, order, queue, seen, session, table

ENVELOPE_ID = "1a" * 20
MESSAGE_ID = f"<{ENVELOPE_ID}@example.com>"
TOKENS = BounceTokens("0123456789abcdef")


def put(connection, session, email=ADA, state=State.SENT, **columns):
    """A delivery in a state; its number."""
    new_deliveries.enqueue(connection, session, [order(email)], NOW)
    newest = connection.execute(table.select().order_by(table.c.id.desc())).first()
    values = {"state": state, **columns}
    connection.execute(table.update().where(table.c.id == newest.id).values(values))
    return newest.id


def find(connection, **clues):
    none = dict.fromkeys(("numbers", "envelope_ids", "message_ids", "queue_ids", "recipients"), ())
    found = bounces.find_reported(connection, **{**none, **clues})
    return found and found.record.delivery.id


def test_first_clue_that_leads_to_a_message_wins(connection, session_row):
    by_token = put(connection, session_row, ADA)
    other = seen(connection, 2)
    by_envelope = put(connection, other, ADA, message_id=MESSAGE_ID)
    by_message = put(connection, other, GRACE, message_id="<m@example.com>")
    by_queue = put(connection, session_row, GRACE, queue_id="4XkTq91Zz8")
    clues = {
        "numbers": [by_token],
        "envelope_ids": [ENVELOPE_ID],
        "message_ids": ["<m@example.com>"],
        "queue_ids": ["4XkTq91Zz8"],
        "recipients": [GRACE.upper()],
    }

    order_of_clues = ("numbers", "envelope_ids", "message_ids", "queue_ids")
    found = []
    for name in order_of_clues:
        found.append(find(connection, **clues))
        clues[name] = []

    assert found == [by_token, by_envelope, by_message, by_queue]


def test_queue_id_counts_for_its_recipient_alone(connection, session_row):
    put(connection, session_row, ADA, queue_id="4XkTq91Zz8")

    assert find(connection, queue_ids=["4XkTq91Zz8"], recipients=[GRACE]) is None
    assert find(connection, queue_ids=["4XkTq91Zz8"], recipients=[]) is None


@pytest.mark.parametrize(
    "clues",
    [
        {"envelope_ids": ["%" * 40, "_" * 40, ""]},
        {"message_ids": ["<%>", "%", ""]},
        {"queue_ids": ["", "%"], "recipients": [ADA]},
        {"numbers": [999]},
    ],
)
def test_clues_that_match_everything_match_nothing(connection, session_row, clues):
    put(connection, session_row, ADA, message_id=MESSAGE_ID)

    assert find(connection, **clues) is None


@pytest.mark.parametrize("state", [*State])
def test_message_bounces_only_once_the_server_has_it(connection, session_row, state):
    number = put(connection, session_row, state=state)
    [found] = [
        bounces.find_reported(
            connection,
            numbers=[number],
            envelope_ids=(),
            message_ids=(),
            queue_ids=(),
            recipients=(),
        )
    ]

    moved = bounces.record_bounce(connection, found, "5.1.1 unknown", "", NOW)
    again = bounces.record_bounce(connection, found, "5.1.1 unknown", "", NOW)

    assert moved == (state in {State.SENT, State.IN_DOUBT})
    assert not again
    after = State.BOUNCED if moved else state
    [record] = deliveries.list_deliveries(connection, session_row)
    assert record.delivery.state is after
    if moved:
        [*_, last] = events.list_events(connection, ADA.lower())
        assert (last.what, last.detail) == ("bounced", "5.1.1 unknown")


@pytest.mark.parametrize("state", [*State])
def test_evidence_moves_a_message_in_doubt_and_no_other(connection, session_row, state):
    put(connection, session_row, state=state, message_id=MESSAGE_ID)
    put(connection, session_row, GRACE, state=State.IN_DOUBT, message_id="<other@example.com>")

    bounces.record_evidence(connection, session_row, [MESSAGE_ID], "found", NOW)

    states = [
        record.delivery.state for record in deliveries.list_deliveries(connection, session_row)
    ]
    assert states == [State.SENT if state is State.IN_DOUBT else state, State.IN_DOUBT]


def test_message_is_dealt_with_once(connection, session_row):
    assert bounces.record_handled(connection, session_row, "digest", NOW)
    assert not bounces.record_handled(connection, session_row, "digest", NOW)


def test_first_reason_of_a_suppressed_address_stays(connection, session_row):
    later = NOW + timedelta(hours=1)
    assert bounces.suppress(connection, session_row, ADA, "5.1.1", NOW)
    assert not bounces.suppress(connection, session_row, ADA.upper(), "5.2.1", later)

    assert bounces.load_suppressed(connection, session_row) == {ADA.lower(): "5.1.1"}
    assert bounces.unsuppress(connection, session_row, [ADA, GRACE]) == [ADA.lower()]
    assert bounces.load_suppressed(connection, session_row) == {}


def test_what_came_back_to_one_account_is_not_anothers(connection, session_row):
    second = seen(connection, number=2)
    acme = sessions.upsert(connection, session(3), "acme")
    bounces.suppress(connection, acme, ADA, "5.1.1", NOW)

    assert not bounces.load_suppressed(connection, session_row)
    assert bounces.suppress(connection, session_row, ADA, "5.2.1", NOW)
    assert bounces.load_suppressed(connection, second) == {ADA.lower(): "5.2.1"}
    assert bounces.unsuppress(connection, second, [ADA]) == [ADA.lower()]
    assert bounces.load_suppressed(connection, acme) == {ADA.lower(): "5.1.1"}


def test_session_takes_what_is_known_of_its_people_to_a_new_account(connection, session_row):
    queue(connection, session_row, order(ADA))
    for email in (ADA, GRACE):
        bounces.suppress(connection, session_row, email, "5.1.1", NOW)

    assert sessions.upsert(connection, session(), "acme") == session_row
    assert bounces.load_suppressed(connection, session_row) == {ADA.lower(): "5.1.1"}


@given(st.integers(1, 2**47))
def test_every_token_names_its_delivery(number):
    token = TOKENS.make(number)

    assert TOKENS.read(token) == number
    assert TOKENS.read(token.upper()) == number
    assert set(token) <= set("0123456789abcdef")


@given(st.text("0123456789abcdefg", max_size=40))
def test_no_other_token_names_one(token):
    assert TOKENS.read(token) is None
    assert BounceTokens("another seed").read(TOKENS.make(7)) is None
