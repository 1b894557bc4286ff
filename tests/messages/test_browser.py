"""Messages in a real browser: where the button leads, the width of a phone, the dark mode."""

from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from itertools import product

import pytest
from playwright.sync_api import Browser, Page
from pydantic import SecretStr

from onboarding.messages.lint import CONTRAST
from onboarding.messages.request import ProtectedValues
from onboarding.messages.templates import TemplateSet
from onboarding.model.kinds import RULES, Kind
from onboarding.model.people import Role
from onboarding.model.sessions import Facts
from tests.browser import browser, needs_chromium
from tests.messages.samples import (
    OTHER,
    SESSION,
    as_email,
    compose,
    find_part,
    make_invitee,
    make_request,
)

pytestmark = needs_chromium

LETTERS = list(product(Kind, Role, ("en", "de")))
JOINING = [given for given in LETTERS if given[0] is not Kind.CANCELLATION]
WITH_CALENDAR = [given for given in JOINING if RULES[given[0]].has_calendar]
DESKTOP, PHONE = 1000, 390
"""Widths in pixels."""

LONG = {"first_name": "Wolfeschlegelsteinhausen", "last_name": "Bergerdorff-Schwarzenberg"}
BEFORE = Facts("earlier", Role.PANELIST, SESSION.start.replace(hour=9), SESSION.duration)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(color_scheme="light")
    yield page
    page.close()


@pytest.fixture(scope="module")
def dark_page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(color_scheme="dark")
    yield page
    page.close()


def link_of(kind: Kind, role: Role, language: str) -> str:
    """Each letter's own, as long as RingCentral's are."""
    return f"https://v.example/w/join/{kind}-{role}-{language}-{'0a1b2c3d' * 6}".lower()


def message(template_set: TemplateSet, kind: Kind, role: Role, language: str) -> EmailMessage:
    """A letter with everything in it, long names too."""
    person = make_invitee(
        role=role, language=language, time_zone="America/Argentina/ComodRivadavia", **LONG
    )
    link = link_of(kind, role, language)
    made = make_request(
        kind, person, link, previous=BEFORE, panel=(person, replace(OTHER, job_title="x" * 64))
    )
    guarded = ProtectedValues.of([SecretStr(link)], [person.email, OTHER.email])
    return as_email(compose(template_set, made, guarded))


def show(page: Page, composed: EmailMessage, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(find_part(composed, "text/html"))


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize(("kind", "role", "language"), JOINING)
def test_button_leads_to_the_persons_own_link(template_set, page, kind, role, language, width):
    show(page, message(template_set, kind, role, language), width)
    button = page.locator(".button a")
    assert button.count() == 1
    assert button.is_visible()
    assert button.evaluate("one => one.href") == link_of(kind, role, language)


@pytest.mark.parametrize(("kind", "role", "language"), LETTERS)
def test_no_other_link_of_a_letter_joins_anything(template_set, page, kind, role, language):
    show(page, message(template_set, kind, role, language), DESKTOP)
    links = page.eval_on_selector_all("a", "all => all.map(one => one.href)")
    joining = {link for link in links if "/join/" in link}
    assert joining == (set() if kind is Kind.CANCELLATION else {link_of(kind, role, language)})


@pytest.mark.parametrize(("kind", "role", "language"), LETTERS)
def test_a_phone_needs_no_scrolling_sideways(template_set, page, kind, role, language):
    show(page, message(template_set, kind, role, language), PHONE)
    assert page.evaluate("document.scrollingElement.scrollWidth") == PHONE


WORST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const opaque = (colour) => numbers(colour).length === 3 || numbers(colour)[3] === 1;
  const linear = (channel) =>
    channel <= 0.04045 * 255 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) =>
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const behind = (element) => {
    for (let parent = element; parent; parent = parent.parentElement) {
      const colour = getComputedStyle(parent).backgroundColor;
      if (opaque(colour)) return colour;
    }
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    return isDark ? "rgb(0, 0, 0)" : "rgb(255, 255, 255)";
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (!text || !element.checkVisibility({opacityProperty: true})) continue;
    const colours = [getComputedStyle(element).color, behind(element)];
    const both = colours.map((colour) => luminance(numbers(colour)));
    found.push([(Math.max(...both) + 0.05) / (Math.min(...both) + 0.05), text]);
  }
  return found.sort((first, second) => first[0] - second[0])[0];
}"""
"""The least contrast of a text with what is behind it (WCAG 2.1), and that text."""


@pytest.mark.parametrize(("kind", "role", "language"), LETTERS)
def test_every_text_can_be_read(template_set, page, kind, role, language):
    show(page, message(template_set, kind, role, language), DESKTOP)
    contrast, text = page.evaluate(WORST)
    assert contrast >= CONTRAST, text


@pytest.mark.parametrize(("kind", "role", "language"), LETTERS)
def test_every_text_can_be_read_in_dark_mode(template_set, dark_page, kind, role, language):
    show(dark_page, message(template_set, kind, role, language), DESKTOP)
    contrast, text = dark_page.evaluate(WORST)
    assert contrast >= CONTRAST, text
    assert (
        dark_page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 27)"
    )


DISTANCES = """() => {
  const place = (one) => one.getBoundingClientRect();
  const box = place(document.querySelector('.box > table > tbody > tr > td'));
  const inside = place(document.querySelector('.box table table'));
  const line = place(document.querySelector('.line p')).top;
  const parts = [...document.querySelectorAll('.box, .quiet td, .ink li, .ink .cell, .ink > div')];
  const ends = parts.map((part) => place(part).bottom).filter((bottom) => bottom <= line);
  const end = Math.max(...ends);
  return [inside.top - box.top, box.bottom - inside.bottom, line - end].map(Math.round);
}"""
"""Pixels: in the box above and below its text, and between the last of the letter and the line."""


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_distances_are_the_same_in_all_letters(template_set, page, width):
    found = set()
    for kind, role, language in LETTERS:
        show(page, message(template_set, kind, role, language), width)
        found.add(tuple(page.evaluate(DISTANCES)))
    assert found == {(20, 20, 36)}


@pytest.mark.parametrize(("kind", "role", "language"), WITH_CALENDAR)
def test_calendar_buttons_stand_side_by_side_on_a_phone(template_set, page, kind, role, language):
    show(page, message(template_set, kind, role, language), PHONE)
    boxes = [link.bounding_box() for link in page.locator(".quiet a").all()]
    assert len({box["y"] for box in boxes}) == 1
    assert len({box["height"] for box in boxes}) == 1
    assert min(box["height"] for box in boxes) >= 40
