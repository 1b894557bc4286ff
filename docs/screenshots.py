"""Photographs every shipped message into `screenshots/`: each kind, role, language and screen.

For people to look at before they commit a template; nothing compares the pictures. The letters go
the whole way, as a preview's do, for sample people with made-up links. Needs the development
requirements and Debian's `chromium`. `make screenshots` runs it; then open
`screenshots/index.html`.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Literal

from jinja2 import Environment
from playwright.sync_api import Browser, sync_playwright

from onboarding import samples
from onboarding.config import load
from onboarding.config.schedule import build_schedule
from onboarding.model.deliveries import Message
from onboarding.model.people import Invitee, Role, Roster
from onboarding.pipeline.preview_messages import KnownFacts, build_preview
from onboarding.pipeline.target import find_target
from onboarding.reports.preview import Preview, compose_messages, parse_for_page

PICTURES = Path(__file__).parents[1] / "screenshots"
CHROMIUM = "/usr/bin/chromium"
WIDTHS = {"desktop": 760, "phone": 390}
"""Pixels: the letter's own width and a little of the page around it; a phone's."""

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LANGUAGES = ("en", "de")
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
"""Fixed, so that a picture changes only where a letter does."""

EXTRAS = {
    "imprint": "Brightwater Ltd, 1 Harbour Road, Bristol",
    "dial_in": "+44 117 496 0123",
    "device_test": "https://brightwater.example/device-test",
}
"""What `[brand]` has beside our sample's, so that each part of a letter is in its picture."""

SCHEDULE = {
    "material": "-10d 09:00",
    "reminder": "-1d 09:00",
    "missing": "start-5m",
    "thanks": "end+1d 09:00",
}
"""Entries of a schedule: one for each template of ours."""

NAMES = {
    Role.HOST: ("Hanna", "Holm", "Head of Events"),
    Role.COHOST: ("Carlos", "Ortega", "Product Manager"),
    Role.PANELIST: ("Jörg", "Müller-Groß", "Managing Director"),
}


def make_preview() -> Preview:
    """Make letters for one person of every role in every language."""
    config = load(samples.find_config(), {})
    people = [
        _person(row, role, language)
        for row, (language, role) in enumerate(product(LANGUAGES, Role), 2)
    ]
    schedule = build_schedule(samples.find_config(), SCHEDULE, {}, "town-hall")
    target = replace(find_target(config, "town-hall"), schedule=schedule)
    made = build_preview(config, target, Roster(tuple(people), ()), KnownFacts(), NOW)
    # A panel of all people in both languages would show each person twice.
    panels = {
        language: tuple(person for person in people if person.language == language)
        for language in LANGUAGES
    }
    requests = {
        key: replace(request, panel=panels[request.invitee.language])
        for key, request in made.requests.items()
    }
    brand = made.brand.model_copy(update=EXTRAS)
    return replace(made, requests=requests, brand=brand, folders=(samples.find_templates(),))


def _person(row: int, role: Role, language: str) -> Invitee:
    first_name, last_name, job_title = NAMES[role]
    address = f"{role}.{language}@brightwater.example".lower()
    return Invitee(row, address, role, first_name, last_name, job_title, language, "Europe/Berlin")


def make_letters(preview: Preview) -> Iterator[tuple[str, str]]:
    """Give each letter's name and HTML."""
    for name in preview.names:
        messages = compose_messages(preview, name).messages
        for person in preview.people:
            message = messages[person.row]
            if not isinstance(message, Message):
                sys.exit(f"{name}, {person.role}, {person.language}: {message.reason}")
            yield f"{name}-{person.role}-{person.language}".lower(), parse_for_page(message).html


def photograph(browser: Browser, name: str, html: str, width: str, scheme: Scheme) -> str:
    """Take one picture of the whole letter; returns its file's name."""
    page = browser.new_page(viewport={"width": WIDTHS[width], "height": 600}, color_scheme=scheme)
    page.set_content(html)
    file = f"{name}-{width}-{scheme}.png"
    page.screenshot(path=PICTURES / file, full_page=True)
    page.close()
    return file


CONTENTS = """<!doctype html><meta charset="utf-8"><title>Letters</title>
<style>body{font:15px sans-serif;margin:24px}
div{display:flex;gap:16px;align-items:flex-start}img{width:300px}</style>
{% for name, files in rows %}<h2>{{ name }}</h2><div>
{% for file in files %}
<a href="{{ file }}"><img src="{{ file }}" alt="{{ file }}" loading="lazy"></a>
{% endfor %}</div>{% endfor %}"""


def main() -> None:
    """Take all pictures, and list them on one page."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        ways = list(product(WIDTHS, SCHEMES))
        rows = [
            (name, [photograph(browser, name, html, width, scheme) for width, scheme in ways])
            for name, html in make_letters(make_preview())
        ]
        browser.close()
    contents = Environment(autoescape=True).from_string(CONTENTS).render(rows=rows)
    (PICTURES / "index.html").write_text(contents, encoding="utf-8")
    print(f"{sum(len(files) for _, files in rows)} pictures: open {PICTURES / 'index.html'}")


if __name__ == "__main__":
    main()
