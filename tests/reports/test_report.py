"""The hand-off: a CSV file that no spreadsheet runs; a page that fetches nothing, with no link."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from onboarding.model.deliveries import State
from onboarding.model.kinds import Kind
from onboarding.model.people import Problem, Role
from onboarding.model.sessions import SessionKey
from onboarding.reports.report import (
    CSV_COLUMNS,
    MEANINGS,
    Report,
    ReportRow,
    mask_link,
    render_html,
    write_csv,
)

FINGERPRINT = "3f2a" + "c0ffee" * 10
ADA = ReportRow(
    email="ada@example.com",
    name="Ada Lovelace",
    role=Role.PANELIST,
    kind=Kind.INVITATION,
    state=State.SENT,
    at=datetime(2026, 9, 1, 14, 3, 22, 987654, tzinfo=UTC),
    attempts=1,
    message_id="<0a1b@events.example.com>",
    reply="250 2.0.0 Ok: queued as 4Xk2Pq",
    reason="",
    link_fingerprint=FINGERPRINT,
)
BOB = replace(
    ADA,
    email="bob@example.com",
    name="Bob Bauer",
    role=Role.COHOST,
    kind=Kind.UPDATE,
    state=State.IN_DOUBT,
    attempts=2,
    message_id="<2c3d@events.example.com>",
    reply="",
    reason="The line was lost; no answer came.",
)
SPEAKER = Problem(
    7, "Rolle", "eve@example.com", "'Speaker' is no role. Write Host, CoHost or Panelist."
)
REPORT = Report(
    webinar_name="launch",
    title="Autumn launch",
    key=SessionKey("https://platform.example", "4821", "9001"),
    start=datetime(2026, 9, 15, 16, tzinfo=UTC),
    time_zone="Europe/Berlin",
    made_at=datetime(2026, 9, 1, 14, 15, tzinfo=UTC),
    rows=(ADA, BOB),
    problems=(
        SPEAKER,
        Problem(None, None, "tim@example.com", "RingCentral gave no join link. Run again."),
    ),
)


def csv_of(report: Report) -> list[list[str]]:
    stream = io.BytesIO()
    write_csv(report, stream)
    return list(csv.reader(io.StringIO(stream.getvalue().decode("utf-8-sig"), newline="")))


def page_of(report: Report) -> LexborHTMLParser:
    return LexborHTMLParser(render_html(report))


def words(node: LexborNode) -> str:
    return " ".join(node.text().split())


def table(page: LexborHTMLParser, section: str) -> list[list[str]]:
    """The body of the table in the section whose heading has this id, cell by cell."""
    rows = page.css(f"section[aria-labelledby={section}] tbody tr")
    return [[words(cell) for cell in row.css("th, td")] for row in rows]


def test_csv_has_one_row_per_person_and_per_problem():
    assert csv_of(REPORT) == [
        list(CSV_COLUMNS),
        [
            "ada@example.com",
            "Ada Lovelace",
            "Panelist",
            "invitation",
            "sent",
            "2026-09-01T16:03:22+02:00",
            "1",
            "<0a1b@events.example.com>",
            "250 2.0.0 Ok: queued as 4Xk2Pq",
            "",
            "https://…/•••• 3f2a",
        ],
        [
            "bob@example.com",
            "Bob Bauer",
            "CoHost",
            "update",
            "in_doubt",
            "2026-09-01T16:03:22+02:00",
            "2",
            "<2c3d@events.example.com>",
            "",
            "The line was lost; no answer came.",
            "https://…/•••• 3f2a",
        ],
        [
            "eve@example.com",
            "",
            "",
            "",
            "not_used",
            "",
            "",
            "",
            "",
            f"row 7, Rolle: {SPEAKER.message}",
            "",
        ],
        [
            "tim@example.com",
            "",
            "",
            "",
            "not_used",
            "",
            "",
            "",
            "",
            "RingCentral gave no join link. Run again.",
            "",
        ],
    ]


def test_csv_begins_with_the_mark_by_which_excel_knows_utf_8_and_leaves_the_stream_open():
    stream = io.BytesIO()

    write_csv(REPORT, stream)

    assert stream.getvalue()[:8] == b"\xef\xbb\xbfemail"
    assert not stream.closed


def test_csv_of_a_row_without_time_or_link_leaves_them_empty():
    cells = csv_of(
        replace(REPORT, rows=(replace(ADA, at=None, link_fingerprint=""),), problems=())
    )[1]

    assert (cells[CSV_COLUMNS.index("at")], cells[CSV_COLUMNS.index("link")]) == ("", "")


@pytest.mark.parametrize(
    "name",
    [
        "=HYPERLINK(A1)",
        "+49 30 123",
        "-2+3",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "  =1+1",
        "\uff1d1+1",
    ],
)
def test_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(name: str):
    assert csv_of(replace(REPORT, rows=(replace(ADA, name=name),)))[1][1] == f"'{name}"


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_every_cell_is_harmless_and_comes_back(name: str, reply: str):
    cells = csv_of(replace(REPORT, rows=(replace(ADA, name=name, reply=reply),)))[1]

    for cell, text in ((cells[1], name), (cells[8], reply)):
        assert cell in {text, f"'{text}"}
        assert not cell.strip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_page_says_which_webinar_and_when_with_its_zone():
    page = page_of(REPORT)

    assert words(page.css_first("h1")) == "Autumn launch"
    assert words(page.css_first(".start")) == (
        "Tuesday, 15 September 2026, 18:00 Central European Summer Time (Europe/Berlin)"
    )
    assert words(page.css_first(".ids")) == "launch · webinar and session 4821/9001"


def test_page_counts_people_by_state_what_is_done_first():
    rows = (replace(ADA, state=State.QUEUED), BOB, ADA, ADA)

    counts = [words(count) for count in page_of(replace(REPORT, rows=rows)).css(".counts li")]

    assert counts == ["4 people", "2 sent", "1 queued", "1 in doubt", "2 problems"]


@pytest.mark.parametrize(
    ("rows", "problems", "verdict"),
    [
        ((ADA, BOB), (SPEAKER,), "2 entries need attention."),
        ((ADA, BOB), (), "1 entry needs attention."),
        ((ADA,), (), "Nothing here needs attention."),
        ((), (), "Nobody has been written to yet."),
    ],
)
def test_page_says_whether_a_person_is_needed(rows, problems, verdict: str):
    assert (
        words(page_of(replace(REPORT, rows=rows, problems=problems)).css_first(".verdict"))
        == verdict
    )


def test_page_has_one_row_per_person_and_those_with_problems_first():
    assert table(page_of(REPORT), "people") == [
        [
            "Bob Bauer bob@example.com",
            "CoHost",
            "update2 attempts",
            "!in doubt",
            "1 Sept 202616:03:22 CEST",
            "Message-ID <2c3d@events.example.com>",
            "The line was lost; no answer came.",
            "https://…/•••• 3f2a",
        ],
        [
            "Ada Lovelace ada@example.com",
            "Panelist",
            "invitation",
            "✓sent",
            "1 Sept 202616:03:22 CEST",
            "250 2.0.0 Ok: queued as 4Xk2Pq",
            "",
            "https://…/•••• 3f2a",
        ],
    ]


def test_page_lists_the_problems():
    assert table(page_of(REPORT), "problems") == [
        ["7", "Rolle", "eve@example.com", SPEAKER.message],
        ["", "", "tim@example.com", "RingCentral gave no join link. Run again."],
    ]


@pytest.mark.parametrize(
    ("time_zone", "when"),
    [
        ("America/New_York", "1 Sept 202610:03:22 EDT"),
        ("America/Sao_Paulo", "1 Sept 202611:03:22 UTC-03"),
        ("Asia/Tokyo", "1 Sept 202623:03:22 JST"),
    ],
)
def test_page_tells_times_in_the_webinars_zone(time_zone: str, when: str):
    assert table(page_of(replace(REPORT, time_zone=time_zone, rows=(ADA,))), "people")[0][4] == when


def test_page_of_a_message_that_was_only_queued_has_no_time():
    queued = replace(ADA, state=State.QUEUED, at=None, link_fingerprint="")

    assert table(page_of(replace(REPORT, rows=(queued,))), "people")[0][4:] == [
        "not yet",
        "250 2.0.0 Ok: queued as 4Xk2Pq",
        "",
        "",
    ]


def test_page_without_people_or_problems_has_no_tables():
    assert page_of(replace(REPORT, rows=(), problems=())).css("table") == []


@pytest.mark.parametrize("state", State)
def test_every_state_is_explained(state: State):
    page = page_of(replace(REPORT, rows=(replace(ADA, state=state),)))

    assert [words(term) for term in page.css("dd")] == [MEANINGS[state]]


@pytest.mark.parametrize(
    "hostile", ['"><img src=x onerror=1>', "{{ 7*7 }}", "<script>x</script>", "</style><b>"]
)
def test_page_shows_hostile_text_as_text(hostile: str):
    everywhere = replace(
        ADA, name=hostile, email=hostile, reply=hostile, reason=hostile, state=State.REJECTED
    )
    page = page_of(
        replace(
            REPORT,
            title=hostile,
            webinar_name=hostile,
            rows=(everywhere,),
            problems=(Problem(1, *[hostile] * 3),),
        )
    )

    assert page.css("img, script, b:not(.counts b), [onerror]") == []
    assert words(page.css_first("h1")) == hostile
    assert [cells[5:7] for cells in table(page, "people")] == [
        [f"{hostile}Message-ID <0a1b@events.example.com>", hostile]
    ]


def test_page_fetches_and_runs_nothing():
    page = page_of(REPORT)

    assert page.css("[src], [href], script, link, iframe, object, embed, form") == []
    assert "url(" not in page.html
    assert "@import" not in page.html
    assert page.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"] == (
        "default-src 'none'; style-src 'unsafe-inline'"
    )


def test_page_can_be_read_aloud():
    page = page_of(REPORT)

    assert page.css_first("html").attributes["lang"] == "en"
    assert {header.attributes["scope"] for header in page.css("thead th")} == {"col"}
    assert {header.attributes["scope"] for header in page.css("tbody th")} == {"row"}
    labels = [
        section.attributes["aria-labelledby"] for section in page.css("section[aria-labelledby]")
    ]
    assert labels == [heading.attributes["id"] for heading in page.css("h2")]


def test_neither_form_holds_more_of_a_link_than_four_signs_of_its_fingerprint():
    told = render_html(REPORT) + str(csv_of(REPORT))

    assert mask_link(FINGERPRINT) in told
    assert FINGERPRINT[:5] not in told
