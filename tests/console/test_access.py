"""Who may see and do what: names and passwords, roles, webinars, and the end of a log-in."""

import asyncio
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from argon2 import PasswordHasher
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from onboarding.config.console import ConsoleRole
from onboarding.console.access import ASK_AN_APPROVER, Access, require_approver
from onboarding.console.log_in import LOGGED_OUT, local_path
from onboarding.console.log_ins import LOG_IN_LASTS, MOST_LOG_INS, KeyRing, LogInStore
from onboarding.console.passwords import (
    LONGEST_PASSWORD,
    MOST_WAITING,
    AttemptLimit,
    PasswordChecker,
    hash_password,
    is_password_hash,
)
from onboarding.console.routes import GET, POST, ROUTES, RouteRow
from tests.clock import Clock
from tests.console.serving import Viewer, serve_on
from tests.stage import HOST, NAME, stage

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery staple"
USERS = {
    "dana": {"role": "approver", "password_hash": hash_password(PASSWORD)},
    "lee": {"role": "viewer", "password_hash": hash_password("another"), "webinars": [NAME]},
}


async def done(request: Request) -> Response:
    return PlainTextResponse(f"done by {require_approver(request).name}")


ROWS = (
    *ROUTES,
    RouteRow("/webinars/{webinar}/act", done, POST, Access.APPROVER),
    RouteRow("/webinars/{webinar}/look", done, GET, Access.APPROVER),
)


def form(name: str, password: str, to: str = "") -> dict[str, str]:
    return {"name": name, "password": password, "to": to}


async def test_user_logs_in_by_password_and_comes_back_to_the_page(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, settings={"users": USERS}) as served,
        served.client(None) as browser,
    ):
        asked = await browser.get("/?page=2")
        shown = await browser.get(asked.headers["location"])
        entered = await browser.post("/log-in", data=form(" Dana ", PASSWORD, "/?page=2"))
        page = await browser.get(entered.headers["location"])
        again = await browser.get("/log-in")

    assert 'value="/?page=2"' in shown.text
    assert (entered.status_code, entered.headers["location"]) == (303, "/?page=2")
    assert "dana" in page.text
    assert "approver" in page.text
    assert (again.status_code, again.headers["location"]) == (303, "/")


async def test_wrong_password_and_unknown_name_get_the_same_answer(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, settings={"users": USERS}) as served,
        served.client(None) as browser,
    ):
        wrong = await browser.post("/log-in", data=form("dana", "not it"))
        unknown = await browser.post("/log-in", data=form("kurt", "not it"))

    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert wrong.text.replace("dana", "kurt") == unknown.text
    assert "Name or password is not right." in wrong.text
    assert "not it" not in wrong.text
    assert "set-cookie" not in wrong.headers


async def test_sixth_log_in_of_a_minute_is_refused_even_with_the_right_password(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, settings={"users": USERS}) as served,
        served.client(None) as browser,
    ):
        guesses = [await browser.post("/log-in", data=form("dana", str(n))) for n in range(5)]
        sixth = await browser.post("/log-in", data=form("dana", PASSWORD))
        scene.clock.pass_time(minutes=1)
        later = await browser.post("/log-in", data=form("dana", PASSWORD))

    assert [answer.status_code for answer in guesses] == [403] * 5
    assert (sixth.status_code, later.status_code) == (429, 303)
    assert "Wait a minute" in sixth.text


@pytest.mark.parametrize(
    ("proxies", "codes"),
    [([], [403] * 5 + [429]), (["127.0.0.1"], [403] * 6)],
)
async def test_only_a_configured_proxy_says_where_a_client_is(tmp_path, proxies, codes):
    settings = {"users": USERS, "forwarded_from": proxies}
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, settings=settings) as served,
        served.client(None) as browser,
    ):
        answers = [
            await browser.post(
                "/log-in",
                data=form("dana", "no"),
                headers={"X-Forwarded-For": f"192.0.2.{number}"},
            )
            for number in range(6)
        ]

    assert [answer.status_code for answer in answers] == codes


async def test_log_in_ends_after_eight_hours_and_by_log_out(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene) as served,
        served.client() as browser,
        served.client() as other,
    ):
        cookie = f"{served.cookie_name}={other.cookies[served.cookie_name]}"
        scene.clock.pass_time(hours=7, minutes=59)
        before = await browser.get("/")
        left = await other.post("/log-out")
        # With the old cookie: the server has forgotten it, not only the browser.
        gone = await other.get("/", headers={"Cookie": cookie})
        scene.clock.pass_time(minutes=1)
        after = await browser.get("/")

    assert (before.status_code, after.status_code) == (200, 303)
    assert (left.status_code, left.headers["location"]) == (303, "/log-in")
    assert gone.headers["location"] == "/log-in?to=/"


@pytest.mark.parametrize(
    ("role", "webinars", "path", "status"),
    [
        (ConsoleRole.APPROVER, (), NAME, 200),
        (ConsoleRole.APPROVER, (NAME,), NAME, 200),
        (ConsoleRole.APPROVER, ("launch2",), NAME, 404),
        (ConsoleRole.APPROVER, (), "no-such", 404),
        (ConsoleRole.VIEWER, (), NAME, 403),
        (ConsoleRole.VIEWER, (NAME,), NAME, 403),
        (None, (), NAME, 401),
    ],
)
async def test_only_an_approver_of_the_webinar_may_act(tmp_path, role, webinars, path, status):
    async with (
        stage(tmp_path, [HOST], more=1) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client(role, webinars) as browser,
    ):
        acted = await browser.post(f"/webinars/{path}/act")
        looked = await browser.get(f"/webinars/{path}/look")

    assert acted.status_code == status
    assert looked.status_code == (303 if role is None else status)
    assert ("done by" in acted.text) == (status == 200)


async def test_webinar_of_others_and_unknown_webinar_get_the_same_answer(tmp_path):
    async with (
        stage(tmp_path, [HOST], more=1) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client(ConsoleRole.APPROVER, (NAME,)) as browser,
    ):
        others = await browser.get("/webinars/launch2/look")
        unknown = await browser.get("/webinars/launch9/look")

    assert others.text == unknown.text
    assert "that you may see" in others.text


async def test_stranger_who_acts_is_told_that_nothing_was_done(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS, settings={"users": USERS}) as served,
        served.client(None) as browser,
    ):
        refused = await browser.post(f"/webinars/{NAME}/act")

    assert refused.status_code == 401
    assert "nothing was done" in refused.text
    assert f'value="/webinars/{NAME}"' in refused.text


async def test_script_that_asks_for_text_gets_the_words_alone(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client(None) as stranger,
        served.client(ConsoleRole.VIEWER) as viewer,
    ):
        path, headers = f"/webinars/{NAME}/act", {"Accept": "text/plain"}
        refused = await stranger.post(path, headers=headers)
        forbidden = await viewer.post(path, headers=headers)

    assert (refused.status_code, refused.text) == (401, LOGGED_OUT)
    assert (forbidden.status_code, forbidden.text) == (403, ASK_AN_APPROVER)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/", "/"),
        ("/webinars/launch?page=2", "/webinars/launch?page=2"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/log-in", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("/" + "a" * 500, "/"),
    ],
)
def test_only_a_path_of_this_console_is_come_back_to(given, path):
    assert local_path(given) == path


@given(
    st.text(max_size=40), st.sampled_from(["", "/", "//", "/\\", "/.//", "/%2f/", "/@", "https:"])
)
@example("evil.example", "/\t/")
def test_path_to_come_back_to_never_leaves_the_console(text, start):
    came = urljoin("https://console.example/log-in", local_path(start + text))

    assert urlsplit(came)[:2] == ("https", "console.example")


def test_key_works_once_and_only_the_last_one():
    keys = KeyRing()
    first, second = keys.make(), keys.make()

    assert [keys.take(key) for key in ("", first, second, second)] == [False, False, True, False]


def test_log_ins_are_bounded_and_the_oldest_goes_first():
    store = LogInStore(Clock().now)
    viewer = Viewer("Dana", ConsoleRole.VIEWER)
    tokens = [store.add(viewer) for _ in range(MOST_LOG_INS + 1)]

    assert [store.find(token) for token in (tokens[0], tokens[1], tokens[-1])] == [
        None,
        viewer,
        viewer,
    ]


def test_log_in_that_is_over_is_none():
    clock = Clock()
    store = LogInStore(clock.now)
    token = store.add(Viewer("Dana", ConsoleRole.VIEWER))
    clock.time += LOG_IN_LASTS - timedelta(seconds=1)
    before = store.find(token)
    clock.time += timedelta(seconds=1)

    assert (before is None, store.find(token)) == (False, None)


@pytest.mark.parametrize(
    ("addresses", "may_try"),
    [
        (["192.0.2.1"] * 6, [True] * 5 + [False]),
        (["192.0.2.1"] * 5 + ["192.0.2.2"], [True] * 6),
        ([f"2001:db8::{number}" for number in range(6)], [True] * 5 + [False]),
        ([f"2001:db8:0:{number}::1" for number in range(6)], [True] * 6),
        (["nonsense"] * 3 + [""] * 3, [True] * 5 + [False]),
    ],
)
def test_attempts_count_by_address_and_of_ipv6_by_network(addresses, may_try):
    limit = AttemptLimit(Clock().now)

    assert [limit.take(address) for address in addresses] == may_try


async def test_password_is_the_same_however_its_letters_are_composed():
    checker = PasswordChecker()
    composed, decomposed = "Gr\u00fc\u00dfe an alle", "Gru\u0308\u00dfe an alle"

    assert await checker.verify(decomposed, hash_password(composed))
    assert not await checker.verify("Gr\u00fcsse an alle", hash_password(composed))
    assert not await checker.verify("", None)
    assert not await checker.verify("a" * (LONGEST_PASSWORD + 1), hash_password(composed))


async def test_only_so_many_log_ins_wait_for_their_comparison():
    checker = PasswordChecker()
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
    tries = [checker.verify("guess", cheap) for _ in range(MOST_WAITING + 3)]

    ends = await asyncio.gather(*tries, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, HTTPException)]

    assert [error.status_code for error in refused] == [503] * 3
    assert ends.count(False) == MOST_WAITING
    assert await checker.verify("secret", cheap)


@pytest.mark.parametrize(
    ("text", "is_hash"),
    [
        # Its salt is random: as the id of a test it would differ between processes.
        pytest.param(USERS["dana"]["password_hash"], True, id="a hash"),
        ("", False),
        ("secret", False),
        ("$2b$12$abcdefghijklmnopqrstuv", False),
        ("$argon2id$v=19$m=65536,t=3,p=4$", False),
        ("argon2id=19=65536,t=3,p=4", False),
    ],
)
def test_hash_is_recognised(text, is_hash):
    assert is_password_hash(text) == is_hash
