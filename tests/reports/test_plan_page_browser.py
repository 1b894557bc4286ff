"""The plan page in a real browser, from disk: filter, open, print, keys, without script, axe."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from onboarding.model.kinds import Kind
from onboarding.model.reviews import InlinePicture
from onboarding.reports.plan_page import render_plan_page
from tests.browser import browser, find_faults, needs_chromium
from tests.messages.samples import make_invitee
from tests.reports.reviews import CARLOS, FULL, HANNA, JOERG, make_review, plan, render

pytestmark = needs_chromium

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
RED_DOT = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS"
    b"\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00"
    b"\x00\x00IEND\xaeB`\x82"
)
LONG = make_invitee(
    row=9,
    first_name="Wolfeschlegelsteinhausen",
    last_name="Bergerdorff-Schwarzenberg",
    email="wolfeschlegelsteinhausen.bergerdorff-schwarzenberg@a-very-long-name.example.com",
)
REVIEW = replace(FULL, messages=(*FULL.messages, plan(LONG)))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("page"), REVIEW)


def write(folder: Path, review) -> Path:
    path = folder / "review.html"
    path.write_text(render_plan_page(review), encoding="utf-8")
    return path


@pytest.fixture
def opened(chromium, file) -> Iterator[Page]:
    """The page on a desktop; at its end nothing was asked of a network, and nothing has failed."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked, failed = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(error))  # noqa: PLW0108 -- playwright marks it
    page.goto(file.as_uri())
    yield page
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []
    assert failed == []


def shown_names(page: Page) -> list[str]:
    return page.locator("details.message[id]:visible h3").all_inner_texts()


def test_messages_are_closed_at_first_and_open_with_what_they_hold(opened):
    message = opened.locator("#message-3")
    assert not message.locator(".body").is_visible()

    message.locator("summary").click()

    frame = opened.frame_locator("#message-3 iframe")
    assert frame.get_by_text("Guten Tag Jörg Müller").is_visible()
    assert message.locator("pre").inner_text().startswith("Guten Tag Jörg Müller")
    assert message.locator(".calendar").is_visible()


def test_a_long_list_of_changes_is_closed_at_first(chromium, tmp_path):
    changes = tuple(replace(FULL.changes[0], reason=f"reason {n}") for n in range(13))
    page = chromium.new_page()
    page.goto(write(tmp_path, replace(FULL, changes=changes)).as_uri())

    assert not page.get_by_text("reason 12").is_visible()
    page.get_by_text("13 changes").click()
    assert page.get_by_text("reason 12").is_visible()
    page.close()


def test_messages_open_by_keyboard(opened):
    opened.locator("#message-2 summary").focus()

    opened.keyboard.press("Enter")

    assert opened.locator("#message-2 .body").is_visible()
    outline = opened.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_mail_is_shown_whole_at_both_widths(opened):
    opened.locator("#open").click()
    for width, height in SIZES.values():
        opened.set_viewport_size({"width": width, "height": height})
        for name in ("#message-1", "#message-2", "#message-3"):
            frame = opened.locator(f"{name} iframe")
            frame.scroll_into_view_if_needed()
            opened.frame_locator(f"{name} iframe").locator("body > *").last.wait_for()
            inner = frame.element_handle().content_frame()
            content = inner.evaluate("document.documentElement.scrollHeight")
            assert content <= frame.bounding_box()["height"] + 1  # it is rounded


@pytest.mark.parametrize(
    ("fill", "names"),
    [
        ({"text": "ortega"}, ["Carlos Ortega"]),
        ({"text": "JOERG@EXAMPLE.com"}, ["Jörg Müller"]),
        ({"text": "holm  hanna"}, ["Hanna Holm"]),
        ({"role": "CoHost"}, ["Carlos Ortega"]),
        ({"state": "can't be made"}, ["Ada Author"]),
        ({"state": "to be approved", "text": "müller"}, ["Jörg Müller"]),
        ({"role": "Host", "state": "can't be made"}, []),
        ({"kind": "invitation", "role": "Host"}, ["Hanna Holm"]),
    ],
)
def test_messages_are_filtered_and_the_count_is_said(opened, fill, names):
    for name, value in fill.items():
        control = opened.locator(f"[name={name}]")
        if name == "text":
            control.fill(value)
        else:
            control.select_option(label=value)

    assert shown_names(opened) == names
    status = opened.get_by_role("status").first
    assert status.inner_text() == f"{len(names)} of 5 messages shown."

    opened.get_by_role("button", name="Show all").click()
    opened.get_by_text("5 of 5 messages shown.").wait_for()
    assert len(shown_names(opened)) == 5


def test_those_that_are_shown_are_opened_and_closed_together(opened):
    opened.locator("[name=role]").select_option("Panelist")

    opened.get_by_role("button", name="Open these").click()
    assert opened.locator("details.message[id][open]").count() == 3

    opened.get_by_role("button", name="Close these").click()
    assert opened.locator("details.message[id][open]").count() == 0


def test_a_link_to_a_message_opens_it(opened, file):
    opened.goto(f"{file.as_uri()}#message-2")
    opened.reload()

    assert opened.locator("#message-2 .body").is_visible()


def test_printing_opens_all_and_leaves_out_the_controls(opened):
    opened.locator("[name=text]").fill("o")
    opened.emulate_media(media="print")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.locator(".message[id]:visible .body:visible").count() == len(shown_names(opened))
    assert opened.locator(".changes table").is_visible()
    assert not opened.locator("#filter").is_visible()
    assert not opened.locator("#copy").is_visible()

    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.locator(".message[open]").count() == 0
    assert opened.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_print_shows_all_without_the_event_too(opened):
    opened.emulate_media(media="print")

    assert opened.locator("#message-1 pre").is_visible()


def test_without_script_everything_is_there(chromium, file):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())

    assert page.locator("details.message[open]").count() == page.locator("details.message").count()
    assert len(shown_names(page)) == 5
    assert page.locator("#message-1 pre").is_visible()
    assert page.frame_locator("#message-1 iframe").get_by_text("Hello Hanna").first.is_visible()
    assert page.locator("#command").is_visible()
    assert not page.locator("#filter, #copy").first.is_visible()
    context.close()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_nothing_is_cut_off(opened, size):
    opened.set_viewport_size({"width": size[0], "height": size[1]})
    opened.locator("#open").click()

    assert opened.evaluate("document.documentElement.scrollWidth") == size[0]
    wide = """() => [...document.querySelectorAll("main *")]
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
        .map((element) => element.outerHTML.slice(0, 80))"""
    assert opened.evaluate(wide) == []


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(opened, scheme, size):
    opened.emulate_media(color_scheme=scheme)
    opened.set_viewport_size({"width": size[0], "height": size[1]})
    opened.locator("#message-2 summary").click()
    opened.locator(".conditional summary").first.click()

    assert find_faults(opened) == []


def test_the_command_is_copied_or_selected(opened):
    opened.locator("#copy").click()
    opened.locator("#copied", has_text="op").wait_for()

    assert opened.locator("#copied").inner_text() in {
        "Copied.",
        "Selected: copy it with your keyboard.",
    }
    selected = opened.evaluate("getSelection().toString()")
    assert selected == opened.locator("#command").inner_text()


def test_a_picture_inside_the_message_is_shown_in_its_frame(chromium, tmp_path):
    html = '<p>Hello</p><img src="cid:logo@letters" alt="Brightwater">'
    messages = [
        plan(person, shown=replace(render(person, Kind.INVITATION), html=html))
        for person in (HANNA, CARLOS)
    ]
    review = make_review(messages, pictures=(InlinePicture("logo@letters", "image/png", RED_DOT),))
    page = chromium.new_page()
    page.goto(write(tmp_path, review).as_uri())
    page.locator("#message-1 summary").click()

    picture = page.frame_locator("#message-1 iframe").locator("img[src^='data:image/png;base64,']")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") == 1
    page.close()


HOSTILE_MAIL = """
<style>:not(#away, body, html) {{ display: none !important }}
body {{ background: url({away}/background) }} @import url({away}/import);</style>
<script>parent.document.title = "broken out"</script>
<img src=x onerror="parent.document.title = 'broken out'">
<svg onload="parent.document.title = 'broken out'"><image href="{away}/svg"></image></svg>
<meta http-equiv="refresh" content="0;url={away}/refresh">
<a id="away" style="display: block !important; position: fixed; inset: 0" target="_top"
 href="{away}/link">x</a>
<form action="{away}/form"><button>x</button></form><img src="{away}/picture">
<iframe src="{away}/frame"></iframe><link rel="stylesheet" href="{away}/sheet">
</iframe></div></details><h1>x</h1>"""


@pytest.fixture
def away() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine: its URL, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_hostile_mail_html_neither_breaks_out_nor_asks_a_network(chromium, tmp_path, away):
    url, asked = away
    html = HOSTILE_MAIL.format(away=url)
    shown = replace(render(JOERG, Kind.INVITATION), html=html)
    file = write(tmp_path, make_review((plan(JOERG, shown=shown),)))
    page = chromium.new_page()
    popups = []
    page.on("popup", lambda popup: popups.append(popup))  # noqa: PLW0108 -- playwright marks it
    page.goto(file.as_uri())
    title = page.title()

    link = page.frame_locator("#message-1 iframe").locator("#away")
    link.wait_for()
    link.click()
    page.wait_for_load_state("networkidle")

    assert (page.title(), page.url) == (title, file.as_uri())
    assert popups == []
    assert page.locator("h1").count() == 1
    assert page.locator("h2").first.is_visible()
    # The last request shows that the browser could have reached the server all the time.
    with page.expect_response(f"{url}/last"):
        page.evaluate("url => { location.href = url }", f"{url}/last")
    assert asked == ["/last"]
    page.close()
