"""Answers read: in the vendor's shape, with more than it promises, and with less."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from onboarding.errors import Refused
from onboarding.model.people import Colleague, LinkedUser, Role
from onboarding.model.sessions import (
    OddSession,
    PanelistAuthentication,
    Registration,
    Session,
    SessionKey,
    SessionStatus,
    UntouchedRecord,
    Webinar,
)
from onboarding.ringcentral.fields import Page, parse_answer, parse_answer_with_odd
from onboarding.ringcentral.login import TokenAnswer
from onboarding.ringcentral.schemas.directory import Contact, DirectoryPage, parse_colleagues
from onboarding.ringcentral.schemas.invitees import (
    ChangeAnswer,
    InviteeRecord,
    parse_change_answer,
    parse_invitee,
    parse_invitees,
)
from onboarding.ringcentral.schemas.sessions import (
    SessionEntry,
    SessionRecord,
    WebinarRecord,
    parse_session_entry,
)

SESSION = {
    "id": "201",
    "scheduledStartTime": "2026-09-01T16:00:00+02:00",
    "scheduledDuration": 5400,
    "timeZone": "Europe/Berlin",
    "panelJoinTimeOffset": 900,
    "localeCode": "de-DE",
    "title": " ",
    "status": "Active",
    "hostJoinUri": "https://v.example.com/host",
    "creationTime": "2026-08-01T10:00:00Z",
    "mascot": {"unknown": True},
}
HOST = LinkedUser("800100200", "9000")
WEBINAR = Webinar("101", "All hands", HOST, PanelistAuthentication.AUTHENTICATED_USER)


def test_a_session_is_read_with_what_its_webinar_adds():
    session = SessionRecord.model_validate(SESSION).to_model("https://rc.example.com", WEBINAR)

    assert session == Session(
        key=SessionKey("https://rc.example.com", "101", "201"),
        title="All hands",
        start=datetime(2026, 9, 1, 14, 0, tzinfo=UTC),
        duration=timedelta(minutes=90),
        time_zone="Europe/Berlin",
        status=SessionStatus.ACTIVE,
        join_offset=timedelta(minutes=15),
        locale="de-DE",
        host=HOST,
        host_join_uri=SecretStr("https://v.example.com/host"),
        panelist_authentication=PanelistAuthentication.AUTHENTICATED_USER,
    )
    assert session.start.tzinfo is UTC


def test_a_session_with_the_required_fields_only_is_read():
    fields = {
        name: SESSION[name]
        for name in ("id", "scheduledStartTime", "scheduledDuration", "timeZone")
    }

    session = SessionRecord.model_validate(fields).to_model("https://rc.example.com", WEBINAR)

    assert (session.status, session.join_offset, session.host_join_uri) == (
        SessionStatus.SCHEDULED,
        timedelta(),
        None,
    )


@pytest.mark.parametrize(
    ("title", "shown"), [("Part two", "Part two"), ("", "All hands"), (None, "All hands")]
)
def test_a_listed_session_without_a_title_has_its_webinars(title, shown):
    entry = SESSION | {"title": title, "webinar": {"id": 101, "title": "All hands"}}

    session = SessionEntry.parse(entry).to_session("https://rc.example.com")

    assert (session.key.webinar_id, session.key.session_id, session.title) == ("101", "201", shown)
    assert (session.start, session.duration) == (
        datetime(2026, 9, 1, 14, 0, tzinfo=UTC),
        timedelta(minutes=90),
    )
    assert (session.time_zone, session.status) == ("Europe/Berlin", SessionStatus.ACTIVE)


@pytest.mark.parametrize(
    ("host", "read_as"),
    [
        ({"userId": "9000", "accountId": "800100200", "entitled": True}, HOST),
        ({"linkedUser": {"userId": "9000", "accountId": "800100200", "domain": "pbx"}}, HOST),
        (
            {
                "userId": "1",
                "accountId": "2",
                "linkedUser": {"userId": "3", "accountId": "4", "domain": "ilm"},
            },
            LinkedUser("4", "3", "ilm"),
        ),
        ({"userId": "9000"}, None),
        ({}, None),
    ],
)
def test_a_webinars_host_is_read_from_either_place(host, read_as):
    assert (
        WebinarRecord.model_validate({"id": "101", "title": "All hands", "host": host})
        .to_model("101")
        .host
        == read_as
    )


def test_a_webinars_settings_that_matter_to_panelists_are_read():
    settings = {
        "panelistAuthentication": "AuthenticatedCoworker",
        "pstnEnabled": True,
        "password": "secret",
    }

    webinar = WebinarRecord.model_validate(
        {"id": "101", "title": "All hands", "settings": settings}
    ).to_model("101")

    assert webinar == Webinar(
        "101", "All hands", None, PanelistAuthentication.AUTHENTICATED_COWORKER, dial_in=True
    )


def test_a_webinar_is_read_without_settings():
    assert WebinarRecord.model_validate({"id": "101"}).to_model("101") == Webinar("101", "")


def test_an_invitees_record_is_read_whole():
    written = {
        "id": 70001,
        "role": "CoHost",
        "email": "ann@example.com",
        "firstName": "Ann",
        "lastName": "Lee",
        "jobTitle": None,
        "linkedUser": {"accountId": "800100200", "userId": 9001, "domain": "ilm"},
        "sendInvite": True,
        "joinUri": "https://v.example.com/1",
        "phoneParticipantCode": "123",
        "new": [],
    }

    assert InviteeRecord.model_validate(written).to_model() == Registration(
        id="70001",
        role=Role.COHOST,
        email="ann@example.com",
        linked_user=LinkedUser("800100200", "9001", "ilm"),
        first_name="Ann",
        last_name="Lee",
        send_invite=True,
        join_uri=SecretStr("https://v.example.com/1"),
        phone_code="123",
    )


@pytest.mark.parametrize("spelling", ["CoHost", "Cohost", "cohost", "Co-Host"])
def test_a_role_is_read_in_the_guides_spelling_too(spelling):
    assert InviteeRecord.model_validate({"id": "1", "role": spelling}).role is Role.COHOST


@pytest.mark.parametrize(
    "link",
    [
        *(
            None,
            "",
            "soon",
            {"href": "https://v.example.com/1"},
            7,
            "javascript:alert(1)",
            "https://",
        ),
        *(
            f"https://v.example.com/1{odd}"
            for odd in (" ", " x", "\n", "\r\nTo: x", "\u00a0", "\u2028", "\x00", "\ud800")
        ),
        # None of these can be parsed: in every letter, each would be looked for.
        *("https://[::1/", "https://%5B::1/", "https://[oops]/", "https://v.example.com:port/1"),
        *(
            "https://v.example.com:99999/1",
            "https://:443/1",
            "https://?x",
            "https://v\u2100example.com/1",
        ),
    ],
)
def test_a_join_link_that_is_none_is_missing_and_breaks_nothing(link):
    assert (
        InviteeRecord.model_validate({"id": "1", "role": "Panelist", "joinUri": link})
        .to_model()
        .join_uri
        is None
    )


def test_a_record_that_says_little_is_read_as_saying_nothing():
    registration = InviteeRecord.model_validate({"id": "1", "role": "Panelist"}).to_model()

    assert registration == Registration("1", Role.PANELIST)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"paging": {}}', "`records` is missing"),
        (b'{"records": {}}', "`records` has another form"),
        (b"[]", "`it` has another form"),
        (b"<html>https://v.example.com/secret</html>", "it is no JSON"),
        (b"", "it is no JSON"),
        (b"\xff\xfe", "it is not in UTF-8"),
        (b'{"records": ' + b"[" * 200 + b"]" * 200 + b"}", "it is nested too deeply"),
        (b'{"records": [], "records": []}', "it gives one name twice in an object"),
        (
            b'{"records": [{"id": 1e400, "role": "Panelist"}]}',
            "it holds a number that is too large",
        ),
        (
            b'{"records": [{"id": ' + b"9" * 10_000 + b', "role": "Panelist"}]}',
            "it holds a number that is too large",
        ),
    ],
)
def test_an_answer_of_another_shape_is_told_by_call_and_field_and_without_its_content(
    content, complaint
):
    with pytest.raises(Refused) as raised:
        parse_answer(Page, content, "the list of invitees")

    assert raised.value.message == (
        "RingCentral's answer to the call for the list of invitees is not what it used to be:"
        f" {complaint}."
    )
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("scheduledDuration", 10**18, "`scheduledDuration` has another form"),
        ("scheduledDuration", 0, "`scheduledDuration` has another form"),
        ("scheduledStartTime", "9999-12-31T23:59:59Z", "`scheduledStartTime` has another form"),
        ("scheduledStartTime", None, "`scheduledStartTime` is missing"),
        ("scheduledStartTime", "2026-09-01T16:00:00", "`scheduledStartTime` has another form"),
        ("scheduledDuration", "an hour", "`scheduledDuration` has another form"),
    ],
)
def test_a_session_of_another_shape_is_told_by_field(field, value, complaint):
    with pytest.raises(Refused, match="`") as raised:
        parse_answer(SessionRecord, json.dumps(SESSION | {field: value}).encode(), "the session")

    assert complaint in raised.value.message


def test_text_that_people_see_is_one_printable_line():
    session = {
        **SESSION,
        "title": "Launch\x1b]0;gotcha\x07\r\nday \u202eevil",
        "timeZone": "Europe/\x9bBerlin",
    }
    person = {
        "id": "1\x00",
        "role": "Panelist",
        "email": "ada\u200b@example.com",
        "firstName": "A\u2028da",
    }

    read_session = SessionRecord.model_validate(session).to_model("https://rc.example.com", WEBINAR)
    registration = InviteeRecord.model_validate(person).to_model()

    assert read_session.title == "Launch day evil"
    assert read_session.notes[0].startswith("RingCentral names the time zone “Europe/erlin”, which")
    assert (registration.id, registration.email, registration.first_name) == (
        "1",
        "ada@example.com",
        "A da",
    )


def test_the_answer_to_a_change_gives_records_and_deleted_ids():
    answer = parse_change_answer(
        b'{"addedInvitees": [{"id": "1", "role": "Panelist"}],'
        b' "updatedInvitees": [{"id": "2", "role": "CoHost"}],'
        b' "deletedInvitees": [{"id": "3"}, {"id": 4}]}'
    )

    assert answer.registrations() == (
        Registration("1", Role.PANELIST),
        Registration("2", Role.COHOST),
    )
    assert answer.find_gone_ids() == {"3", "4"}


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"addedInvitees": {}}', b"{}"])
def test_the_answer_to_a_change_that_can_not_be_read_names_no_person(content):
    answer = parse_change_answer(content)

    assert (answer.registrations(), answer.find_gone_ids()) == ((), frozenset())


def test_a_record_that_can_not_be_read_does_not_hide_the_others():
    content = (
        b'{"addedInvitees": [{"id": "1"}, 7, {"id": "2", "role": "Panelist"}],'
        b' "deletedInvitees": [null, {"no": 1}]}'
    )

    answer = parse_change_answer(content)

    assert (answer.registrations(), answer.find_gone_ids()) == (
        (Registration("2", Role.PANELIST),),
        frozenset(),
    )


ENTRY = {
    "id": "9001",
    "type": "User",
    "status": "Enabled",
    "account": {"id": "800100200"},
    "email": "ann@example.com",
}


def test_an_enabled_user_of_the_directory_is_a_colleague():
    contact = Contact.model_validate(
        ENTRY | {"firstName": "Ann", "lastName": "Lee", "jobTitle": "Chair"}
    )

    assert contact.to_colleague() == Colleague(
        LinkedUser("800100200", "9001"), "ann@example.com", "Ann", "Lee", "Chair"
    )


@pytest.mark.parametrize(
    "difference",
    [{"type": "Room"}, {"status": "Disabled"}, {"status": None}, {"type": None}, {"account": None}],
)
def test_no_other_entry_of_the_directory_is_a_colleague(difference):
    assert Contact.model_validate(ENTRY | difference).to_colleague() is None


@pytest.mark.parametrize(
    ("records", "paging", "page", "last"),
    [
        (2, {"perPage": 2, "totalPages": 2}, 1, False),
        (2, {"perPage": 2, "totalPages": 2}, 2, True),
        (2, {"perPage": 2}, 1, False),
        (1, {"perPage": 2}, 2, True),
        (0, {"perPage": 2, "totalPages": 0}, 1, True),
        (0, {"perPage": 0}, 1, True),
    ],
)
def test_the_directorys_last_page_is_known_with_and_without_a_total(records, paging, page, last):
    answer = DirectoryPage.model_validate({"records": [ENTRY] * records, "paging": paging})

    assert answer.is_last(page) is last


GOOD = {
    "id": "1",
    "role": "Panelist",
    "email": "ann@example.com",
    "joinUri": "https://v.example.com/hush",
}
STRANGE = {"unheardOf": [1, {"deep": True}]}


@pytest.mark.parametrize(
    ("difference", "fault"),
    [
        ({"role": "Moderator"}, "`role` is “Moderator”"),
        ({"role": "https://v.example.com/secret"}, "`role` has another form"),
        ({"role": STRANGE}, "`role` has another form"),
        ({"role": None}, "`role` is missing"),
        ({"type": "Robot"}, "`type` is “Robot”"),
        ({"type": ["User"]}, "`type` has another form"),
        ({"id": None}, "`id` is missing"),
        ({"id": ""}, "`id` has another form"),
        ({"id": STRANGE}, "`id` has another form"),
        ({"id": True}, "`id` has another form"),
        ({"firstName": ["Ann"]}, "`firstName` has another form"),
        ({"jobTitle": {}}, "`jobTitle` has another form"),
        ({"sendInvite": "perhaps"}, "`sendInvite` has another form"),
        ({"linkedUser": {}}, "`linkedUser.accountId` is missing"),
        ({"linkedUser": {"accountId": "8", "userId": None}}, "`linkedUser.userId` is missing"),
        ({"linkedUser": {"accountId": "8", "userId": ""}}, "`linkedUser.userId` has another form"),
        ({"linkedUser": "somebody"}, "`linkedUser` has another form"),
        ({"phoneParticipantCode": [1]}, "`phoneParticipantCode` has another form"),
    ],
)
def test_a_record_that_is_not_understood_is_named_and_hides_no_other(difference, fault):
    found = parse_invitees([GOOD | difference, GOOD])

    assert found.registrations == (parse_invitee(GOOD),)
    (odd,) = found.untouched
    assert (odd.fault, odd.takes_seat, odd.email) == (fault, True, "ann@example.com")
    assert odd.join_uri == SecretStr("https://v.example.com/hush")
    assert "hush" not in repr(odd)


@pytest.mark.parametrize("record", [None, 7, "Ann", [], {}, {"role": []}, [GOOD]])
def test_a_record_that_is_none_takes_a_seat_and_says_nothing(record):
    odd = parse_invitee(record)

    assert isinstance(odd, UntouchedRecord)
    assert odd == UntouchedRecord(fault=odd.fault)
    assert odd.takes_seat


@pytest.mark.parametrize(
    "difference",
    [
        *({"role": spelling} for spelling in ("Attendee", "attendee", "ATTENDEE")),
        {"role": "Attendee", "id": None, "email": STRANGE, "linkedUser": STRANGE, "type": "Robot"},
    ],
)
def test_an_attendee_is_none_of_the_panel_and_takes_no_seat(difference):
    attendee = parse_invitee(GOOD | difference)

    assert isinstance(attendee, UntouchedRecord)
    assert (attendee.fault, attendee.role, attendee.takes_seat) == ("", None, False)


@pytest.mark.parametrize("missing", [{}, {"id": None}, {"id": ""}])
def test_the_implicit_host_needs_no_id(missing):
    assert parse_invitee({"role": "Host", **missing}) == Registration("host", Role.HOST)


def test_an_odd_host_takes_no_seat():
    odd = parse_invitee({"role": "Host", "type": "Robot"})

    assert isinstance(odd, UntouchedRecord)
    assert (odd.role, odd.takes_seat) == (Role.HOST, False)


def test_half_a_character_spoils_no_list():
    """A name may be cut in the middle of an emoji; half an emoji can't be sent as text."""
    content = b'{"records": [{"id": "1", "role": "Panelist", "firstName": "Ann \\ud83d"}]}'

    (ann,) = parse_invitees(parse_answer(Page, content, "the list").records).registrations

    assert ann.first_name == "Ann \ufffd"


@pytest.mark.parametrize(
    "paging", [{}, {"paging": None}, {"paging": {}}, {"paging": {"nextPageToken": None}}]
)
def test_a_page_without_a_next_one_is_the_last(paging):
    assert (
        parse_answer(
            Page, json.dumps({"records": []} | paging).encode(), "the list"
        ).paging.next_page_token
        is None
    )


@pytest.mark.parametrize(
    ("difference", "odd"),
    [
        ({"status": "Postponed"}, ("`status` is “Postponed”",)),
        (
            {"status": STRANGE, "title": []},
            ("`title` has another form", "`status` has another form"),
        ),
        ({"panelJoinTimeOffset": 10**18}, ("`panelJoinTimeOffset` has another form",)),
        ({"panelJoinTimeOffset": -5}, ("`panelJoinTimeOffset` has another form",)),
        ({"timeZone": STRANGE}, ("`timeZone` has another form",)),
        (
            dict.fromkeys(
                ("status", "title", "timeZone", "localeCode", "panelJoinTimeOffset", "id")
            ),
            (),
        ),
    ],
)
def test_an_odd_optional_field_of_a_session_is_named_and_counts_as_absent(difference, odd):
    record, named = parse_answer_with_odd(
        SessionRecord, json.dumps(SESSION | difference).encode(), "the session"
    )

    session = record.to_model("https://rc.example.com", WEBINAR, "201", named)
    assert (session.not_understood, session.key.session_id) == (odd, "201")


@pytest.mark.parametrize(
    ("difference", "entry"),
    [
        ({"id": None}, OddSession("101", "", SessionStatus.ACTIVE, "`id` is missing")),
        ({"webinar": None}, OddSession("", "201", SessionStatus.ACTIVE, "`webinar` is missing")),
        (
            {"webinar": {"title": "x"}},
            OddSession("", "201", SessionStatus.ACTIVE, "`webinar.id` is missing"),
        ),
        (
            {"scheduledDuration": None, "status": "Postponed"},
            OddSession("101", "201", SessionStatus.UNKNOWN, "`scheduledDuration` is missing"),
        ),
    ],
)
def test_a_listed_session_that_is_not_understood_is_named(difference, entry):
    odd = parse_session_entry(SESSION | {"webinar": {"id": 101}} | difference)

    assert odd == entry
    assert str(odd).startswith("A session in RingCentral's list is not understood (")


@pytest.mark.parametrize("record", [None, 7, [], {}])
def test_a_listed_session_that_is_none_is_named_without_ids(record):
    assert "(without ids)" in str(parse_session_entry(record))


def test_an_odd_entry_of_the_directory_hides_no_other():
    found = parse_colleagues(
        [{"type": "User"}, None, 7, ENTRY | {"id": STRANGE}, ENTRY | {"jobTitle": STRANGE}]
    )

    assert found == [Colleague(LinkedUser("800100200", "9001"), "ann@example.com")]


@pytest.mark.parametrize("content", [b'{"addedInvitees": null, "deletedInvitees": [{"id": "3"}]}'])
def test_a_null_in_the_answer_to_a_change_is_no_person(content):
    assert (
        parse_change_answer(content).registrations(),
        parse_change_answer(content).find_gone_ids(),
    ) == ((), {"3"})


def test_no_answer_nests_so_deeply_that_it_stops_the_program():
    deep = b'{"records":' + b"[" * 100_000

    with pytest.raises(Refused, match="it is nested too deeply"):
        parse_answer(Page, deep, "the list")
    assert parse_change_answer(deep).registrations() == ()


def test_a_token_of_a_log_in_does_not_show():
    assert "hush" not in repr(parse_answer(TokenAnswer, b'{"access_token": "hush"}', "a log-in"))


def test_links_do_not_show_in_records():
    registration = InviteeRecord.model_validate(
        {"id": "1", "role": "Panelist", "joinUri": "https://v.example.com/hush"}
    )
    answer = ChangeAnswer.model_validate(
        {"addedInvitees": [{"id": "1", "role": "Host", "joinUri": "https://v.example.com/hush"}]}
    )

    assert (
        "hush"
        not in f"{registration!r} {registration.to_model()!r} {answer.registrations()!r} {answer!r}"
    )
