"""Attacks over real sockets: one clear refusal each, nothing leaked, and the console goes on."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from onboarding.cli.terminal import NoProgress
from onboarding.console.access import Access
from onboarding.console.console import MOST_STREAMS
from onboarding.console.forms import LARGEST_FORM, read_form
from onboarding.console.pages import DEFAULT_HEADERS
from onboarding.console.routes import GET, POST, ROUTES, RouteRow
from onboarding.console.streams import format_event, stream_events
from onboarding.web.timed_protocol import LARGEST_HEAD, TimedProtocol
from tests.console.serving import BY, RunningConsole, console_stage, serve_on
from tests.stage import HOST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

SECRET = "https://v.example/j/secret-of-a-person"


async def crash(_request: Request) -> Response:
    raise ValueError(SECRET)


async def take(request: Request) -> Response:
    form = await read_form(request)
    return PlainTextResponse(f"took {len(form)}")


async def take_quickly(request: Request) -> Response:
    return PlainTextResponse(f"took {len(await read_form(request, seconds=0.05))}")


async def large(_request: Request) -> Response:
    return PlainTextResponse("a" * 20_000_000)


CLOSED: list[str] = []


async def events(name: str) -> AsyncGenerator[str, None]:
    try:
        yield format_event("first\nsecond")
        await asyncio.Event().wait()
    finally:
        # A page's own end may have to wait for something.
        await asyncio.to_thread(CLOSED.append, name)


async def stream(request: Request) -> Response:
    return stream_events(request, events(request.query_params.get("name", "")))


ROWS = (
    *ROUTES,
    RouteRow("/crash", crash),
    RouteRow("/take", take, POST),
    RouteRow("/take-quickly", take_quickly, POST),
    RouteRow("/large", large, GET, Access.OPEN),
    RouteRow("/lines", stream),
)


class Impatient(TimedProtocol):
    """The same limits, in a time that a test has."""

    head_seconds = 0.05
    unread_seconds = 0.05


class Recorder(NoProgress):
    """Keeps what the console says on the terminal."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


async def send_raw(served: RunningConsole, request: bytes) -> bytes:
    """Send bytes as they are, and read until the console closes."""
    port = int(served.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def raw(served: RunningConsole, line: str, *fields: str) -> bytes:
    host = served.url.removeprefix("http://")
    head = [line, f"Host: {host}", "Connection: close", *fields]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


async def is_fine(served: RunningConsole) -> bool:
    """Whether the console still answers a person."""
    async with served.client() as browser:
        return (await browser.get("/")).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost", "[::1", "127.0.0.1:80@evil", "<b>"],
)
async def test_another_host_gets_no_page(tmp_path, host):
    async with console_stage(tmp_path, [HOST]) as (_, served, browser):
        refused = await browser.get("/", headers={"Host": host})
        key = served.console.keys.make()
        unused = await browser.get(f"/enter/{key}", headers={"Host": host})

        assert (refused.status_code, unused.status_code) == (421, 421)
        assert BY not in refused.text
        assert "set-cookie" not in unused.headers
        assert served.console.keys.take(key)


async def test_names_of_this_machine_are_its_own(tmp_path):
    async with console_stage(tmp_path, [HOST]) as (_, served, browser):
        port = served.url.rpartition(":")[2]
        codes = [
            (await browser.get("/", headers={"Host": f"{name}:{port}"})).status_code
            for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]")
        ]

    assert codes == [200] * 4


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "OWN", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "OWN", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "OWN", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "OWN"}, 200),
    ],
)
async def test_post_from_another_page_does_nothing(tmp_path, headers, status):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client() as browser,
    ):
        sent = {name: served.url if value == "OWN" else value for name, value in headers.items()}
        answer = await browser.post("/take", data={"a": "1"}, headers=sent)

    assert answer.status_code == status
    assert ("took 1" in answer.text) == (status == 200)


async def test_post_without_any_origin_does_nothing(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_on(scene, rows=ROWS) as served:
        answer = await send_raw(served, raw(served, "POST /log-out HTTP/1.1", "Content-Length: 0"))

    assert answer.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
async def test_other_methods_are_refused(tmp_path, method):
    async with console_stage(tmp_path, [HOST]) as (_, _, browser):
        answer = await browser.request(method, "/")
        wrong = await browser.post("/")

    assert (answer.status_code, wrong.status_code) == (405, 405)
    assert "can&#39;t be done" in answer.text


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"a=1", "application/x-www-form-urlencoded", 200),
        (b"a=1", "application/x-www-form-urlencoded; charset=utf-8", 200),
        (b"{}", "application/json", 415),
        (b"a=1", "multipart/form-data; boundary=b", 415),
        (b"a=1", "text/plain", 415),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=1"] * 500), "application/x-www-form-urlencoded", 400),
        (b"a" * (LARGEST_FORM + 1), "application/x-www-form-urlencoded", 413),
    ],
)
async def test_form_is_small_and_plain(tmp_path, content, media_type, status):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client() as browser,
    ):
        answer = await browser.post("/take", content=content, headers={"Content-Type": media_type})
        assert answer.status_code == status
        assert await is_fine(served)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nbad header\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"POST /take HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /take HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\n\r\n",
        b"POST /take HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nCookie: "
        + b"a" * (2 * LARGEST_HEAD)
        + b"\r\n\r\n",
    ],
    ids=range(12),
)
async def test_malformed_request_is_refused_at_once(tmp_path, request_bytes, capfd):
    said = Recorder()
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS, progress=said) as served,
    ):
        host = served.url.removeprefix("http://").encode()
        answer = await send_raw(served, request_bytes.replace(b"HOST", host))

        assert int(answer.split()[1]) in {400, 421, 431, 501}
        assert b"Traceback" not in answer
        assert await is_fine(served)
    assert said.lines == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/assets/../console.py",
        "/assets/x/..%2f..%2fapp.py",
        "/assets/x/%2e%2e/%2e%2e/app.py",
        "/assets/x/console.py",
        "/webinars/..%2f..%2fconfig.toml",
        "/%00",
        "/%ff",
        "//evil.example/",
        "/console.css%00.html",
        "http://evil.example/",
        "*",
    ],
)
async def test_path_leads_only_to_pages(tmp_path, path):
    async with stage(tmp_path, [HOST]) as scene, serve_on(scene) as served:
        token = served.client().cookies[served.cookie_name]
        cookie = f"Cookie: {served.cookie_name}={token}"
        answer = await send_raw(served, raw(served, f"GET {path} HTTP/1.1", cookie))

        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"location" not in answer.lower()
        assert await is_fine(served)


async def test_slow_head_ends_by_itself(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, protocol=Impatient) as served,
    ):
        silent = await send_raw(served, b"")
        begun = await send_raw(served, b"GET / HTTP/1.1\r\nHost: ")

        assert (silent, begun) == (b"", b"")


async def test_drops_now_and_then_do_not_keep_a_head_open(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, protocol=Impatient) as served,
    ):
        port = int(served.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ended = asyncio.ensure_future(reader.read())
        drops = 0
        while not ended.done():
            writer.write(b"X: y\r\n" if drops else b"GET / HTTP/1.1\r\n")
            drops += 1
            await asyncio.wait([ended], timeout=0.01)
        writer.close()

    assert ended.exception() is not None or ended.result() == b""


async def test_slow_form_is_refused_in_words(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_on(scene, rows=ROWS) as served:
        token = served.client().cookies[served.cookie_name]
        fields = [
            f"Cookie: {served.cookie_name}={token}",
            f"Origin: {served.url}",
            "Content-Type: application/x-www-form-urlencoded",
            "Content-Length: 100",
        ]
        answer = await send_raw(
            served, raw(served, "POST /take-quickly HTTP/1.1", *fields) + b"a=1"
        )

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"took too long" in answer


async def test_client_that_does_not_read_is_cut_off(tmp_path):
    is_cut_off = asyncio.Event()

    class Watched(Impatient):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            is_cut_off.set()

    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS, protocol=Watched) as served,
    ):
        port = int(served.url.rpartition(":")[2])
        # A small buffer, so that the kernel does not take all of it for us.
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(raw(served, "GET /large HTTP/1.1"))
        # The reader stops the socket when its buffer is full, and nothing takes from it.
        await is_cut_off.wait()
        received = await read_what_is_left(reader)
        writer.close()

        assert received < 20_000_000
        assert await is_fine(served)


async def read_what_is_left(reader: asyncio.StreamReader) -> int:
    total = 0
    try:
        while part := await reader.read(65536):
            total += len(part)
    except ConnectionError:
        return total
    return total


async def test_hundred_streams_at_once_and_the_next_is_refused_in_words(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client() as browser,
        AsyncExitStack() as stack,
    ):
        browser.timeout = 60
        clients = [await stack.enter_async_context(served.client()) for _ in range(10)]
        for number in range(MOST_STREAMS):
            opened = await stack.enter_async_context(clients[number % 10].stream("GET", "/lines"))
            assert opened.status_code == 200
        refused = await browser.get("/lines")
        page = await browser.get("/")

        assert (refused.status_code, page.status_code) == (503, 200)
        assert "Too many pages are open" in refused.text
        assert served.console.streams.open == MOST_STREAMS


async def test_stream_gives_its_place_back(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client() as browser,
    ):
        async with browser.stream("GET", "/lines?name=left") as opened:
            lines = opened.aiter_lines()
            first = [await anext(lines) for _ in range(4)]
            assert served.console.streams.open == 1
        while served.console.streams.open:
            await browser.get("/log-in")

    assert first == ["event: message", "data: first", "data: second", ""]
    assert "left" in CLOSED


async def test_stream_ends_when_the_person_has_logged_out(tmp_path):
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def feed() -> AsyncGenerator[str, None]:
        while True:
            yield format_event(await queue.get())

    async def show_feed(request: Request) -> Response:
        return stream_events(request, feed())

    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=(*ROUTES, RouteRow("/feed", show_feed))) as served,
        served.client() as browser,
        browser.stream("GET", "/feed") as opened,
    ):
        lines = opened.aiter_lines()
        queue.put_nowait("before")
        before = [await anext(lines) for _ in range(3)]
        served.console.log_ins.end(browser.cookies[served.cookie_name])
        queue.put_nowait("after")
        after = [line async for line in lines]

    assert before == ["event: message", "data: before", ""]
    assert after == ["event: end", "data: ", ""]


async def test_error_in_a_page_is_reported_by_its_place_only(tmp_path, capfd):
    said = Recorder()
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS, progress=said) as served,
        served.client() as browser,
    ):
        failed = await browser.get("/crash")
        assert await is_fine(served)

    (line,) = said.lines
    assert failed.status_code == 500
    assert "ValueError" in line
    for text in (failed.text, line, *capfd.readouterr()):
        assert SECRET not in text
        assert "Traceback" not in text


@pytest.mark.parametrize("path", ["/", "/log-in", "/enter/no", "/no", "/crash", "/assets/x/y"])
@pytest.mark.parametrize("is_stranger", [True, False])
async def test_every_answer_has_the_headers_that_protect_it(tmp_path, path, is_stranger):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client(*([None] if is_stranger else [])) as browser,
    ):
        headers = (await browser.get(path)).headers

    assert {name: headers[name] for name in DEFAULT_HEADERS} == dict(DEFAULT_HEADERS)
    assert "server" not in headers


async def test_console_leaves_nothing_open(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        stop = asyncio.Event()
        async with (
            serve_on(scene, rows=ROWS, stop=stop) as served,
            served.client() as browser,
            browser.stream("GET", "/lines") as opened,
        ):
            reading = asyncio.ensure_future(opened.aread())
            stop.set()
            text = (await reading).decode()
        gc.collect()

    assert text.endswith("event: end\ndata: \n\n")


async def test_run_beside_the_attacks_is_undisturbed(tmp_path):
    people = [panelist(number) for number in range(12)]
    async with (
        stage(tmp_path, people, limits=ROOMY) as scene,
        serve_on(scene, rows=ROWS) as served,
        served.client(None) as stranger,
        served.client() as person,
    ):
        running = asyncio.ensure_future(scene.run())
        attacks = 0
        while not running.done():
            await send_raw(served, b"nonsense\r\n\r\n")
            await stranger.get("/", headers={"Host": "evil.example"})
            await stranger.post("/log-out", headers={"Origin": "https://evil.example"})
            await stranger.post("/log-in", data={"name": "dana", "password": "guess"})
            await person.get("/crash")
            attacks += 1
        result = await running
        states = await scene.states()

    assert attacks > 0
    assert result.exit_code == 0
    assert set(states.values()) == {"sent"}
    assert scene.recipients() == sorted(one["email"] for one in people)
