"""The calendar entry, parsed back: times across zones and clock changes, one UID, new versions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from onboarding.messages import calendar
from onboarding.messages.settings import BrandSettings, CalendarMethod
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from tests.messages.samples import BRAND, OWN, SESSION, make_invitee, make_request

REQUESTING = BrandSettings(
    name="N", sender="Desk <desk@northwind.example>", calendar=CalendarMethod.REQUEST
)
SHOWN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=300)


def event(given, brand=BRAND, title="Robots", name="Anna", description="Be there."):
    whole = Calendar.from_ical(calendar.calendar_entry(given, brand, title, name, description))
    [found] = whole.walk("VEVENT")
    return whole, found


@given(title=SHOWN, name=SHOWN, description=st.lists(SHOWN, max_size=4).map("\n".join))
def test_texts_come_back_as_they_were(title, name, description):
    _whole, found = event(make_request(), REQUESTING, title, name, description)

    assert str(found["SUMMARY"]) == title
    assert str(found.get("DESCRIPTION", "")) == description
    assert str(found["LOCATION"]) == str(found["URL"]) == OWN
    assert str(found["ATTENDEE"]) == "mailto:anna@example.com"
    assert found["ATTENDEE"].params["CN"] == name.replace('"', "'").replace("\\", "/")


@pytest.mark.parametrize("name", ["^'", "^n", "^^", '^"', "a^"])
def test_caret_in_a_name_begins_no_escape(name):
    _whole, found = event(make_request(), REQUESTING, name=name)

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


def test_the_entry_stays_itself_and_its_version_grows():
    moved = replace(SESSION, start=SESSION.start + timedelta(days=1), title="Moved")
    entries = [
        event(make_request(number=1))[1],
        event(make_request(Kind.UPDATE, number=2, session=moved))[1],
        event(make_request(Kind.CANCELLATION, number=3))[1],
    ]

    assert len({str(entry["UID"]) for entry in entries}) == 1
    assert [int(entry["SEQUENCE"]) for entry in entries] == [0, 1, 2]


def test_another_person_session_or_server_is_another_entry():
    anna = event(make_request())[1]["UID"]
    others = [
        event(make_request(person=make_invitee(email="boris@example.com")))[1]["UID"],
        event(make_request(session=replace(SESSION, key=replace(SESSION.key, session_id="202"))))[
            1
        ]["UID"],
        event(
            make_request(
                session=replace(SESSION, key=replace(SESSION.key, server="https://other.example"))
            )
        )[1]["UID"],
    ]

    assert len({str(key) for key in (anna, *others)}) == 4
    assert (
        event(make_request(person=make_invitee(email="ANNA@example.com", role=Role.COHOST)))[1][
            "UID"
        ]
        == anna
    )


@pytest.mark.parametrize(
    ("brand", "kind", "method", "status", "has_attendee"),
    [
        (BRAND, Kind.INVITATION, "PUBLISH", "CONFIRMED", False),
        (BRAND, Kind.UPDATE, "PUBLISH", "CONFIRMED", False),
        (BRAND, Kind.CANCELLATION, "CANCEL", "CANCELLED", False),
        (REQUESTING, Kind.INVITATION, "REQUEST", "CONFIRMED", True),
        (REQUESTING, Kind.CANCELLATION, "CANCEL", "CANCELLED", True),
    ],
)
def test_method_status_and_people_are_as_rfc_5546_wants_them(
    brand, kind, method, status, has_attendee
):
    whole, found = event(make_request(kind), brand)

    assert (str(whole["METHOD"]), calendar.method_of(kind, brand)) == (method, method)
    assert str(found["STATUS"]) == status
    assert ("ATTENDEE" in found) is has_attendee
    assert str(found["ORGANIZER"]) == f"mailto:{brand.sender_address}"


@pytest.mark.parametrize(
    ("recipient", "written"),
    [
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("花子@bücher.example", "花子@xn--bcher-kva.example"),
        ("anna@EXAMPLE.com", "anna@EXAMPLE.com"),
    ],
)
def test_attendee_and_organizer_have_their_domain_as_a_label(recipient, written):
    brand = REQUESTING.model_copy(update={"sender": "Events <events@brückenwasser.example>"})

    _whole, found = event(make_request(recipient=recipient), brand)

    assert str(found["ATTENDEE"]) == f"mailto:{written}"
    assert str(found["ORGANIZER"]) == "mailto:events@xn--brckenwasser-elb.example"


def test_a_cancellation_holds_no_link():
    written = calendar.calendar_entry(make_request(Kind.CANCELLATION), BRAND, "Robots", "Anna", "")

    assert "https://" not in written


def test_an_entry_reads_like_this(snapshot):
    assert (
        calendar.calendar_entry(
            make_request(), REQUESTING, "Robots, live; now", 'Anna "A" Author', "One\nTwo"
        )
        == snapshot
    )
