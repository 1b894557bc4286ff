"""Requests over a real connection: they wait their turn, are sent again if harmless, and end."""

import asyncio
import gzip
import ssl
from datetime import UTC, datetime, timedelta

import anyio
import pytest
import trustme

from onboarding.errors import Interrupted, Refused, TryLater
from onboarding.model.ports import RateLimitStatus
from onboarding.model.registrations import Change
from onboarding.model.sessions import Webinar
from onboarding.model.time_zones import format_machine_time
from onboarding.web.client import MAX_UNPACKED
from tests.ringcentral.people import guest, host, key, on_wire, record
from tests.ringcentral.scripted import Cut, Mute, Reply, scripted

pytestmark = pytest.mark.anyio

FOUND = Reply({"id": "101", "title": "All hands"})
WEBINAR = Webinar("101", "All hands")


async def test_every_request_passes_the_gate_and_is_counted(client, server, around):
    server.script = [FOUND, Reply(status=500), FOUND]

    await client.webinar("101")
    await client.webinar("101")

    assert around.gate.entered == ["Auth", "Heavy", "Heavy", "Heavy"]
    assert client.calls == {"Auth": 1, "Heavy": 3}


async def test_what_an_answer_says_of_its_limit_is_passed_on(client, server, around):
    headers = {
        "X-Rate-Limit-Group": "heavy",
        "X-Rate-Limit-Limit": "10",
        "X-Rate-Limit-Remaining": "9",
        "X-Rate-Limit-Window": "60",
    }
    server.script = [Reply(FOUND.json, headers=headers)]

    await client.webinar("101")

    assert around.gate.updates == [("Heavy", RateLimitStatus(limit=10, remaining=9, window=60.0))]


@pytest.mark.parametrize(
    ("headers", "penalty"),
    [
        ({"Retry-After": "60"}, 60.0),
        ({}, 30.0),
        ({"Retry-After": "Tue, 01 Sep 2026 08:00:45 GMT"}, 45.0),
        ({"Retry-After": "later"}, 30.0),
    ],
)
async def test_a_429_is_told_to_the_gate_and_the_call_made_again(
    client, server, around, headers, penalty
):
    server.script = [Reply({"errors": [{"errorCode": "CMN-301"}]}, 429, headers), FOUND]

    webinar = await client.webinar("101")

    assert webinar == WEBINAR
    assert around.gate.updates == [("Heavy", RateLimitStatus(penalty=penalty))]
    assert around.gate.entered == ["Auth", "Heavy", "Heavy"]
    assert around.clock.slept == []


async def test_a_figure_that_is_not_believed_is_said_once(client, server, around):
    server.script = [Reply(FOUND.json, headers={"X-Rate-Limit-Limit": "2000000"})] * 3

    for _ in range(3):
        await client.webinar("101")

    assert around.gate.updates == [("Heavy", RateLimitStatus(limit=1000))] * 3
    assert around.progress.lines == [
        "RingCentral's header X-Rate-Limit-Limit is more than can be right: 1000 counts."
    ]


async def test_a_429_to_a_change_is_no_reason_to_list(client, server):
    server.script = [Reply(status=429), Reply({"addedInvitees": [on_wire(record(1))]})]

    applied = await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert applied.registrations == (host(), record(1))
    assert [call.method for call in server.calls] == ["PATCH", "PATCH"]


async def test_a_limit_that_never_ends_is_left_for_later(client, server):
    server.script = [Reply(status=429) for _ in range(9)]

    with pytest.raises(TryLater, match="the limit of its Heavy calls is reached"):
        await client.webinar("101")

    assert len(server.calls) == 5


@pytest.mark.parametrize(
    "fault", [Cut(), Reply(status=500), Reply(status=502, body=b"<html>"), Reply(status=408)]
)
async def test_a_question_is_asked_again_after_a_fault(client, server, around, fault):
    server.script = [fault, fault, fault, fault, FOUND]

    webinar = await client.webinar("101")

    assert webinar == WEBINAR
    assert around.clock.slept == [2.0, 4.0, 8.0, 16.0]
    assert [seconds for _, seconds in around.progress.waits] == [2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Cut(), "the connection was lost"),
        (Reply(status=503), "it answers with status 503"),
        (
            Reply(headers={"Content-Encoding": "gzip"}, body=b"no gzip"),
            "its answer can't be unpacked",
        ),
    ],
)
async def test_a_question_that_is_never_answered_is_left_for_later(client, server, fault, reason):
    server.script = [fault] * 9

    with pytest.raises(TryLater) as raised:
        await client.webinar("101")

    assert raised.value.message == f"RingCentral (127.0.0.1) is away: {reason}."
    assert len(server.calls) == 5


async def test_a_question_that_is_not_answered_in_time_is_asked_again(server, around):
    server.script = [Mute(), FOUND]

    async with around.client(server.url, timeout=0.2) as client:
        webinar = await client.webinar("101")

    assert webinar == WEBINAR
    assert around.progress.waits == [("RingCentral is away: it does not answer in time", 2.0)]


LARGE = Reply(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b" " * (MAX_UNPACKED + 1)))


async def test_a_question_whose_answer_is_too_large_is_not_asked_again(client, server):
    server.script = [LARGE, FOUND]

    with pytest.raises(
        Refused, match=r"can't be asked: its answer is larger than 64 MB, once unpacked"
    ):
        await client.webinar("101")

    assert len(server.calls) == 1


async def test_a_change_whose_answer_is_too_large_is_looked_up(client, server):
    server.script = [LARGE, Reply({"records": [on_wire(host()), on_wire(record(1))]})]

    applied = await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert applied.registrations == (host(), record(1))
    assert [call.method for call in server.calls] == ["PATCH", "GET"]


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b'{"errors": 1, "errors": 2}', b'{"errorCode": 1e400}', b"\xff"]
)
async def test_a_refusal_that_can_not_be_read_speaks_by_its_status(client, server, content):
    server.script = [Reply(status=418, body=content)]

    with pytest.raises(Refused, match="status 418"):
        await client.webinar("101")


async def test_a_change_that_a_signal_cuts_off_may_have_arrived_and_is_left_to_the_next_run(
    server, around
):
    server.script = [Mute()]
    stop = asyncio.Event()
    async with around.client(server.url, timeout=600, stop=stop) as client:
        changing = asyncio.create_task(
            client.apply(key(server.url), Change(add=(guest(1),)), (host(),))
        )
        await server.muted.wait()
        stop.set()
        with pytest.raises(Interrupted):
            await changing

    assert [call.method for call in server.calls] == ["PATCH"]
    assert around.clock.slept == []


@pytest.mark.parametrize("lifetime", ["NaN", "1e400"])
async def test_a_log_in_whose_lifetime_is_no_number_is_told(client, server, lifetime):
    server.logins = [Reply(body=f'{{"access_token": "hush", "expires_in": {lifetime}}}'.encode())]

    with pytest.raises(
        Refused, match="answer to the call for a log-in is not what it used to be"
    ) as raised:
        await client.webinar("101")

    assert "hush" not in str(raised.value)


async def test_a_token_is_believed_for_a_day_at_the_most(client, server, around):
    server.logins = [token("first", 1e18), token("second")]
    server.script = [FOUND, FOUND]

    await client.webinar("101")
    around.clock.now += timedelta(days=1)
    await client.webinar("101")

    assert bearers(server) == ["first", "second"]


async def test_a_server_that_says_when_to_come_back_is_given_that_time(client, server, around):
    server.script = [Reply(status=503, headers={"Retry-After": "40"}), FOUND]

    await client.webinar("101")

    assert around.clock.slept == [40.0]


async def test_a_server_that_is_away_for_long_is_not_waited_for(client, server, around):
    server.script = [Reply(status=503, headers={"Retry-After": "3600"})]
    until = format_machine_time(around.clock.now + timedelta(hours=1))

    with pytest.raises(TryLater, match=f"It asks to be left alone until {until}"):
        await client.webinar("101")

    assert around.clock.slept == []


@pytest.mark.parametrize("asked", ["1e18", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_server_that_is_away_for_ever_is_left_for_later(client, server, asked):
    server.script = [Reply(status=503, headers={"Retry-After": asked})]

    with pytest.raises(TryLater, match="It asks to be left alone until"):
        await client.webinar("101")


async def test_a_server_that_is_not_there_is_left_for_later(around):
    async with scripted() as gone:
        url = gone.url

    async with around.client(url) as client:
        with pytest.raises(
            TryLater, match=r"RingCentral \(127.0.0.1\) is away: no connection can be made\."
        ):
            await client.webinar("101")

    assert around.clock.slept == [2.0, 4.0, 8.0, 16.0]


async def test_a_change_that_never_left_is_sent_again_without_listing(around):
    async with scripted() as server:
        server.script = [Reply(FOUND.json, headers={"Connection": "close"})]
        client = around.client(server.url)
        await client.webinar("101")

    async with client:
        with pytest.raises(TryLater, match="no connection can be made"):
            await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert client.calls == {"Auth": 1, "Heavy": 6}
    assert len(server.calls) == 1


async def test_a_server_that_can_not_prove_who_it_is_gets_no_credentials(around):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async with scripted(context) as server, around.client(server.url) as client:
        with pytest.raises(Refused, match="can't prove that it is RingCentral"):
            await client.webinar("101")

        assert server.requests == []
    assert around.clock.slept == []


async def test_a_simulator_on_this_machine_is_not_looked_for_behind_a_proxy(
    server, around, monkeypatch
):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.script = [FOUND]

    async with around.client(server.url) as client:
        webinar = await client.webinar("101")

    assert webinar == WEBINAR


async def test_a_token_is_asked_for_with_the_jwt(client, server):
    server.script = [FOUND]

    await client.webinar("101")

    login, call = server.requests
    assert (login.method, login.path) == ("POST", "/restapi/oauth/token")
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"
    assert login.headers["authorization"] == "Basic YXBwOmFwcC1zZWNyZXQ="
    assert login.form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": "user-jwt",
    }
    assert call.headers["authorization"] == "Bearer token-1"


def token(name, seconds=7200):
    return Reply({"access_token": name, "expires_in": seconds})


def bearers(server):
    return [call.headers["authorization"].removeprefix("Bearer ") for call in server.calls]


@pytest.mark.parametrize(("after", "used"), [(7139, "first"), (7140, "second")])
async def test_a_token_is_used_until_shortly_before_its_end(client, server, around, after, used):
    server.logins = [token("first"), token("second")]
    server.script = [FOUND, FOUND]

    await client.webinar("101")
    around.clock.now += timedelta(seconds=after)
    await client.webinar("101")

    assert bearers(server) == ["first", used]


async def test_a_short_lived_token_is_used_for_most_of_its_life(client, server, around):
    server.logins = [token("first", 10), token("second", 10)]
    server.script = [FOUND, FOUND, FOUND]

    await client.webinar("101")
    around.clock.now += timedelta(seconds=8)
    await client.webinar("101")
    around.clock.now += timedelta(seconds=1)
    await client.webinar("101")

    assert bearers(server) == ["first", "first", "second"]


async def test_many_tasks_log_in_once(client, server):
    server.script = [FOUND] * 5

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(client.webinar, "101")

    assert client.calls == {"Auth": 1, "Heavy": 5}


@pytest.mark.parametrize("body", [{"errors": [{"errorCode": "OAU-129", "message": "Gone."}]}, None])
async def test_a_revoked_token_is_renewed_once(client, server, body):
    server.logins = [token("first"), token("second")]
    server.script = [Reply(body, 401), FOUND]

    webinar = await client.webinar("101")

    assert webinar == WEBINAR
    assert bearers(server) == ["first", "second"]


async def test_a_change_with_a_revoked_token_is_sent_again_without_listing(client, server):
    server.logins = [token("first"), token("second")]
    server.script = [
        Reply({"errors": [{"errorCode": "OAU-128"}]}, 401),
        Reply({"addedInvitees": [on_wire(record(1))]}),
    ]

    applied = await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert applied.registrations == (host(), record(1))
    assert [call.method for call in server.calls] == ["PATCH", "PATCH"]


async def test_many_tasks_with_a_revoked_token_renew_it_once(client, server):
    server.logins = [token("first"), token("second")]
    server.script = [FOUND, *[Reply(status=401)] * 3, *[FOUND] * 3]
    await client.webinar("101")

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(client.webinar, "101")

    assert client.calls["Auth"] == 2


async def test_a_server_that_accepts_none_of_its_tokens_stops_the_run(client, server):
    server.script = [Reply({"errors": [{"errorCode": "OAU-129"}]}, 401)] * 9

    with pytest.raises(Refused, match="does not accept its own access token"):
        await client.webinar("101")

    assert client.calls == {"Auth": 2, "Heavy": 2}


async def test_a_401_that_is_not_about_the_token_renews_nothing(client, server):
    server.script = [Reply({"errors": [{"errorCode": "CMN-401"}]}, 401)]

    with pytest.raises(Refused, match="lacks the permission ReadWebinars"):
        await client.webinar("101")

    assert client.calls == {"Auth": 1, "Heavy": 1}


@pytest.mark.parametrize("status", [400, 401])
async def test_wrong_credentials_are_final(client, server, status):
    server.logins = [
        Reply({"error": "invalid_grant", "errors": [{"errorCode": "OAU-140"}]}, status)
    ]

    with pytest.raises(Refused) as raised:
        await client.webinar("101")

    assert raised.value.message == "RingCentral refuses the log-in (OAU-140)."
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "slept"),
    [
        (Reply(status=500), [2.0]),
        (Reply(status=408), [2.0]),
        (Cut(), [2.0]),
        (Reply(status=503, headers={"Retry-After": "9"}), [9.0]),
        (Reply(status=429, headers={"Retry-After": "9"}), []),
    ],
)
async def test_a_log_in_that_fails_for_now_is_made_again(client, server, around, fault, slept):
    server.logins = [fault, token("first")]
    server.script = [FOUND]

    await client.webinar("101")

    assert around.clock.slept == slept
    assert around.gate.entered == ["Auth", "Auth", "Heavy"]


@pytest.mark.parametrize(
    "answer",
    [
        {"expires_in": 7200},
        {"access_token": "", "expires_in": 7200},
        {"access_token": None},
        {"access_token": {"hush": 1}},
        *({"access_token": token} for token in ("hush hush", "hush\r\nX: y", "h\u00fcsh")),
    ],
)
async def test_a_log_in_that_gives_no_token_is_told_by_field(client, server, answer):
    server.logins = [Reply(answer)]

    with pytest.raises(
        Refused, match="answer to the call for a log-in is not what it used to be"
    ) as raised:
        await client.webinar("101")

    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("seconds", [None, "soon", -1, 0, 1e300, {"in": 7200}])
async def test_a_token_of_odd_or_no_life_is_used_for_an_hour(client, server, around, seconds):
    server.logins = [token("first", seconds), token("second")]
    server.script = [FOUND] * 3

    for minutes in (0, 58, 2):
        around.clock.now += timedelta(minutes=minutes)
        await client.webinar("101")

    assert [call.headers["authorization"] for call in server.calls] == [
        "Bearer first",
        "Bearer first",
        "Bearer second",
    ]


async def test_a_log_in_that_names_no_permissions_is_a_log_in(client, server):
    server.logins = [Reply({"access_token": "token", "expires_in": 7200, "scope": None})]

    assert await client.permissions() == frozenset()


async def test_a_dated_retry_after_counts_from_the_clock_that_was_passed_in(client, server, around):
    around.clock.now = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
    server.script = [
        Reply(status=503, headers={"Retry-After": "Tue, 01 Sep 2026 08:00:33 GMT"}),
        FOUND,
    ]

    await client.webinar("101")

    assert around.clock.slept == [33.0]
