"""The state file: what it may hold, and the words where it is wrong."""

import json
from datetime import UTC, datetime

import pytest

from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import SessionStatus
from onboarding.simulator import answers
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.errors import LoginRefused
from onboarding.simulator.parse import ChangeRequest
from onboarding.simulator.state import BadState, read_state
from onboarding.simulator.tokens import JWT_BEARER
from tests.simulator.accounts import CARLOS, HANNA, NOW, session, webinar

WHOLE = {
    "account_id": "900",
    "owner": "12",
    "credentials": {"client_id": "app", "client_secret": "s3cret", "jwt": "a.b.c"},
    "app_permissions": ["ReadWebinars"],
    "user_permissions": [],
    "directory": [HANNA, CARLOS],
    "rules": {"deletes_first": False, "bad_invitee": "apply-others"},
    "webinars": [
        webinar(
            pstn_enabled=True,
            sessions=[
                session(
                    duration=1800,
                    time_zone="Asia/Tokyo",
                    join_offset=600,
                    locale="ja-JP",
                    title="Live",
                    status="Active",
                    invitees=[
                        {
                            "role": "CoHost",
                            "linked_user": {"account_id": "900", "user_id": "12"},
                            "send_invite": False,
                        },
                        {
                            "email": "eve@example.com",
                            "join_uri": "https://webinar.example/join/eve",
                        },
                    ],
                )
            ],
        )
    ],
}


def written(tmp_path, content):
    file = tmp_path / "state.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_state_file_comes_to_life(tmp_path):
    held = SimulatedAccount(read_state(written(tmp_path, WHOLE)), NOW)

    session = held.find_session("1001", "2001")
    host, cohost, eve = held.list_records("1001", "2001")
    assert (
        session.start,
        session.duration.seconds,
        session.time_zone,
        session.join_offset.seconds,
        session.locale,
        session.title,
    ) == (
        datetime(2026, 9, 15, 14, tzinfo=UTC),
        1800,
        "Asia/Tokyo",
        600,
        "ja-JP",
        "Live",
    )
    assert session.status is SessionStatus.ACTIVE
    assert (host.role, cohost.role, eve.role) == (Role.HOST, Role.COHOST, Role.PANELIST)
    assert (cohost.linked_user, cohost.send_invite, eve.send_invite) == (
        LinkedUser("900", "12"),
        False,
        True,
    )
    assert eve.join_uri.get_secret_value() == "https://webinar.example/join/eve"
    assert len(eve.phone_code) == 10
    assert held.owner.user_id == "12"
    assert (held.app_permissions, held.user_permissions) == ({"ReadWebinars"}, set())
    assert (held.rules.deletes_first, held.rules.bad_invitee) == (False, "apply-others")


def test_state_with_credentials_holds_a_client_to_them(tmp_path):
    held = SimulatedAccount(read_state(written(tmp_path, WHOLE)), NOW)

    with pytest.raises(LoginRefused):
        held.tokens.log_in(
            "Basic YXBwOndyb25n", {"grant_type": JWT_BEARER, "assertion": "a.b.c"}, NOW
        )


def test_state_needs_little(tmp_path):
    little = {"directory": [{"user_id": "11"}], "webinars": [webinar()]}

    held = SimulatedAccount(read_state(written(tmp_path, little)), NOW)

    assert (held.owner.user_id, held.find_session("1001", "2001").duration.seconds) == ("11", 3600)


def test_state_does_not_print_its_secrets(tmp_path):
    state = read_state(written(tmp_path, WHOLE))

    assert [secret for secret in ("s3cret", "a.b.c", "join/eve") if secret in repr(state)] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "state.json is no state of the simulator:\nInvalid JSON"),
        ({}, "directory: Field required\nwebinars: Field required"),
        ({**WHOLE, "webinarz": []}, "webinarz: Extra inputs are not permitted"),
        (
            {**WHOLE, "webinars": [webinar(sessions=[session(start="2026-09-15T14:00:00")])]},
            "webinars[0].sessions[0].start",
        ),
        ({**WHOLE, "webinars": [webinar(sessions=[])]}, "webinars[0].sessions"),
        (
            {**WHOLE, "webinars": [webinar(host="404")]},
            "webinar 1001: no directory entry has the user_id '404' of its host",
        ),
        ({**WHOLE, "owner": "404"}, "no directory entry has the user_id '404' of the owner"),
        ({**WHOLE, "webinars": [webinar(), webinar()]}, "two webinars have the same id"),
        ({"directory": [HANNA], "webinars": []}, "an account without webinars needs an 'owner'"),
        (
            {**WHOLE, "rules": {"deletes_frist": True}},
            "rules.deletes_frist: Extra inputs are not permitted",
        ),
    ],
)
def test_state_that_is_wrong_says_where(tmp_path, content, message):
    with pytest.raises(BadState) as bad:
        read_state(written(tmp_path, content))

    assert message in str(bad.value)


def test_bad_state_does_not_print_its_secrets(tmp_path):
    with pytest.raises(BadState) as bad:
        read_state(
            written(tmp_path, {**WHOLE, "credentials": {"client_id": "app", "jwt": "a.b.c"}})
        )

    assert str(bad.value).splitlines()[1:] == ["credentials.client_secret: Field required"]


def test_state_that_is_missing_says_so(tmp_path):
    with pytest.raises(BadState, match="No such file"):
        read_state(tmp_path / "state.json")


def test_byte_order_mark_before_a_state_is_skipped_and_another_encoding_is_told(tmp_path):
    (tmp_path / "state.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(WHOLE).encode())
    (tmp_path / "wide.json").write_text(json.dumps(WHOLE), encoding="utf-16")

    assert read_state(tmp_path / "state.json").account_id == "900"
    with pytest.raises(BadState, match="save it again as UTF-8"):
        read_state(tmp_path / "wide.json")


def test_odd_records_are_answered_as_the_state_says(tmp_path):
    odd = {"fields": {"role": "Moderator", "joinUri": None}, "without": ["id"]}
    people = [
        {"email": "eve@example.com", "odd": odd},
        {"email": "tom@example.com", "role": "Attendee"},
    ]
    sessions = [
        session(invitees=people, odd={"without": ["timeZone"]}, odd_host={"without": ["id"]})
    ]
    directory = [HANNA | {"odd": {"fields": {"status": "Gone"}}}, CARLOS]
    webinars = [webinar(sessions=sessions, odd={"fields": {"title": 7}})]
    held = SimulatedAccount(
        read_state(written(tmp_path, WHOLE | {"directory": directory, "webinars": webinars})), NOW
    )

    shown = [
        answers.format_invitee(record, None, held.rules)
        for record in held.list_records("1001", "2001")
    ]

    assert [("id" in record, record["role"]) for record in shown] == [
        (False, "Host"),
        (False, "Moderator"),
        (True, "Attendee"),
    ]
    assert shown[1]["joinUri"] is None
    assert "timeZone" not in answers.format_session(
        held.find_session("1001", "2001"), "", unsent=False
    )
    assert answers.format_webinar(held.find_webinar("1001"))["title"] == 7
    assert answers.format_contact(held.directory.entries[0], with_account=True)["status"] == "Gone"


def test_an_attendee_takes_no_seat_at_the_simulator(tmp_path):
    people = [{"email": "tom@example.com", "role": "Attendee"}]
    state = WHOLE | {
        "webinars": [webinar(sessions=[session(invitees=people)])],
        "rules": {"seats": 1},
    }
    held = SimulatedAccount(read_state(written(tmp_path, state)), NOW)
    bob = {
        "role": "Panelist",
        "firstName": "Bob",
        "lastName": "Frost",
        "email": "bob@example.com",
        "sendInvite": False,
    }

    applied = held.change_invitees(
        "1001", "2001", ChangeRequest.model_validate({"addedInvitees": [bob]}), NOW
    )

    assert [record.email for record in applied.added] == ["bob@example.com"]
