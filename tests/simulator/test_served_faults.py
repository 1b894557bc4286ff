"""Ordered bad weather over real sockets: what a client sees, and what was done all the same."""

import anyio
import httpx
import pytest

from tests.simulator.accounts import (
    ADA,
    BOB,
    CARLOS_COHOST,
    DIRECTORY,
    INVITEES_PATH,
    SESSION,
    SESSION_PATH,
    WEBINAR,
)
from tests.simulator.conftest import Served, code

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("fault", "expected", "headers", "applied"),
    [
        ("500", (500, "CMN-201"), {}, False),
        ("500-after", (500, "CMN-201"), {}, True),
        ("503", (503, "CMN-201"), {}, False),
        ("503=7", (503, "CMN-201"), {"retry-after": "7"}, False),
        ("429", (429, "CMN-301"), {"retry-after": "60"}, False),
        ("429=7", (429, "CMN-301"), {"retry-after": "7"}, False),
        ("429-bare", (429, "CMN-301"), {}, False),
        ("409-bare", (409, "WBN-409"), {}, False),
        ("expired-token", (401, "OAU-128"), {}, False),
        ("revoked-token", (401, "OAU-129"), {}, False),
    ],
)
async def test_fault_that_is_an_error_is_answered(visit: Served, fault, expected, headers, applied):
    async with visit(faults=[fault]) as there:
        answer = await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA]})
        people = there.account.list_records(WEBINAR, SESSION)

    assert code(answer) == expected
    assert {
        name: value for name, value in answer.headers.items() if name == "retry-after"
    } == headers
    assert (len(people) == 2) is applied
    assert "parameterName" not in answer.json()["errors"][0]


@pytest.mark.parametrize(
    ("fault", "status", "applied"), [("502", 502, False), ("not-json", 200, True)]
)
async def test_fault_can_be_a_web_page(visit: Served, fault, status, applied):
    async with visit(faults=[fault]) as there:
        answer = await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA]})
        people = there.account.list_records(WEBINAR, SESSION)

    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert (len(people) == 2) is applied


@pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": uvloop}) for uvloop in (False, True)]
)
@pytest.mark.parametrize(("fault", "applied"), [("timeout-before", False), ("timeout-after", True)])
async def test_line_that_is_cut_leaves_the_client_without_an_answer(visit: Served, fault, applied):
    async with visit(faults=[fault]) as there:
        with pytest.raises(httpx.TransportError):
            await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA]})
        people = there.account.list_records(WEBINAR, SESSION)
        (recorded,) = there.server.requests
        again = await there.get(INVITEES_PATH)

    assert (len(people) == 2) is applied
    assert (recorded.status, recorded.fault) == (None, fault)
    assert again.status_code == 200


@pytest.mark.parametrize("fault", ["timeout-before=60", "timeout-after=60", "slow=60"])
async def test_client_that_loses_patience_is_let_go(visit: Served, fault):
    async with visit(faults=[fault]) as there:
        with pytest.raises(httpx.ReadTimeout):
            await there.request("GET", SESSION_PATH, timeout=0.05)
        again = await there.get(SESSION_PATH)

    assert again.status_code == 200


async def test_client_that_dies_while_it_asks_is_nothing_to_complain_about(visit: Served, caplog):
    async with visit() as there:
        line = await anyio.connect_tcp("127.0.0.1", int(there.server.url.rpartition(":")[2]))
        await line.send(
            f"PATCH {INVITEES_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{".encode()
        )
        await line.aclose()
        after = await there.get(SESSION_PATH)

    assert after.status_code == 200
    assert [request.path for request in there.server.requests] == [SESSION_PATH]
    assert [record.message for record in caplog.records if record.name == "uvicorn.error"] == []


async def test_slow_answer_comes_in_the_end(visit: Served):
    async with visit(faults=["slow=0.01"]) as there:
        answer = await there.get(SESSION_PATH)

    assert (answer.status_code, there.server.requests[0].fault) == (200, "slow")


async def test_ordered_penalty_holds_for_its_group(visit: Served):
    async with visit(faults=["429=7"]) as there:
        statuses = [
            (await there.get(path)).status_code for path in (SESSION_PATH, SESSION_PATH, DIRECTORY)
        ]
        there.clock.advance(7)
        statuses.append((await there.get(SESSION_PATH)).status_code)

    assert statuses == [429, 429, 200, 200]


async def test_session_moves_before_it_is_told(visit: Served):
    async with visit(faults=["GET /sessions/*:moved=-90"]) as there:
        starts = [(await there.get(SESSION_PATH)).json()["scheduledStartTime"] for _ in range(2)]

    assert starts == ["2026-09-15T12:30:00.000Z"] * 2


async def test_click_on_send_now_mails_all_who_were_added_silently(visit: Served):
    async with visit(faults=["GET /invitees:send-now"]) as there:
        await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA, CARLOS_COHOST]})
        unsent = [(await there.get(SESSION_PATH)).json()["hasUnsentInvites"]]
        listed = (await there.get(INVITEES_PATH)).json()["records"]
        unsent.append((await there.get(SESSION_PATH)).json()["hasUnsentInvites"])
        refused = await there.patch(
            INVITEES_PATH,
            json={
                "updatedInvitees": [
                    {"id": listed[1]["id"], "role": "Panelist", "sendInvite": False}
                ]
            },
        )

    assert [record["sendInvite"] for record in listed] == [True, True, True]
    assert there.account.mailed == ["ada@example.com", "carlos@brightwater.example"]
    assert unsent == [True, False]
    assert code(refused) == (400, "CMN-101")


async def test_session_without_invitees_has_no_unsent_invites(visit: Served):
    async with visit() as there:
        assert (await there.get(SESSION_PATH)).json()["hasUnsentInvites"] is False


async def test_list_lags_behind_as_many_changes_as_ordered(visit: Served):
    faults = ["GET /invitees:lagging", "GET /invitees:lagging=2", "GET /invitees:lagging=9"]
    async with visit(faults=faults) as there:
        await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA]})
        await there.patch(INVITEES_PATH, json={"addedInvitees": [BOB]})
        await there.patch(INVITEES_PATH, json={})
        lists = [(await there.get(INVITEES_PATH)).json()["records"] for _ in range(4)]

    names = [[record["firstName"] for record in listed] for listed in lists]
    assert names == [["Hanna", "Ada"], ["Hanna"], ["Hanna"], ["Hanna", "Ada", "Bob"]]


async def test_answer_is_spoiled_only_as_often_as_ordered(visit: Served):
    async with visit(faults=["GET /invitees:shuffled", "GET /invitees:missing-join-uri"]) as there:
        await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA]})
        answers = [(await there.get(INVITEES_PATH)).json()["records"] for _ in range(3)]

    assert [[record["role"] for record in records] for records in answers] == [
        ["Panelist", "Host"],
        ["Host", "Panelist"],
        ["Host", "Panelist"],
    ]
    assert [["joinUri" in record for record in records] for records in answers] == [
        [True, True],
        [True, False],
        [True, True],
    ]


async def test_renewed_token_works_after_a_revoked_one(visit: Served):
    async with visit(faults=["revoked-token"]) as there:
        first = await there.get(SESSION_PATH)
        await there.log_in()
        second = await there.get(SESSION_PATH)

    assert (first.status_code, second.status_code) == (401, 200)
