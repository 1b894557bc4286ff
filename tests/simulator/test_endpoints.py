"""The simulated calls over real sockets: what they answer, page by page, and what they refuse."""

import pytest

from tests.simulator.accounts import (
    ADA,
    API,
    BOB,
    CARLOS_COHOST,
    DIRECTORY,
    HOME,
    INVITEES_PATH,
    SESSION,
    SESSION_PATH,
    SINCE,
    WEBINAR,
    session,
    webinar,
    world,
)
from tests.simulator.conftest import Served, code

pytestmark = pytest.mark.anyio


async def test_webinar_tells_title_host_and_settings(visit: Served):
    held = world(webinars=[webinar(pstn_enabled=True, panelist_authentication="AuthenticatedUser")])
    async with visit(held) as there:
        shown = (await there.get(f"{API}/webinars/{WEBINAR}")).json()

    assert (shown["id"], shown["title"], shown["host"]["linkedUser"], shown["settings"]) == (
        WEBINAR,
        "Tides",
        {"accountId": HOME, "userId": "11", "domain": "pbx"},
        {
            "panelistAuthentication": "AuthenticatedUser",
            "pstnEnabled": True,
            "registrationEnabled": False,
        },
    )


async def test_session_tells_when_and_the_hosts_own_link(visit: Served):
    async with visit() as there:
        shown = (await there.get(SESSION_PATH)).json()
        host = (await there.get(INVITEES_PATH)).json()["records"][0]

    assert {
        name: shown[name]
        for name in ("scheduledStartTime", "scheduledDuration", "panelJoinTimeOffset")
    } == {
        "scheduledStartTime": "2026-09-15T14:00:00.000Z",
        "scheduledDuration": 3600,
        "panelJoinTimeOffset": 900,
    }
    assert shown["hostJoinUri"] == host["joinUri"]
    assert shown["attendeeJoinUri"] != shown["hostJoinUri"]


async def test_invitees_come_in_pages_that_lead_to_each_other(visit: Served):
    async with visit() as there:
        await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA, BOB, CARLOS_COHOST]})
        pages, token = [], None
        while token != "":
            query = {"perPage": 2, **({"pageToken": token} if token else {})}
            page = (await there.get(INVITEES_PATH, params=query)).json()
            pages.append(page)
            token = page["paging"].get("nextPageToken", "")

    assert [[record["role"] for record in page["records"]] for page in pages] == [
        ["Host", "Panelist"],
        ["Panelist", "CoHost"],
    ]
    assert ["previousPageToken" in page["paging"] for page in pages] == [False, True]
    assert pages[1]["paging"]["previousPageToken"] == pages[0]["paging"]["pageToken"]


@pytest.mark.parametrize(("per_page", "used"), [("1", 1), ("1000", 1000), ("1001", 1000)])
async def test_page_that_is_too_long_is_cut(visit: Served, per_page, used):
    async with visit() as there:
        answer = await there.get(INVITEES_PATH, params={"perPage": per_page})

    assert answer.json()["paging"]["perPage"] == used


@pytest.mark.parametrize(
    "query", [{"perPage": "0"}, {"perPage": "-1"}, {"perPage": "x"}, {"pageToken": "x"}]
)
async def test_page_that_can_not_be_is_refused(visit: Served, query):
    async with visit() as there:
        answer = await there.get(INVITEES_PATH, params=query)

    assert code(answer) == (400, "CMN-101")
    assert [answer.json()["errors"][0]["parameterName"]] == list(query)


@pytest.mark.parametrize(
    ("switches", "shown"),
    [
        ({}, {"email": "carlos@brightwater.example", "firstName": "Carlos"}),
        ({"linked_users_show_email": False}, {"firstName": "Carlos"}),
        ({"linked_users_show_names": False}, {"email": "carlos@brightwater.example"}),
    ],
)
async def test_linked_user_shows_what_the_rules_say(visit: Served, switches, shown):
    async with visit(world(rules=switches)) as there:
        answer = await there.patch(INVITEES_PATH, json={"addedInvitees": [CARLOS_COHOST]})

    (carlos,) = answer.json()["addedInvitees"]
    assert {name: carlos[name] for name in ("email", "firstName") if name in carlos} == shown
    assert carlos["linkedUser"] == CARLOS_COHOST["linkedUser"]


async def test_linked_user_may_come_without_ids(visit: Served):
    async with visit(world(rules={"linked_users_show_ids": False})) as there:
        answer = await there.patch(INVITEES_PATH, json={"addedInvitees": [CARLOS_COHOST]})

    (carlos,) = answer.json()["addedInvitees"]
    assert (carlos["email"], carlos.get("linkedUser")) == ("carlos@brightwater.example", None)


async def test_one_patch_adds_updates_and_deletes(visit: Served):
    async with visit() as there:
        added = (await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA, BOB]})).json()[
            "addedInvitees"
        ]
        ada, bob = (person["id"] for person in added)
        body = {
            "addedInvitees": [CARLOS_COHOST],
            "updatedInvitees": [
                {"id": ada, "role": "Panelist", "jobTitle": "Countess", "sendInvite": False}
            ],
            "deletedInvitees": [{"id": bob}],
        }
        answer = (await there.patch(INVITEES_PATH, json=body)).json()
        left = (await there.get(INVITEES_PATH)).json()["records"]

    assert answer["deletedInvitees"] == [{"id": bob}]
    assert answer["updatedInvitees"][0]["jobTitle"] == "Countess"
    assert left[1:] == answer["updatedInvitees"] + answer["addedInvitees"]


async def test_single_invitee_can_be_read_changed_and_deleted(visit: Served):
    async with visit() as there:
        (ada,) = (await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA]})).json()[
            "addedInvitees"
        ]
        path = f"{INVITEES_PATH}/{ada['id']}"
        read = (await there.get(path)).json()
        changed = (
            await there.request("PUT", path, json={"role": "Panelist", "lastName": "King"})
        ).json()
        gone = await there.request("DELETE", path)
        after = await there.get(path)

    assert read == ada
    assert (changed["lastName"], changed["joinUri"]) == ("King", ada["joinUri"])
    assert (gone.status_code, gone.content) == (204, b"")
    assert code(after) == (404, "CMN-102")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{API}/webinars/9"),
        ("GET", f"{API}/webinars/9/sessions/{SESSION}"),
        ("GET", f"{API}/webinars/{WEBINAR}/sessions/9"),
        ("GET", f"{API}/webinars/{WEBINAR}/sessions/9/invitees"),
        ("GET", f"{INVITEES_PATH}/9"),
        ("DELETE", f"{INVITEES_PATH}/9"),
        ("GET", "/restapi/v1.0/account/~/extension/9"),
        ("GET", "/restapi/v1.0/account/9/extension/~"),
        ("GET", "/no/such/call"),
    ],
)
async def test_what_is_not_there_is_not_found(visit: Served, method, path):
    async with visit() as there:
        answer = await there.request(method, path)

    assert code(answer) == (404, "CMN-102")


async def test_method_that_is_not_there_is_refused_in_json(visit: Served):
    async with visit() as there:
        answer = await there.request("POST", INVITEES_PATH)

    assert code(answer) == (405, "CMN-102")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", (400, "CMN-103")),
        (b"\xff", (400, "CMN-103")),
        (b"", (400, "CMN-103")),
        (b"[]", (400, "CMN-101")),
    ],
)
async def test_body_that_is_no_json_object_is_refused(visit: Served, content, expected):
    async with visit() as there:
        answer = await there.patch(INVITEES_PATH, content=content)

    assert code(answer) == expected


THREE = [
    webinar(sessions=[session(start="2026-09-20T14:00:00Z")]),
    webinar(
        id="1002",
        title="Shells",
        sessions=[session(id="2002", start="2026-09-10T14:00:00Z", title="Live shells")],
    ),
    webinar(id="1003", title="Sand", host="12", sessions=[session(id="2003", status="Active")]),
]


@pytest.mark.parametrize(
    ("path", "query", "ids"),
    [
        ("sessions", {}, ["2002", "2001"]),
        ("company/sessions", {}, ["2002", "2003", "2001"]),
        ("company/sessions", {"hostUserId": "12"}, ["2003"]),
        ("company/sessions", {"hostUserId": "12,11"}, ["2002", "2003", "2001"]),
        ("company/sessions", {"status": "Active"}, ["2003"]),
        ("company/sessions", {"status": ["Active", "Scheduled"]}, ["2002", "2003", "2001"]),
        ("company/sessions", {"perPage": "1", "pageToken": "1"}, ["2003"]),
        ("sessions", {"endTimeFrom": "2026-09-10T15:00:00Z"}, ["2002", "2001"]),
        ("sessions", {"endTimeFrom": "2026-09-10T17:00:01+02:00"}, ["2001"]),
        ("sessions", {"nameFragment": "SHELLS"}, ["2002"]),
        ("sessions", {"nameFragment": "tides"}, ["2001"]),
    ],
)
async def test_sessions_are_listed_by_start(visit: Served, path, query, ids):
    async with visit(world(webinars=THREE)) as there:
        answer = await there.get(f"{API}/{path}", params={**SINCE, **query})

    assert [entry["id"] for entry in answer.json()["records"]] == ids


async def test_listed_session_names_its_webinar(visit: Served):
    async with visit() as there:
        (entry,) = (await there.get(f"{API}/sessions", params=SINCE)).json()["records"]

    assert (entry["webinar"]["id"], entry["webinar"]["title"]) == (WEBINAR, "Tides")


@pytest.mark.parametrize(
    "query", [{}, {"endTimeFrom": "soon"}, {"endTimeFrom": "2026-09-10T15:00:00"}]
)
async def test_list_of_sessions_needs_a_time_with_offset(visit: Served, query):
    async with visit() as there:
        answer = await there.get(f"{API}/sessions", params=query)

    assert code(answer) == (400, "CMN-101")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["11", "12", "13", "14", "15"]),
        ({"showFederated": "false"}, ["11", "12", "13", "14"]),
        ({"type": "User"}, ["11", "12", "13", "15"]),
        ({"typeGroup": "NonUser"}, ["14"]),
        ({"perPage": "2"}, ["11", "12"]),
        ({"perPage": "2", "page": "3"}, ["15"]),
        ({"perPage": "2", "page": "4"}, []),
        ({"perPage": "all"}, ["11", "12", "13", "14", "15"]),
    ],
)
async def test_directory_is_listed_in_numbered_pages(visit: Served, query, ids):
    async with visit() as there:
        answer = (await there.get(DIRECTORY, params=query)).json()

    assert [entry["id"] for entry in answer["records"]] == ids
    assert ["account" in entry for entry in answer["records"]] == [
        query.get("showFederated") is None
    ] * len(ids)


async def test_directory_says_how_many_pages_there_are(visit: Served):
    async with visit() as there:
        answer = (await there.get(DIRECTORY, params={"perPage": "2", "page": "2"})).json()

    assert answer["paging"] == {
        "perPage": 2,
        "totalPages": 3,
        "totalElements": 5,
        "page": 2,
        "pageStart": 2,
        "pageEnd": 3,
    }


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"searchString": "ann", "searchFields": ["email"]}, ["11", "15"]),
        ({"searchString": "ANN", "searchFields": ["firstName"]}, ["11", "15"]),
        ({"searchString": "brightwater", "searchFields": ["firstName"]}, []),
        ({"searchString": "brightwater"}, ["11", "12", "13", "14"]),
        ({"searchString": "brightwater", "extensionStatuses": ["Enabled"]}, ["11", "12", "14"]),
        ({"searchString": "brightwater", "extensionTypes": ["User"]}, ["11", "12", "13"]),
        ({"searchString": "ann", "showFederated": False}, ["11"]),
        ({"searchString": "", "perPage": 2, "page": 2}, ["13", "14"]),
    ],
)
async def test_search_finds_parts(visit: Served, body, ids):
    async with visit() as there:
        answer = (await there.request("POST", f"{DIRECTORY}/search", json=body)).json()

    assert [entry["id"] for entry in answer["records"]] == ids


@pytest.mark.parametrize(
    ("method", "path", "content", "expected"),
    [
        ("GET", f"{DIRECTORY}?page=0", None, (400, "ADG-121")),
        ("GET", f"{DIRECTORY}?perPage=few", None, (400, "ADG-121")),
        ("POST", f"{DIRECTORY}/search", b"{", (400, "ADG-112")),
        ("POST", f"{DIRECTORY}/search", b'{"page": "one"}', (400, "ADG-112")),
    ],
)
async def test_directory_refuses_in_its_own_words(visit: Served, method, path, content, expected):
    async with visit() as there:
        answer = await there.request(method, path, content=content)

    assert code(answer) == expected


async def test_extension_is_the_user_who_is_logged_in(visit: Served):
    async with visit() as there:
        me = (await there.get("/restapi/v1.0/account/~/extension/~")).json()
        same = (await there.get(f"/restapi/v1.0/account/{HOME}/extension/11")).json()

    assert (me["id"], me["contact"]["email"]) == (11, "hanna@brightwater.example")
    assert same == me
