"""The report as a page: what it says, what it never does, and how it looks in a browser."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page
from selectolax.lexbor import LexborHTMLParser, LexborNode

from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.people import FORGOTTEN, NOT_APPROVED_CODE, Problem
from onboarding.reports.report import (
    MEANINGS,
    NEXT_STEPS,
    Report,
    format_masked_link,
    list_next_steps,
)
from onboarding.reports.report_page import render_html
from tests.browser import browser, find_faults, needs_chromium
from tests.reports.samples import (
    ADA,
    BOB,
    FINGERPRINT,
    IN_DOUBT,
    LAUNCH,
    MADE_AT,
    REPORT,
    SENT,
    SPEAKER,
    report_on,
)


def page_of(report: Report) -> LexborHTMLParser:
    return LexborHTMLParser(render_html(report))


def words(node: LexborNode) -> str:
    return " ".join(node.text(separator=" ").split())


def table(page: LexborHTMLParser, section: str) -> list[list[str]]:
    """The body of the table in the section whose heading has this id, cell by cell."""
    rows = page.css(f"section[aria-labelledby={section}] tbody tr")
    return [[words(cell) for cell in row.css("th, td")] for row in rows]


def test_page_says_which_webinar_when_and_that_it_was_made_on():
    page = page_of(REPORT)

    assert words(page.css_first("h1")) == "Autumn launch"
    assert words(page.css_first(".start")) == (
        "Tuesday, 15 September 2026, 18:00 Central European Summer Time (Europe/Berlin)"
    )
    assert [words(line) for line in page.css("header .ids")] == [
        "launch · webinar and session 4821/9001",
        "Made on 1 September 2026, 16:15 CEST from the delivery log",
    ]


def test_page_counts_people_and_messages_by_state_what_is_done_first():
    queued = replace(ADA, messages=(replace(SENT, state=State.QUEUED),))
    outdated = replace(BOB, outdated=("link",))
    report = report_on(queued, outdated, ADA, problems=(SPEAKER, SPEAKER))

    assert [words(count) for count in page_of(report).css(".counts li")] == [
        *("3 people", "2 sent", "1 queued", "1 in doubt", "1 out of date", "2 problems")
    ]


@pytest.mark.parametrize(
    ("people", "problems", "verdict"),
    [
        ((ADA, BOB), (SPEAKER,), "2 entries need attention."),
        ((ADA, BOB), (), "1 entry needs attention."),
        ((replace(ADA, outdated=("start",)),), (), "1 entry needs attention."),
        ((ADA,), (), "Nothing here needs attention."),
        ((), (), "No message has been written yet."),
    ],
)
def test_page_says_whether_a_person_is_needed(people, problems, verdict: str):
    page = page_of(report_on(*people, problems=problems))

    assert words(page.css_first(".verdict")) == verdict


SENT_IN_WORDS = "✓ sent invitation, 1 Sept 2026, 16:03:22 CEST 250 2.0.0 Ok: queued as 4Xk2Pq"
IN_DOUBT_IN_WORDS = (
    "! in doubt update, 1 Sept 2026, 16:03:22 CEST , 2 attempts"
    " The line was lost; no answer came. Message-ID <2c3d@events.example.com>"
)


def test_page_has_a_row_for_each_person_and_those_who_need_attention_first():
    assert table(page_of(REPORT), "people") == [
        [
            "Bob Bauer bob @example.com",
            "CoHost",
            "",
            f"{SENT_IN_WORDS} {IN_DOUBT_IN_WORDS}",
            "https://…/•••• 3f2a",
        ],
        [
            "Ada Lovelace ada @example.com Analytical Engines phone +49 30 123 t shirt M",
            "Panelist",
            "1 Sept 2026 16:02:22 CEST",
            SENT_IN_WORDS,
            "https://…/•••• 3f2a",
        ],
    ]


def test_person_without_a_message_is_there_with_the_reason():
    silent = replace(ADA, messages=(), note="RingCentral has mailed them itself")

    (row,) = table(page_of(report_on(silent)), "people")

    assert row[3] == "no message: RingCentral has mailed them itself"


def test_page_lists_the_problems():
    assert table(page_of(REPORT), "problems") == [
        ["7", "Rolle", "eve @example.com", SPEAKER.message],
        ["", "", "tim @example.com", "RingCentral gave no join link. Run again."],
    ]


def test_every_state_that_needs_a_person_has_a_next_step():
    assert NEXT_STEPS.keys() == NEEDS_A_PERSON


@pytest.mark.parametrize("state", sorted(NEEDS_A_PERSON))
def test_page_says_what_to_do_and_for_which_people(state: State):
    report = report_on(replace(ADA, messages=(replace(SENT, state=state),)))

    step = words(page_of(report).css_first("#next ~ dl"))

    assert step.startswith(f"! {state.replace('_', ' ')} ")
    assert NEXT_STEPS[state].format(name="launch").replace("`", "")[:30] in step
    assert step.endswith("Ada Lovelace (ada@example.com)")


@pytest.mark.parametrize("state", NEXT_STEPS)
def test_nothing_is_to_be_done_for_a_person_whose_data_was_removed(state: State):
    gone = replace(ADA, email=FORGOTTEN, name="", messages=(replace(SENT, state=state),))
    webinar = replace(LAUNCH, people=(gone,), problems=())

    assert list(list_next_steps(webinar)) == []
    assert webinar.attention == 0
    # Their message is counted all the same.
    assert webinar.counts == [(state, 1)]


def test_page_says_who_holds_what_is_no_longer_true():
    outdated = replace(ADA, outdated=("link", "start"))

    page = page_of(report_on(outdated))

    steps = words(page.css_first("#next ~ dl"))
    assert "onboarding run launch" in steps
    assert steps.endswith("Ada Lovelace : link, start")
    assert table(page, "people")[0][-1] == "https://…/•••• 3f2a ! out of date"


def test_commands_in_problems_and_notes_look_like_commands():
    said = "Type `onboarding run town-hall` & look."
    page = page_of(report_on(ADA, problems=(Problem(1, None, "", said),), notes=(said,)))

    for part in ("td.lines", "#notes ~ p"):
        assert words(page.css_first(part)) == "Type onboarding run town-hall & look."
        assert page.css_first(f"{part} code").text() == "onboarding run town-hall"


def test_notes_are_worth_knowing_and_need_nothing():
    page = page_of(report_on(ADA, notes=("RingCentral names no time zone.",)))

    assert words(page.css_first("#notes ~ p")) == "RingCentral names no time zone."
    assert page.css("#next") == []


@pytest.mark.parametrize(
    ("time_zone", "when"),
    [
        ("America/New_York", "10:03:22 EDT"),
        ("America/Sao_Paulo", "11:03:22 UTC-03"),
        ("Asia/Tokyo", "23:03:22 JST"),
    ],
)
def test_page_tells_times_in_the_webinars_zone(time_zone: str, when: str):
    assert when in table(page_of(report_on(ADA, time_zone=time_zone)), "people")[0][3]


def test_page_on_a_webinar_without_people_has_no_tables():
    assert page_of(report_on()).css("table, svg") == []


@pytest.mark.parametrize("state", State)
def test_every_state_is_explained(state: State):
    page = page_of(report_on(replace(ADA, messages=(replace(SENT, state=state),))))

    assert [words(term) for term in page.css("#states ~ dl dd")] == [MEANINGS[state]]


def test_page_about_several_webinars_begins_with_an_overview_that_leads_to_each():
    other = replace(
        LAUNCH, title="Winter launch", webinar_name="winter", problems=(), people=(ADA,)
    )
    page = page_of(Report(MADE_AT, (LAUNCH, other)))

    assert words(page.css_first("h1")) == "2 webinars"
    assert words(page.css_first("header .ids")).startswith("Made on 1 September 2026, 14:15 UTC")
    assert [row[0] for row in table(page, "overview")] == [
        *("Autumn launch launch", "Winter launch winter")
    ]
    assert [row[2:] for row in table(page, "overview")] == [
        *(["2", "2", "0", "3"], ["1", "1", "0", "0"])
    ]
    targets = [link.attributes["href"] for link in page.css("#overview ~ table a")]
    assert [words(page.css_first(target)) for target in targets] == [
        *("Autumn launch", "Winter launch")
    ]
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))


HOSTILE = ['"><img src=x onerror=1>', "{{ 7*7 }}", "<script>x</script>", "</style><b>", "`a`b`"]


def hostile_report(text: str) -> Report:
    message = replace(IN_DOUBT, reply=text, reason=text, message_id=text, entry=text)
    person = replace(
        ADA,
        name=text,
        email=text,
        company=text,
        extra={text: text},
        messages=(message,),
        outdated=(text,),
    )
    return report_on(
        person, title=text, webinar_name=text, problems=(Problem(1, *[text] * 3),), notes=(text,)
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_page_shows_hostile_text_as_text(text: str):
    report = hostile_report(text)
    page = page_of(Report(MADE_AT, report.webinars * 2))
    (row, _again) = [words(heading) for heading in page.css(".webinar-title")]

    assert page.css("img, script, b:not(.counts b), [onerror]") == []
    assert row == text
    assert words(page_of(report).css_first("h1")) == text
    assert text in table(page_of(report), "people")[0][3]


def test_page_fetches_and_runs_nothing():
    page = page_of(REPORT)

    assert page.css("[src], script, link, iframe, object, embed, form") == []
    assert {link.attributes["href"] for link in page.css("[href]")} == {"#main"}
    assert "url(" not in page.html
    assert "@import" not in page.html
    assert page.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"] == (
        "default-src 'none'; style-src 'unsafe-inline'"
    )


def test_page_holds_no_more_of_a_link_than_four_signs_of_its_fingerprint():
    html = render_html(REPORT)

    assert format_masked_link(FINGERPRINT) in html
    assert FINGERPRINT[:5] not in html


def test_page_can_be_read_aloud():
    page = page_of(REPORT)

    assert page.css_first("html").attributes["lang"] == "en"
    assert {header.attributes["scope"] for header in page.css("thead th")} == {"col"}
    assert {header.attributes["scope"] for header in page.css("tbody th")} == {"row"}
    labels = [
        section.attributes["aria-labelledby"] for section in page.css("section:not([aria-label])")
    ]
    assert labels == [heading.attributes["id"] for heading in page.css("h2")]


LONG_WORDS = replace(
    ADA,
    name="Maximiliana-Alexandrina von Hohenlohe-Waldenburg-Schillingsfürst" * 2,
    email="a" * 64 + "@" + "b" * 60 + ".example.com",
    extra={"a_very_long_name_of_a_column": "w" * 120},
    messages=(
        replace(SENT, reply="x" * 300),
        replace(IN_DOUBT, message_id=f"<{'1' * 80}@x.example>"),
    ),
)


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture
def opened(chromium, tmp_path):
    """Open a report from disk; gives the page and what it asked the network for."""

    def open_page(report: Report, width: int, scheme: str) -> Page:
        (tmp_path / "report.html").write_text(render_html(report), encoding="utf-8")
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=True
        )
        page = context.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "report.html").as_uri())
        assert asked == [(tmp_path / "report.html").as_uri()]
        return page

    return open_page


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_axe_finds_no_fault(opened, width: int, scheme: str):
    people = (ADA, BOB, LONG_WORDS, replace(ADA, messages=(), outdated=("link",)))
    long_title = "Launch " * 30
    report = Report(
        MADE_AT,
        (replace(LAUNCH, people=people, title=long_title), replace(LAUNCH, people=(ADA,))),
    )

    page = opened(report, width, scheme)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert find_faults(page) == []


@needs_chromium
def test_at_phone_width_each_person_is_a_card_with_its_columns_names(opened):
    page = opened(REPORT, 390, "light")
    row = page.locator("section[aria-labelledby=people] tbody tr").first

    head = page.locator("#people ~ table thead")
    assert head.evaluate("head => getComputedStyle(head).clipPath") == "inset(50%)"
    assert row.evaluate("row => getComputedStyle(row).display") == "block"
    label = "cell => getComputedStyle(cell, '::before').content"
    assert row.locator("td[data-label=Messages]").evaluate(label) == '"Messages"'


@needs_chromium
def test_page_can_be_printed(opened):
    page = opened(REPORT, 1280, "dark")

    printed = page.pdf(prefer_css_page_size=True)

    assert printed.startswith(b"%PDF")
    page.emulate_media(media="print")
    body = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert body == "rgb(255, 255, 255)"


def test_what_waits_for_approval_is_no_row_to_correct():
    waiting = Problem(6, None, ADA.email, "held back:\n-Hello\n+Hi", NOT_APPROVED_CODE)

    page = words(page_of(report_on(ADA, problems=(waiting,))).body)

    assert "onboarding plan launch --page FILE" in page
    assert "--failed-roster" not in page


def test_a_row_to_correct_beside_it_is_named():
    waiting = Problem(6, None, ADA.email, "held back", NOT_APPROVED_CODE)

    page = words(page_of(report_on(ADA, problems=(waiting, SPEAKER))).body)

    assert "onboarding plan launch --page FILE" in page
    assert "--failed-roster" in page
