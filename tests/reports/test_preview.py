"""The preview: pages over real sockets, in a real browser, and as files."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest
from playwright.sync_api import Frame
from pydantic import SecretStr

from onboarding.errors import ConfigurationError
from onboarding.messages.request import ProtectedValues
from onboarding.messages.settings import BrandSettings
from onboarding.model.deliveries import Message
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee, Role
from onboarding.reports.preview import (
    ALWAYS,
    NEVER,
    ParsedMessage,
    Preview,
    compose_messages,
    message_file,
    parse_for_page,
    person_folder,
    render_frame,
    write_preview,
)
from onboarding.reports.serve import HEADERS, serve_preview
from tests.browser import browser, needs_chromium
from tests.messages.samples import (
    BRAND,
    SHIPPED,
    as_email,
    find_part,
    make_invitee,
    make_request,
    write_templates,
)

pytestmark = pytest.mark.anyio

ANNA = make_invitee()
HOSTILE = make_invitee(
    row=3,
    email="eve@example.com",
    role=Role.COHOST,
    first_name='"><img src=x onerror=1>',
    last_name="",
)
HANA = make_invitee(
    row=4, email="hana@example.com", role=Role.HOST, first_name="花", last_name="山田"
)
LINKS = {
    person.row: f"https://join.example/made-up/{person.row}aa11bb22cc33"
    for person in (ANNA, HOSTILE, HANA)
}
NEAR = httpx.Timeout(20)
KEY = "the-key-of-this-preview"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


def preview(
    folder: Path = SHIPPED,
    people: tuple[Invitee, ...] = (ANNA, HOSTILE),
    brand: BrandSettings = BRAND,
) -> Preview:
    return Preview(
        name="launch",
        people=people,
        names={kind.value: kind.value for kind in Kind},
        scheduled=("reminder",),
        requests={
            (person.row, kind.value): make_request(kind, person, LINKS[person.row], panel=people)
            for person in people
            for kind in Kind
        },
        protected=ProtectedValues.of(
            map(SecretStr, LINKS.values()), [person.email for person in people]
        ),
        folders=(folder,),
        brand=brand,
        notes=("Join links are made up.",),
    )


@pytest.fixture
async def site() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve_preview(preview(), key=KEY) as url,
        httpx.AsyncClient(base_url=url, timeout=NEAR) as client,
    ):
        yield client


def frames(html: str) -> list[str]:
    return re.findall(r"<iframe[^>]*>", html)


async def test_first_page_shows_the_first_persons_invitation_and_links_to_all_others(site):
    page = (await site.get("/")).text
    assert "<h1>Your personal join link: Robots in the warehouse</h1>" in page
    links = re.findall(r'<a href="([^"]+\.page\.html)"', page)
    assert links == [
        *("002-anna-author/invitation.page.html", "003-img-src-x-onerror-1/invitation.page.html"),
        *(f"002-anna-author/{kind}.page.html" for kind in Kind),
    ]


async def test_every_page_and_file_that_a_page_links_to_is_there(site):
    page = await site.get("/003-img-src-x-onerror-1/update.page.html")
    addresses = re.findall(r'<a href="([^"]+)"', page.text)
    answers = [await site.get(str(page.url.join(address))) for address in addresses]
    assert [answer.status_code for answer in answers] == [200] * 10


async def test_page_shows_text_headers_and_calendar(site):
    page = (await site.get("/002-anna-author/update.page.html")).text
    text, calendar, headers = re.findall(r"<pre.*?</pre>", page, re.DOTALL)
    assert "Robots in the warehouse" in text
    assert "BEGIN:VEVENT" in calendar
    assert "<b>Auto-Submitted:</b> auto-generated" in headers


async def test_letters_stand_in_sandboxed_frames_and_a_hostile_name_is_text_in_all_of_them(site):
    page = (await site.get("/003-img-src-x-onerror-1/invitation.page.html")).text
    assert [" sandbox srcdoc=" in frame for frame in frames(page)] == [True] * 4
    outside = re.sub(r'srcdoc="[^"]*"', "", page)
    assert "<img" not in outside
    assert "&lt;img src=x onerror=1&gt;" in outside


async def test_every_answer_forbids_scripts_but_the_pages_own(site):
    for path in ("/", "/nobody/invitation.page.html", "/002-anna-author/invitation.page.html"):
        policy = (await site.get(path)).headers["Content-Security-Policy"]
        assert policy == HEADERS["Content-Security-Policy"]
        assert "script-src 'sha256-" in policy
        assert "default-src 'none'" in policy


async def test_a_letters_own_html_is_sealed(site):
    answer = await site.get("/002-anna-author/invitation.html")
    assert answer.headers["Content-Security-Policy"].endswith("; sandbox")


async def test_another_host_name_is_refused(site):
    answers = [
        await site.get("/", headers={"Host": host})
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost:1")
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 200]


@pytest.mark.parametrize(
    "path",
    [
        "/nobody/invitation.page.html",
        "/002-anna-author/greeting.page.html",
        "/002-anna-author/invitation.exe",
    ],
)
async def test_page_that_does_not_exist_says_so(site, path):
    answer = await site.get(path)
    assert (answer.status_code, "Traceback" in answer.text) == (404, False)


async def test_page_listens_on_loopback_only_and_its_address_holds_the_key():
    async with serve_preview(preview(), key=KEY) as url:
        assert re.fullmatch(rf"http://127\.0\.0\.1:\d+/{KEY}/", url)


@pytest.mark.parametrize(
    "key",
    ["", "/", "the-key", "the-key-of-this-preview2", "THE-KEY-OF-THIS-PREVIEW", "k%C3%A9y", "%00"],
)
async def test_without_the_key_there_is_nothing(key):
    """Other users of this machine reach the port, too."""
    async with (
        serve_preview(preview(), key=KEY) as url,
        httpx.AsyncClient(timeout=NEAR) as stranger,
    ):
        origin = url.removesuffix(f"{KEY}/") + key
        paths = (
            "",
            "/",
            "/changes",
            "/002-anna-author/invitation.page.html",
            "/002-anna-author/invitation.eml",
        )
        answers = [await stranger.get(origin + path, follow_redirects=True) for path in paths]
    assert [answer.status_code for answer in answers] == [404] * len(paths)
    assert [answer.text for answer in answers if "Anna" in answer.text or KEY in answer.text] == []


async def test_no_page_says_its_key_to_another_place(site):
    page = await site.get("/002-anna-author/invitation.page.html")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in page.headers
    assert KEY not in page.text


async def test_template_error_is_shown_as_a_sentence_until_it_is_fixed(tmp_path):
    folder = write_templates(tmp_path, words="{{ invitee.naem }}")
    async with (
        serve_preview(preview(folder), key=KEY) as url,
        httpx.AsyncClient(base_url=url, timeout=NEAR) as site,
    ):
        broken = await site.get("/")
        file = await site.get("/002-anna-author/invitation.html")
        write_templates(tmp_path, words="{{ invitee.name }}")
        fixed = await site.get("/")
    assert "invitation.html.j2, line 3" in broken.text
    assert "naem" in broken.text
    assert ("Traceback" in broken.text, frames(broken.text), file.status_code) == (False, [], 404)
    assert len(frames(fixed.text)) == 4


async def test_failing_message_is_explained_and_marked_beside_the_persons_name(tmp_path):
    folder = write_templates(tmp_path, words="{{ invitee.extra['company'] }}")
    people = (replace(ANNA, extra={"company": "Northwind"}), HOSTILE)
    async with (
        serve_preview(preview(folder, people), key=KEY) as url,
        httpx.AsyncClient(base_url=url, timeout=NEAR) as site,
    ):
        good = (await site.get("/")).text
        bad = (await site.get("/003-img-src-x-onerror-1/invitation.page.html")).text
    assert (len(frames(good)), good.count('class="mark"')) == (4, 1)
    assert "would get no invitation" in bad
    assert "company" in bad


async def events(client: httpx.AsyncClient) -> AsyncIterator[str]:
    async with client.stream("GET", "/changes") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line:
                yield line.removeprefix("data: ")


async def test_saved_template_is_announced_and_pages_know_their_version(tmp_path):
    folder = write_templates(tmp_path)
    async with (
        serve_preview(preview(folder), key=KEY) as url,
        httpx.AsyncClient(base_url=url, timeout=NEAR) as site,
    ):
        told = events(site)
        with anyio.fail_after(20):
            first = await anext(told)
            write_templates(tmp_path, words="Good morning")
            second = await anext(told)
        page = (await site.get("/")).text
        await told.aclose()
    assert first != second
    assert f'data-version="{second}"' in page
    assert "Good morning" in page


async def test_leaving_ends_streams_that_are_still_open():
    async with httpx.AsyncClient(timeout=NEAR) as client, asyncio.timeout(20):
        async with serve_preview(preview(), key=KEY) as url:
            client.base_url = url
            told = events(client)
            await anext(told)
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(told)


def letter_in(html: str, **pictures: str) -> ParsedMessage:
    return ParsedMessage(
        headers=(),
        subject="",
        text="",
        html=html,
        calendar="",
        pictures={name.replace("_", "@"): data for name, data in pictures.items()},
        attached={},
        size=0,
    )


DARK = "<style>@media only screen and (Prefers-Color-Scheme:dark) { p { color: #fff } }</style>"


@pytest.mark.parametrize(("dark", "query"), [(True, ALWAYS), (False, NEVER)])
def test_frame_shows_what_the_letter_has_for_dark_mode(dark, query):
    assert f"@media only screen and {query} {{" in render_frame(letter_in(DARK), dark=dark)


def test_frame_leaves_a_letter_without_dark_mode_as_it_is():
    assert render_frame(letter_in("<p>Hi</p>"), dark=True) == render_frame(
        letter_in("<p>Hi</p>"), dark=False
    )


def test_frame_shows_pictures_that_travel_inside_the_letter(tmp_path):
    (tmp_path / "logo.png").write_bytes(PIXEL)
    folder = write_templates(tmp_path, words='<img src="{{ brand.logo }}" alt="x">')
    made = preview(folder, brand=BRAND.model_copy(update={"logo": str(tmp_path / "logo.png")}))
    html = render_frame(
        parse_for_page(compose_messages(made, "invitation").messages[2]), dark=False
    )
    assert 'src="data:image/png;base64,iVBORw0KGgo' in html
    assert "cid:" not in html


@pytest.mark.parametrize(
    ("person", "folder"),
    [
        (ANNA, "002-anna-author"),
        (HANA, "004"),
        (make_invitee(row=1200, first_name="../Ö"), "1200-o-author"),
    ],
)
def test_a_persons_folder_is_a_plain_name(person, folder):
    assert person_folder(person) == folder


def test_files_are_the_parts_of_the_message():
    message = compose_messages(preview(), "invitation").messages[2]
    assert isinstance(message, Message)
    whole = as_email(message)
    assert message_file(message, "eml") == message.body
    for ending, content_type in {
        "html": "text/html",
        "txt": "text/plain",
        "ics": "text/calendar",
    }.items():
        assert message_file(message, ending).decode().replace("\r\n", "\n") == find_part(
            whole, content_type
        )


def test_written_pages_link_to_files_that_are_there_and_run_nothing(tmp_path):
    assert write_preview(preview(), tmp_path) == []
    pages = sorted(tmp_path.rglob("*.html"))
    for page in (
        path for path in pages if path.name == "index.html" or path.name.endswith(".page.html")
    ):
        html = page.read_text()
        assert "<script" not in html
        assert [
            address
            for address in re.findall(r'<a href="([^"]+)"', html)
            if not (page.parent / address).is_file()
        ] == []
    assert (
        len(list(tmp_path.rglob("*.*"))) == 1 + 2 * (4 * 5 - 1) + 1
    )  # index, people x kinds x files, the list


def test_templates_may_lie_in_a_folder_whose_name_is_no_utf8(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9 100%")
    assert (
        write_preview(preview(write_templates(folder, words="Good morning")), folder / "out") == []
    )
    assert "Good morning" in (folder / "out" / "index.html").read_text()


def test_writing_says_whose_letters_fail_and_writes_the_others(tmp_path):
    folder = write_templates(tmp_path / "templates", words="{{ invitee.extra['company'] }}")
    faults = write_preview(
        preview(folder, (replace(ANNA, extra={"company": "Northwind"}), HOSTILE)), tmp_path / "out"
    )
    assert [fault.partition(": ")[0] for fault in faults] == [
        f"{HOSTILE.name}, {kind}" for kind in Kind if kind is not Kind.CANCELLATION
    ]
    assert (tmp_path / "out" / "002-anna-author" / "invitation.eml").is_file()
    assert not (tmp_path / "out" / "003-img-src-x-onerror-1" / "invitation.eml").exists()


def test_writing_into_a_file_is_refused_in_words(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ConfigurationError, match="can't be written"):
        write_preview(preview(), tmp_path / "out")


def test_writing_with_broken_templates_says_what_is_wrong(tmp_path):
    with pytest.raises(ConfigurationError, match="naem"):
        write_preview(
            preview(write_templates(tmp_path, words="{{ invitee.naem }}")), tmp_path / "out"
        )


def background(frame: Frame) -> str:
    return frame.evaluate("getComputedStyle(document.body).backgroundColor")


@needs_chromium
@pytest.mark.parametrize("reader", ["light", "dark"])
def test_frames_are_light_and_dark_whatever_the_reader_prefers(tmp_path, reader):
    write_preview(preview(), tmp_path)
    with browser() as chromium:
        page = chromium.new_page(color_scheme=reader, viewport={"width": 1400, "height": 900})
        page.goto((tmp_path / "index.html").as_uri())
        desktop, phone, dark_desktop, dark_phone = page.frames[1:]
        assert {background(frame) for frame in (desktop, phone)} == {"rgb(238, 241, 245)"}
        assert {background(frame) for frame in (dark_desktop, dark_phone)} == {"rgb(17, 21, 27)"}
        schemes = [
            frame.evaluate("getComputedStyle(document.documentElement).colorScheme")
            for frame in page.frames[1:]
        ]
        assert schemes == ["light", "light", "dark", "dark"]
        widths = [
            frame.evaluate("document.documentElement.clientWidth") for frame in (phone, dark_phone)
        ]
        assert widths == [390, 390]


@needs_chromium
def test_a_letter_in_a_frame_runs_nothing_and_leads_nowhere(tmp_path):
    words = "<script>document.title = 'ran'</script><form action='https://v.example/'><button>go</button></form>"
    folder = write_templates(tmp_path / "templates", words=words)
    write_preview(preview(folder), tmp_path / "out")
    with browser() as chromium:
        page = chromium.new_page()
        page.goto((tmp_path / "out" / "index.html").as_uri())
        frame = page.frames[1]
        frame.locator("a").first.click()
        frame.locator("button").click()
        assert (frame.title(), frame.url, len(page.context.pages)) == ("Welcome", "about:srcdoc", 1)


@needs_chromium
async def test_an_open_page_follows_a_saved_template(tmp_path):
    folder = write_templates(tmp_path)
    for path in ("", "002-anna-author/invitation.page.html"):
        write_templates(tmp_path)
        async with serve_preview(preview(folder), key=KEY) as url:
            await asyncio.to_thread(_edit_while_shown, url + path, tmp_path)


def _edit_while_shown(url: str, folder: Path) -> None:
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(url)
        write_templates(folder, title="Good morning")
        page.get_by_role("heading", name="Good morning").wait_for(timeout=20_000)
