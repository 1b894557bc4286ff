"""Questions to RingCentral: which calls they make, and what is made of the answers."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from onboarding.errors import ConfigurationError, Refused
from onboarding.model.people import Colleague, LinkedUser
from onboarding.model.sessions import SessionStatus, Webinar
from onboarding.ringcentral.client import FOUND_FOR, RingCentral
from onboarding.ringcentral.errors import check_from_ringcentral
from onboarding.ringcentral.settings import RingCentralSettings
from tests.ringcentral.people import host, key, on_wire, record
from tests.ringcentral.response_faults import START
from tests.ringcentral.scripted import Reply

pytestmark = pytest.mark.anyio

WEBINAR = Webinar("101", "All hands", LinkedUser("800100200", "9000"))


def entry(session_id, webinar_id="101", status="Scheduled", start="2026-09-02T14:00:00Z"):
    return {
        "id": session_id,
        "scheduledStartTime": start,
        "scheduledDuration": 3600,
        "timeZone": "Europe/Berlin",
        "status": status,
        "hostJoinUri": "https://v.example.com/host",
        "webinar": {"id": webinar_id, "title": "All hands"},
    }


def page(*records, following=None):
    return Reply(
        {
            "records": list(records),
            "paging": {"perPage": 1000} | ({"nextPageToken": following} if following else {}),
        }
    )


async def test_a_session_that_is_named_is_one_call(client, server):
    server.script = [Reply(entry("201"))]

    session = await client.session(WEBINAR, "201")

    assert (str(session.key), session.key.server, session.title) == (
        "101/201",
        server.url,
        "All hands",
    )
    assert (session.host, session.host_join_uri) == (
        WEBINAR.host,
        SecretStr("https://v.example.com/host"),
    )
    assert [call.path for call in server.calls] == [
        "/webinar/configuration/v1/webinars/101/sessions/201"
    ]


async def test_a_session_that_is_not_named_is_the_webinars_only_one(client, server):
    server.script = [page(entry("200", "999"), entry("201"))]

    session = await client.session(WEBINAR)

    assert (session.key.session_id, session.host_join_uri) == (
        "201",
        SecretStr("https://v.example.com/host"),
    )
    assert [call.path for call in server.calls] == ["/webinar/configuration/v1/sessions"]
    assert server.calls[0].query["endTimeFrom"] == (START - FOUND_FOR).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


async def test_a_colleagues_webinar_is_found_in_the_companys_list(client, server):
    server.script = [page(entry("200", "999")), page(entry("200", "999"), entry("201"))]

    session = await client.session(WEBINAR)

    assert session.key.session_id == "201"
    assert [call.path for call in server.calls] == [
        "/webinar/configuration/v1/sessions",
        "/webinar/configuration/v1/company/sessions",
    ]


@pytest.mark.parametrize(
    ("entries", "chosen", "status"),
    [
        ([entry("201", status="Finished"), entry("202")], "202", SessionStatus.SCHEDULED),
        (
            [entry("201", status="Finished"), entry("202", status="Active")],
            "202",
            SessionStatus.ACTIVE,
        ),
        (
            [
                entry("202", status="Finished", start="2026-08-02T14:00:00Z"),
                entry("201", status="Finished"),
            ],
            "201",
            SessionStatus.FINISHED,
        ),
    ],
)
async def test_a_session_that_is_over_gives_way_to_one_that_is_not(
    client, server, entries, chosen, status
):
    server.script = [page(*entries)]

    session = await client.session(WEBINAR)

    assert (session.key.session_id, session.status) == (chosen, status)


async def test_several_sessions_ahead_have_to_be_told_apart_by_a_person(client, server):
    server.script = [page(entry("202"), entry("201"), entry("203", status="Finished"))]

    with pytest.raises(ConfigurationError) as raised:
        await client.session(WEBINAR)

    assert raised.value.message == "Webinar 101 has 2 sessions: 201, 202."
    assert "WEBINAR_ID/SESSION_ID" in raised.value.hint


async def test_a_webinar_without_a_session_is_told(client, server):
    server.script = [page(), page()]

    with pytest.raises(ConfigurationError, match="Webinar 101 has no session that lies ahead"):
        await client.session(WEBINAR)


async def test_a_user_who_may_not_list_the_companys_sessions_is_told_what_to_do_instead(
    client, server
):
    server.script = [page(), Reply({"errors": [{"errorCode": "CMN-408"}]}, 403)]

    with pytest.raises(ConfigurationError) as raised:
        await client.session(WEBINAR)

    assert raised.value.message.startswith(
        "Webinar 101 has no session among your own. RingCentral refuses"
    )
    assert raised.value.hint.startswith("Give the session's id")


async def test_an_app_that_may_not_list_sessions_at_all_is_told_so(client, server):
    server.script = [Reply({"errors": [{"errorCode": "CMN-401"}]}, 403)]

    with pytest.raises(Refused, match="lacks the permission ReadWebinars"):
        await client.session(WEBINAR)


@pytest.mark.parametrize(("company", "path"), [(False, "sessions"), (True, "company/sessions")])
async def test_sessions_are_listed_by_start_over_all_pages(client, server, company, path):
    later = entry("203", start="2026-09-03T14:00:00Z")
    server.script = [page(later, following="two"), page(entry("201"))]

    listed = (await client.sessions(since=START, company=company)).listed

    assert [(record.key.session_id, record.start, record.duration) for record in listed] == [
        ("201", datetime(2026, 9, 2, 14, 0, tzinfo=UTC), timedelta(hours=1)),
        ("203", datetime(2026, 9, 3, 14, 0, tzinfo=UTC), timedelta(hours=1)),
    ]
    assert [call.path for call in server.calls] == [f"/webinar/configuration/v1/{path}"] * 2
    assert [call.query.get("pageToken") for call in server.calls] == [None, "two"]
    assert server.calls[0].query["endTimeFrom"] == "2026-09-01T08:00:00Z"


async def test_invitees_are_listed_over_all_pages(client, server):
    server.script = [
        page(on_wire(host()), on_wire(record(1)), following="two"),
        page(on_wire(record(2))),
    ]

    registrations = (await client.invitees(key(server.url))).registrations

    assert registrations == (host(), record(1), record(2))
    assert [call.query.get("pageToken") for call in server.calls] == [None, "two"]


async def test_a_list_that_never_ends_is_given_up(client, server):
    server.script = [page(on_wire(host()), following=str(number)) for number in range(60)]

    with pytest.raises(Refused, match="goes on for more than 50 pages"):
        await client.invitees(key(server.url))

    assert len(server.calls) == 50


async def test_a_directory_that_never_ends_is_given_up(client, server):
    paging = {"perPage": 1000, "totalPages": 10**30}
    server.script = [
        Reply({"records": [{"id": number}], "paging": paging}) for number in range(600)
    ]

    with pytest.raises(Refused, match="goes on for more than 500 pages"):
        await client.directory()

    assert len(server.calls) == 500


async def test_a_list_that_leads_back_to_a_page_already_read_ends(client, server):
    server.script = [
        page(on_wire(host()), following="two"),
        page(on_wire(record(1)), following="two"),
    ]

    registrations = (await client.invitees(key(server.url))).registrations

    assert registrations == (host(), record(1))


@pytest.mark.parametrize(
    "paging", [None, {}, {"perPage": None, "totalPages": None}, {"totalPages": {}}, "odd"]
)
async def test_the_directory_ends_with_a_page_that_brings_nothing_new(client, server, paging):
    entry = {
        "id": "1",
        "type": "User",
        "status": "Enabled",
        "account": {"id": "1"},
        "email": "c1@example.com",
    }
    again, empty = (
        Reply({"records": [entry], "paging": paging}),
        Reply({"records": [], "paging": paging}),
    )

    server.script = [again, again]
    assert [colleague.email for colleague in await client.directory()] == ["c1@example.com"]
    server.script = [again, empty]
    assert [colleague.email for colleague in await client.directory()] == ["c1@example.com"]


async def test_the_directory_ends_though_it_promises_pages_without_end(client, server):
    server.script = [Reply({"records": [], "paging": {"perPage": 100, "totalPages": 10**9}})]

    assert await client.directory() == ()


async def test_the_directory_is_read_to_its_end(client, server):
    def contact(number, **fields):
        return {
            "id": number,
            "type": "User",
            "status": "Enabled",
            "account": {"id": "1"},
            "email": f"c{number}@example.com",
        } | fields

    server.script = [
        Reply(
            {
                "records": [contact(1), contact(2, type="Room")],
                "paging": {"perPage": 2, "totalPages": 2},
            }
        ),
        Reply({"records": [contact(3)], "paging": {"perPage": 2, "totalPages": 2}}),
    ]

    colleagues = await client.directory()

    assert colleagues == (
        Colleague(LinkedUser("1", "1"), "c1@example.com"),
        Colleague(LinkedUser("1", "3"), "c3@example.com"),
    )
    assert [call.query["page"] for call in server.calls] == ["1", "2"]
    assert {call.query["showFederated"] for call in server.calls} == {"true"}
    assert client.calls == {"Auth": 1, "Medium": 2}


async def test_an_unknown_webinar_is_told_by_its_id(client, server):
    server.script = [
        Reply({"errors": [{"errorCode": "CMN-102", "message": "Nicht gefunden"}]}, 404)
    ]

    with pytest.raises(ConfigurationError, match="RingCentral knows no webinar 101"):
        await client.webinar("101")


PAGE = Reply(
    body=b"<html>Sign in to the hotel's network</html>", headers={"Content-Type": "text/html"}
)
ELSEWHERE = [
    (PAGE, "answers with a web page (status 200)"),
    (Reply(body=b"\n <!DOCTYPE html>blocked", status=403), "answers with a web page (status 403)"),
    (
        Reply(status=302, headers={"Location": "https://login.proxy.example/?u=x"}),
        "(link to login.proxy.example)",
    ),
    (Reply(status=307, body=b""), "sends us on to nowhere (status 307)"),
    (Reply(status=407, body=b"{}"), "wants a log-in of its own (status 407)"),
    (Reply(status=511, body=b"<html>"), "wants a log-in of its own (status 511)"),
]


@pytest.mark.parametrize(("answer", "description"), ELSEWHERE)
@pytest.mark.parametrize("queue", ["script", "logins"])
async def test_what_answers_in_ringcentrals_place_is_reported_with_the_two_places_to_look(
    client, server, queue, answer, description
):
    setattr(server, queue, [answer])

    with pytest.raises(Refused) as raised:
        await client.webinar("101")

    assert description in raised.value.message
    assert "this is not RingCentral's own answer" in raised.value.message
    assert "RC_SERVER_URL" in raised.value.hint
    assert "proxy" in raised.value.hint


def test_the_proxy_is_named_without_its_password():
    request = httpx.Request("GET", "https://platform.example/restapi")
    page = httpx.Response(
        200, headers={"Content-Type": "text/html"}, content=b"Sign in", request=request
    )

    with pytest.raises(Refused) as raised:
        check_from_ringcentral(page, {"HTTPS_PROXY": "http://me:geheim@proxy.example:3128"})

    assert "RC_SERVER_URL, and the proxy proxy.example:3128" in raised.value.hint
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET, RC_USER_JWT"),
        ({"client_id": "app", "jwt": SecretStr("jwt")}, "RC_APP_CLIENT_SECRET"),
        (
            {"client_id": "app", "client_secret": SecretStr(""), "jwt": SecretStr("jwt")},
            "RC_APP_CLIENT_SECRET",
        ),
    ],
)
async def test_missing_credentials_are_named_before_any_call(server, around, given, missing):
    settings = RingCentralSettings(server=server.url, **given)

    async with RingCentral(settings, around.gate, around.progress, clock=around.clock) as client:
        with pytest.raises(ConfigurationError) as raised:
            await client.webinar("101")

    assert raised.value.message == f"Missing RingCentral credentials: {missing}."
    assert (server.requests, around.gate.entered) == ([], [])
