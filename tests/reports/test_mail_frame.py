"""A message's HTML in a frame: nothing is loaded, nothing leads away, pictures are named boxes."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from onboarding.reports.mail_frame import HEAD, box_for, build_box, build_frame, count_lines


def shown(html: str) -> LexborHTMLParser:
    return LexborHTMLParser(build_frame(html).document)


def test_the_policy_comes_before_anything_that_the_message_says():
    document = build_frame("<!doctype html><html><head><title>Hi</title></head></html>").document

    assert document.startswith(HEAD)
    first = LexborHTMLParser(document).css_first("head").child
    assert first.attributes["http-equiv"] == "Content-Security-Policy"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://img.example/a/logo.png", "img.example/a/logo.png"),
        ("HTTP://img.example/logo.png?to=ada@example.com#x", "img.example/logo.png"),
        ("//img.example/logo.png", "img.example/logo.png"),
        ("logo.png", "logo.png"),
        ("https://[broken/logo.png", "an address that can't be read"),
        ("", "no address"),
    ],
)
def test_a_picture_from_elsewhere_is_a_box_with_its_name(address, name):
    frame = build_frame(f'<img alt="Logo" srcset="https://img.example/2x 2x" src="{address}">')
    picture = LexborHTMLParser(frame.document).css_first("img")

    assert frame.remote_pictures == (name,)
    assert picture.attributes == {"alt": "Logo", "src": build_box(f"Picture from {name}")}


def test_pictures_in_style_sheets_and_backgrounds_are_named():
    frame = build_frame(
        '<table background="https://a.example/wall.png"><td style="background:'
        "url('https://b.example/tile.png?x=1')\"></table>"
        "<style>p { background: URL(//c.example/dot.png) }</style>"
    )

    assert sorted(frame.remote_pictures) == [
        "a.example/wall.png",
        "b.example/tile.png",
        "c.example/dot.png",
    ]


def test_a_picture_inside_the_message_is_a_box_that_a_script_can_find():
    frame = build_frame('<img src="cid:logo@letters" alt="Brightwater">')

    assert frame.remote_pictures == ()
    assert box_for("logo@letters") in frame.document


def test_a_picture_that_the_html_holds_itself_stays():
    address = "data:image/png;base64,AAAA"

    assert shown(f'<img src="{address}">').css_first("img").attributes["src"] == address


@pytest.mark.parametrize(
    "html",
    [
        '<meta http-equiv="refresh" content="0;url=https://away.example">',
        '<base href="https://away.example/">',
        '<link rel="preconnect" href="https://away.example">',
        "<script>alert(1)</script>",
        '<iframe src="https://away.example"></iframe>',
        '<object data="https://away.example"></object>',
        '<embed src="https://away.example">',
        '<video poster="https://away.example/a.png"></video>',
        "<!-- away.example <p>for Outlook</p> -->",
    ],
)
def test_what_leads_elsewhere_is_not_in_the_frame(html):
    document = build_frame(f"<p>Hello</p>{html}").document

    assert "away.example" not in document
    assert "alert" not in document
    assert "<p>Hello</p>" in document


@pytest.mark.parametrize("label", ['"><script>x</script>', "x" * 300, "ä & <b>", "it's"])
def test_a_box_shows_any_label_as_text(label):
    address = build_box(label)

    assert set('"<>& ').isdisjoint(address)
    assert len(address) < 1500


@pytest.mark.parametrize(
    ("text", "lines"), [("", 0), ("a\n\nb", 3), ("x" * 10, 2), ("x" * 9, 1), ("x" * 25, 3)]
)
def test_lines_are_counted_as_they_wrap(text, lines):
    assert count_lines(text, 10) == lines
