"""What a person does on purpose is in the history, with who it was and why."""

from onboarding.ledger import events
from tests.ledger.making import ADA, GRACE, NOW, seen


def test_act_is_an_event_of_each_person_it_is_about_with_who_did_it(connection):
    row = seen(connection)

    events.record_act(connection, row, [ADA.lower(), GRACE], "resend", "Mia", NOW, "asked by phone")

    for key in (ADA.lower(), GRACE):
        (event,) = events.list_events(connection, key)
        assert (event.what, event.detail, event.at) == ("resend", "by Mia: asked by phone", NOW)
        assert event.delivery is None


def test_act_without_a_reason_says_only_who_did_it(connection):
    row = seen(connection)

    events.record_act(
        connection, row, [events.WHOLE_SESSION, events.WHOLE_SESSION], "call-off", "Mia", NOW
    )

    (event,) = events.list_events(connection, events.WHOLE_SESSION)
    assert (event.what, event.detail) == ("call-off", "by Mia")
