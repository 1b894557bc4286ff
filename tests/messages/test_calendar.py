"""The calendar entry against RFC 5546, section by section, and parsed back by `icalendar`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from onboarding.messages import calendar
from onboarding.messages.settings import BrandSettings, CalendarMethod
from onboarding.model.answers import Answer
from onboarding.model.deliveries import calendar_uid
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.sessions import SessionKey
from tests.messages.samples import BRAND, OWN, SESSION, make_invitee, make_request

PUBLISHING = BRAND.model_copy(update={"calendar": CalendarMethod.PUBLISH})
ORGANIZED = BRAND.model_copy(update={"organizer": "Anna <Anna@example.com>"})
SHOWN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=300)


def event(request, brand=BRAND, title="Robots", name="Anna", description="", **options):
    written = calendar.calendar_entry(request, brand, title, name, description, **options)
    whole = Calendar.from_ical(written)
    [found] = whole.walk("VEVENT")
    return whole, found


MOVED = replace(SESSION, start=SESSION.start + timedelta(days=1))
MESSAGES = {
    "first": make_request(sequence=0),
    "moved": make_request(Kind.UPDATE, session=MOVED, sequence=1),
    "cancelled": make_request(Kind.CANCELLATION, session=MOVED, sequence=2),
}
ENTRIES = {
    **{name: event(request) for name, request in MESSAGES.items()},
    **{f"{name}, published": event(request, PUBLISHING) for name, request in MESSAGES.items()},
    "to the organizer": event(MESSAGES["first"], ORGANIZED),
    "answers are read": event(MESSAGES["first"], asks_for_answer=True),
    "answered": event(
        replace(MESSAGES["first"], participation=Answer.ACCEPTED), asks_for_answer=True
    ),
    "cancelled, answers are read": event(MESSAGES["cancelled"], asks_for_answer=True),
}
REQUESTS = ("first", "moved", "answers are read")
ANSWERED = ("answered",)
CANCELS = ("cancelled", "cancelled, answers are read")
PUBLISHED = ("first, published", "moved, published", "to the organizer")
ASKING = (*REQUESTS, *CANCELS)

Check = Callable[[Calendar, Calendar], bool]
RULES: list[tuple[str, str, tuple[str, ...], Check]] = [
    # section of RFC 5546, what it asks for, of which messages, and how that shows
    ("1.4", "METHOD names what is done", REQUESTS, lambda whole, _: whole["METHOD"] == "REQUEST"),
    ("1.4", "METHOD names what is done", CANCELS, lambda whole, _: whole["METHOD"] == "CANCEL"),
    ("1.4", "METHOD names what is done", PUBLISHED, lambda whole, _: whole["METHOD"] == "PUBLISH"),
    ("2.1.4", "a first version is 0", ("first",), lambda _, found: found["SEQUENCE"] == 0),
    ("2.1.4", "a move counts one up", ("moved",), lambda _, found: found["SEQUENCE"] == 1),
    ("2.1.4", "a cancellation too", ("cancelled",), lambda _, found: found["SEQUENCE"] == 2),
    ("2.1.5", "one UID all along", tuple(ENTRIES), lambda _, found: found["UID"] == UID),
    ("3", "PRODID", tuple(ENTRIES), lambda whole, _: whole["PRODID"] == calendar.PRODUCT),
    ("3", "VERSION is 2.0", tuple(ENTRIES), lambda whole, _: whole["VERSION"] == "2.0"),
    ("3.2.1", "no ATTENDEE", PUBLISHED, lambda _, found: "ATTENDEE" not in found),
    ("3.2.1", "ORGANIZER", PUBLISHED, lambda _, found: "ORGANIZER" in found),
    ("3.2.1", "may remind", PUBLISHED, lambda _, found: len(found.walk("VALARM")) == 1),
    ("3.2.2", "DTSTAMP", REQUESTS, lambda _, found: found.decoded("DTSTAMP") == DATE),
    ("3.2.2", "DTSTART", ("first",), lambda _, found: found.decoded("DTSTART") == SESSION.start),
    ("3.2.2", "DTSTART", ("moved",), lambda _, found: found.decoded("DTSTART") == MOVED.start),
    ("3.2.2", "DTEND", ("moved",), lambda _, found: found.decoded("DTEND") == MOVED.end),
    ("3.2.2", "ORGANIZER", REQUESTS, lambda _, found: found["ORGANIZER"] == SENDER),
    (
        "3.2.2",
        "one ATTENDEE",
        ASKING,
        lambda _, found: found["ATTENDEE"] == "mailto:anna@example.com",
    ),
    ("3.2.2", "SUMMARY", REQUESTS, lambda _, found: found["SUMMARY"] == "Robots"),
    ("3.2.2", "CONFIRMED", REQUESTS, lambda _, found: found["STATUS"] == "CONFIRMED"),
    ("3.2.2", "LOCATION", REQUESTS, lambda _, found: found["LOCATION"] == OWN),
    ("3.2.2", "URL", REQUESTS, lambda _, found: found["URL"] == OWN),
    ("3.2.2", "one VALARM", REQUESTS, lambda _, found: len(found.walk("VALARM")) == 1),
    ("3.2.2", "no COMMENT", REQUESTS, lambda _, found: "COMMENT" not in found),
    ("3.2.2", "no REQUEST-STATUS", REQUESTS, lambda _, found: "REQUEST-STATUS" not in found),
    (
        "3.2.2.1",
        "PARTSTAT asks again",
        REQUESTS,
        lambda _, found: partstat(found) == "NEEDS-ACTION",
    ),
    (
        "3.2.2.1",
        "PARTSTAT keeps an answer",
        ANSWERED,
        lambda _, found: partstat(found) == "ACCEPTED",
    ),
    ("3.2.2.1", "RSVP without a reader", REQUESTS[:2], lambda _, found: rsvp(found) == "FALSE"),
    (
        "3.2.2.1",
        "RSVP with a reader",
        (*REQUESTS[2:], *ANSWERED),
        lambda _, found: rsvp(found) == "TRUE",
    ),
    ("3.2.5", "the whole entry", CANCELS, lambda _, found: "RECURRENCE-ID" not in found),
    ("3.2.5", "CANCELLED", CANCELS, lambda _, found: found["STATUS"] == "CANCELLED"),
    ("3.2.5", "no VALARM", CANCELS, lambda _, found: found.walk("VALARM") == []),
    ("3.2.5", "no answer", CANCELS, lambda _, found: rsvp(found) == "FALSE"),
    ("3.2.5", "no link", CANCELS, lambda _, found: not {"LOCATION", "URL"} & set(found)),
]
UID = make_request().uid
DATE = make_request().date.replace(microsecond=0)
SENDER = f"mailto:{BRAND.sender_address}"


def rsvp(found):
    return found["ATTENDEE"].params["RSVP"]


def partstat(found):
    return found["ATTENDEE"].params["PARTSTAT"]


@pytest.mark.parametrize(
    ("entry", "check"),
    [
        pytest.param(entry, check, id=f"RFC 5546 {section}: {rule} ({entry})")
        for section, rule, entries, check in RULES
        for entry in entries
    ],
)
def test_entry_keeps_the_rules_of_rfc_5546(entry, check):
    assert check(*ENTRIES[entry])


@pytest.mark.parametrize(
    ("minutes", "trigger"), [(15, "-PT15M"), (0, "P0D"), (90, "-PT1H30M"), (1500, "-P1DT1H")]
)
def test_reminder_comes_when_the_panel_should_arrive(minutes, trigger):
    session = replace(SESSION, join_offset=timedelta(minutes=minutes))

    _whole, found = event(make_request(session=session), title="Robots")

    [alarm] = found.walk("VALARM")
    assert (alarm["ACTION"], alarm["DESCRIPTION"]) == ("DISPLAY", "Robots")
    assert alarm["TRIGGER"].to_ical().decode() == trigger
    assert found.decoded("DTSTART") == SESSION.start


@pytest.mark.parametrize("method", CalendarMethod)
@given(title=SHOWN, name=SHOWN, description=st.lists(SHOWN, max_size=4).map("\n".join))
def test_texts_come_back_as_they_were(method, title, name, description):
    brand = BRAND.model_copy(update={"calendar": method})
    _whole, found = event(make_request(), brand, title, name, description)

    assert str(found["SUMMARY"]) == title
    assert str(found.walk("VALARM")[0]["DESCRIPTION"]) == title
    assert str(found.get("DESCRIPTION", "")) == description
    assert str(found["LOCATION"]) == str(found["URL"]) == OWN
    if method is CalendarMethod.REQUEST:
        shown = name.replace('"', "'").replace("\\", "/")
        assert found["ATTENDEE"].params["CN"] == shown


def test_title_that_is_our_own_mark_is_a_title_like_any_other():
    _whole, found = event(make_request(), title="x-personal", description="Be there.")

    assert str(found.walk("VALARM")[0]["DESCRIPTION"]) == "x-personal"
    assert (str(found["SUMMARY"]), str(found["DESCRIPTION"])) == ("x-personal", "Be there.")


@pytest.mark.parametrize("name", ["^'", "^n", "^^", '^"', "a^"])
def test_caret_in_a_name_begins_no_escape(name):
    _whole, found = event(make_request(), name=name)

    assert found["ATTENDEE"].params["CN"] == name.replace('"', "'")


@given(value=SHOWN)
def test_lines_are_folded_at_75_octets(value):
    written = calendar.fold_line("DESCRIPTION", calendar.escape(value)).encode()

    assert written.endswith(b"\r\n")
    assert max(map(len, written.removesuffix(b"\r\n").split(b"\r\n"))) <= 75


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 0, tzinfo=ZoneInfo("America/Chicago")),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Chicago", "Asia/Kolkata"])
def test_times_are_the_same_moment_in_every_zone_and_clock_change(start, zone):
    session = replace(SESSION, start=start.astimezone(UTC))

    _whole, found = event(make_request(session=session, person=make_invitee(time_zone=zone)))

    begins, ends = found.decoded("DTSTART"), found.decoded("DTEND")
    assert begins.astimezone(ZoneInfo(zone)).astimezone(UTC) == start.astimezone(UTC)
    assert ends - begins == timedelta(minutes=90)
    assert begins.utcoffset() == timedelta()


def uid(seed="seed", server="https://a.example", session="1", email="anna@example.com", to=""):
    return calendar_uid(seed, SessionKey(server, "101", session), email, "northwind.example", to)


def test_uid_is_one_for_a_person_and_session_and_no_one_can_guess_it():
    others = [
        uid(seed="another ledger"),
        uid(server="https://b.example"),
        uid(session="2"),
        uid(email="boris@example.com"),
        uid(to="me@example.com"),
    ]

    assert uid() == uid(email="ANNA@Example.com")
    assert len({uid(), *others}) == 6
    assert uid().endswith("@northwind.example")


@pytest.mark.parametrize(
    ("recipient", "brand", "method"),
    [
        ("anna@example.com", BRAND, "REQUEST"),
        ("anna@example.com", ORGANIZED, "PUBLISH"),
        ("ANNA@EXAMPLE.COM", ORGANIZED, "PUBLISH"),
        ("webinars@northwind.example", BRAND, "PUBLISH"),
        # In a rehearsal the tester is the one whose calendar would take it for their own meeting.
        ("tester@example.com", ORGANIZED, "REQUEST"),
        ("anna@example.com", PUBLISHING, "PUBLISH"),
    ],
)
def test_organizer_is_not_asked_by_themselves(recipient, brand, method):
    request = make_request(recipient=recipient)

    whole, _found = event(request, brand)

    assert (str(whole["METHOD"]), calendar.method_of(request, brand)) == (method, method)


def test_message_of_a_kind_without_calendar_has_none():
    reminder = make_request(Kind.SCHEDULED)

    assert calendar.method_of(reminder, BRAND) == ""
    assert calendar.calendar_entry(reminder, BRAND, "Robots", "Anna", "") == ""


@pytest.mark.parametrize(
    ("recipient", "written"),
    [
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("花子@bücher.example", "花子@xn--bcher-kva.example"),
        ("anna@EXAMPLE.com", "anna@EXAMPLE.com"),
    ],
)
def test_attendee_and_organizer_have_their_domain_as_a_label(recipient, written):
    brand = BrandSettings(name="N", sender="Events <events@brückenwasser.example>")

    _whole, found = event(
        make_request(recipient=recipient, person=make_invitee(role=Role.HOST)), brand
    )

    assert str(found["ATTENDEE"]) == f"mailto:{written}"
    assert str(found["ORGANIZER"]) == "mailto:events@xn--brckenwasser-elb.example"


def test_a_cancellation_holds_no_link():
    written = calendar.calendar_entry(make_request(Kind.CANCELLATION), BRAND, "Robots", "Anna", "")

    assert "https://" not in written


def test_an_entry_reads_like_this(snapshot):
    written = calendar.calendar_entry(
        make_request(), BRAND, "Robots, live; now", 'Anna "A" Author', "One\nTwo"
    )

    assert written == snapshot
