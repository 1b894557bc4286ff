"""Every answer of the simulator agrees with the vendor's description; and so do the checks."""

import pytest

from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.tokens import JWT_BEARER
from tests import openapi
from tests.simulator.accounts import (
    ADA,
    API,
    BOB,
    CARLOS_COHOST,
    DIRECTORY,
    INVITEES_PATH,
    SESSION_PATH,
    session,
    webinar,
    world,
)
from tests.simulator.conftest import Served, Visit

pytestmark = [pytest.mark.anyio, openapi.NEEDED]

SINCE = "?endTimeFrom=2026-01-01T00:00:00Z"
HOST_RECORD = f"{INVITEES_PATH}/700000001"
GUEST_RECORD = f"{INVITEES_PATH}/700000002"
NOBODY = f"{INVITEES_PATH}/1"
EVE = {"email": "eve@example.com", "first_name": "Eve", "send_invite": False}


def full_world(**changes: object) -> SimulatedAccount:
    """A webinar with dial-in, a guest and a linked co-host, and a second one that has begun."""
    invitees = [EVE, {"role": "CoHost", "linked_user": {"account_id": "900", "user_id": "12"}}]
    first = webinar(
        pstn_enabled=True, description="About tides", sessions=[session(invitees=invitees)]
    )
    second = webinar(
        id="1002", host="12", sessions=[session(id="2002", status="Active", invitees=[EVE])]
    )
    return world(webinars=[first, second], **changes)


async def ask(there: Visit, method: str, path: str, body: object = None) -> int:
    """Ask, and hold the answer against the description; the request, too, where it is granted."""
    answer = (
        await there.request(method, path, json=body)
        if body is not None
        else await there.request(method, path)
    )
    url = answer.request.url
    openapi.check_answer(
        method, url.path, answer.status_code, answer.json() if answer.content else None
    )
    if answer.is_success:
        openapi.check_request(
            method, url.path, {name: url.params.get_list(name) for name in url.params}, body
        )
    return answer.status_code


GRANTED = [
    ("GET", f"{API}/webinars/1001", None, 200),
    ("GET", SESSION_PATH, None, 200),
    ("GET", f"{API}/sessions{SINCE}", None, 200),
    ("GET", f"{API}/sessions{SINCE}&nameFragment=tid&status=Scheduled&perPage=1", None, 200),
    ("GET", f"{API}/company/sessions{SINCE}&perPage=1", None, 200),
    ("GET", f"{API}/company/sessions{SINCE}&hostUserId=11,12&pageToken=1&perPage=1", None, 200),
    ("GET", INVITEES_PATH, None, 200),
    ("GET", f"{INVITEES_PATH}?perPage=1&pageToken=1", None, 200),
    ("GET", HOST_RECORD, None, 200),
    ("GET", GUEST_RECORD, None, 200),
    ("PATCH", INVITEES_PATH, {}, 200),
    ("PATCH", INVITEES_PATH, {"addedInvitees": [ADA, {**BOB, "jobTitle": "Pilot"}]}, 200),
    (
        "PATCH",
        INVITEES_PATH,
        {"updatedInvitees": [{"id": "700000002", "role": "Panelist", "sendInvite": False}]},
        200,
    ),
    (
        "PATCH",
        INVITEES_PATH,
        {"deletedInvitees": [{"id": "700000002"}], "addedInvitees": [ADA]},
        200,
    ),
    ("PUT", GUEST_RECORD, {"role": "Panelist", "firstName": "Eva", "sendInvite": True}, 200),
    ("DELETE", GUEST_RECORD, None, 204),
    ("GET", DIRECTORY, None, 200),
    (
        "GET",
        f"{DIRECTORY}?showFederated=false&page=2&perPage=2&type=User&typeGroup=User",
        None,
        200,
    ),
    ("GET", f"{DIRECTORY}?perPage=all", None, 200),
    ("GET", f"{DIRECTORY}?page=9", None, 200),
    (
        "POST",
        f"{DIRECTORY}/search",
        {"searchString": "ann", "searchFields": ["email"], "showFederated": True},
        200,
    ),
    ("GET", "/restapi/v1.0/account/~/extension/~", None, 200),
]

REFUSED = [
    ("GET", f"{API}/webinars/9", None, 404),
    ("GET", f"{API}/webinars/1001/sessions/9", None, 404),
    ("GET", f"{API}/sessions", None, 400),
    ("GET", f"{API}/company/sessions{SINCE}&status=Lost", None, 400),
    ("GET", f"{INVITEES_PATH}?perPage=0", None, 400),
    ("GET", NOBODY, None, 404),
    ("PUT", NOBODY, {"role": "Panelist"}, 404),
    ("PUT", HOST_RECORD, {"role": "Panelist"}, 403),
    ("PUT", GUEST_RECORD, {"role": "Attendee"}, 400),
    ("DELETE", NOBODY, None, 404),
    ("DELETE", HOST_RECORD, None, 403),
    ("PATCH", INVITEES_PATH, {"addedInvitees": [{**ADA, "email": "eve@example.com"}]}, 409),
    ("PATCH", INVITEES_PATH, {"addedInvitees": [CARLOS_COHOST]}, 409),
    ("PATCH", INVITEES_PATH, {"addedInvitees": [{"role": "Panelist"}]}, 400),
    ("PATCH", INVITEES_PATH, {"deletedInvitees": [{"id": "700000001"}]}, 403),
    ("PATCH", INVITEES_PATH, {"addedInvitees": 5}, 400),
    ("PATCH", f"{API}/webinars/9/sessions/9/invitees", {}, 404),
    ("DELETE", f"{API}/webinars/1002/sessions/2002/invitees/700000005", None, 403),
    ("GET", f"{DIRECTORY}?page=none", None, 400),
    ("POST", f"{DIRECTORY}/search", {"page": 0}, 400),
    ("GET", "/restapi/v1.0/account/~/extension/77", None, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), GRANTED + REFUSED)
async def test_answer_keeps_to_the_description(visit: Served, method, path, body, status):
    async with visit(full_world()) as there:
        assert await ask(there, method, path, body) == status


EVERY_CALL = [
    ("GET", f"{API}/webinars/1001"),
    ("GET", SESSION_PATH),
    ("GET", f"{API}/sessions{SINCE}"),
    ("GET", f"{API}/company/sessions{SINCE}"),
    ("GET", INVITEES_PATH),
    ("PATCH", INVITEES_PATH),
    ("GET", GUEST_RECORD),
    ("PUT", GUEST_RECORD),
    ("DELETE", GUEST_RECORD),
    ("GET", DIRECTORY),
    ("POST", f"{DIRECTORY}/search"),
    ("GET", "/restapi/v1.0/account/~/extension/~"),
]


@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
async def test_error_that_any_call_can_meet_has_the_vendors_body(visit: Served, method, path):
    faults = ["500", "503=7", "429", "expired-token"]
    async with visit(full_world(), faults=faults) as there:
        statuses = [await ask(there, method, path) for _ in range(3)]
        there.clock.advance(60)
        statuses += [await ask(there, method, path) for _ in range(2)]

    assert statuses == [500, 503, 429, 401, 401]


@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
async def test_call_without_permission_gets_the_vendors_body(visit: Served, method, path):
    async with visit(full_world(app_permissions=[], user_permissions=[])) as there:
        assert await ask(there, method, path) == 403


@pytest.mark.parametrize(
    ("form", "auth", "status"),
    [
        ({"grant_type": JWT_BEARER, "assertion": "a.b.c"}, ("app", "secret"), 200),
        ({"grant_type": JWT_BEARER, "assertion": ""}, ("app", "secret"), 400),
        ({"grant_type": JWT_BEARER, "assertion": "a.b.c"}, ("", ""), 401),
        ({"grant_type": "password"}, ("app", "secret"), 400),
    ],
)
async def test_token_call_keeps_to_the_description(visit: Served, form, auth, status):
    async with visit(log_in=False) as there:
        answer = await there.request("POST", "/restapi/oauth/token", data=form, auth=auth)

    openapi.check_answer("POST", "/restapi/oauth/token", answer.status_code, answer.json())
    assert answer.status_code == status
    if status == 200:
        openapi.check_request("POST", "/restapi/oauth/token", {}, form)


WRONG_REQUESTS = [
    ("PATCH", INVITEES_PATH, {}, {"addedInvitees": [{**ADA, "sendinvite": False}]}, "sendinvite"),
    ("PATCH", INVITEES_PATH, {}, {"addedInvitees": [{**ADA, "role": "Cohost"}]}, "role"),
    ("PATCH", INVITEES_PATH, {}, {"addedInvitees": [{**ADA, "firstName": "x" * 65}]}, "firstName"),
    ("PATCH", INVITEES_PATH, {}, {"updatedInvitees": [{"id": 5, "role": "Panelist"}]}, "id"),
    ("GET", INVITEES_PATH, {"perPage": ["0"]}, None, "perPage"),
    ("GET", INVITEES_PATH, {"page": ["1"]}, None, "parameter"),
    ("GET", f"{API}/sessions", {}, None, "endTimeFrom"),
    ("GET", f"{API}/sessions", {"endTimeFrom": ["today"]}, None, "endTimeFrom"),
    ("GET", f"{API}/webinars/{'9' * 21}", {}, None, "webinarId"),
    ("GET", SESSION_PATH, {}, {}, "body"),
    ("GET", f"{API}/nothing", {}, None, "no such call"),
]


@pytest.mark.parametrize(("method", "path", "query", "body", "named"), WRONG_REQUESTS)
def test_check_of_requests_finds_what_is_wrong(method, path, query, body, named):
    with pytest.raises(AssertionError, match=named):
        openapi.check_request(method, path, query, body)


INVITEE = {
    "id": "1",
    "role": "Panelist",
    "creationTime": "2026-09-01T09:00:00Z",
    "lastModifiedTime": "2026-09-01T09:00:00Z",
    "joinUri": "https://webinar.example/join/x",
}
WRONG_ANSWERS = [
    (200, {**INVITEE, "joinUri": "nowhere"}, "joinUri"),
    (200, {**INVITEE, "creationTime": "2026-09-01"}, "creationTime"),
    (200, {**INVITEE, "unheardOf": 1}, "unheardOf"),
    (200, {**INVITEE, "linkedUser": {"userId": "1", "accountId": "2"}}, "linkedUser"),
    (200, {name: value for name, value in INVITEE.items() if name != "role"}, "role"),
    (200, None, "type"),
    (404, {"errors": []}, "errors"),
    (401, {"message": "no"}, "errors"),
    (429, {"errors": [{"errorCode": "CMN301", "message": "no"}]}, "no error code"),
    (302, None, "no such status"),
]


@pytest.mark.parametrize(("status", "body", "named"), WRONG_ANSWERS)
def test_check_of_answers_finds_what_is_wrong(status, body, named):
    openapi.check_answer("GET", NOBODY, 200, INVITEE)

    with pytest.raises(AssertionError, match=named):
        openapi.check_answer("GET", NOBODY, status, body)


def test_check_of_answers_never_prints_a_join_link():
    with pytest.raises(AssertionError) as failure:
        openapi.check_answer("GET", NOBODY, 200, {**INVITEE, "joinUri": "secret" * 100})

    assert "secret" not in str(failure.value)
