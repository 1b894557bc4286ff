"""The report as a table and a CSV file: columns that stay, and cells that no spreadsheet runs."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.reports.csv_file import render_csv
from onboarding.reports.report import Report, format_masked_link
from onboarding.reports.table import CSV_COLUMNS, build_overview, build_table
from tests.reports.samples import (
    ADA,
    BOB,
    FINGERPRINT,
    LAUNCH,
    MADE_AT,
    REPORT,
    SENT,
    SPEAKER,
    report_on,
)

LEFT = "2026-09-01T16:03:22+02:00"
SESSION = {
    "webinar_id": "4821",
    "session_id": "9001",
    "title": "Autumn launch",
    "start": "2026-09-15T18:00:00+02:00",
}


def csv_of(report: Report, **how) -> list[dict[str, str]]:
    """The rows of the CSV file, each without its empty cells."""
    content = render_csv(build_table(report), **how).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(content, newline=""))
    return [{name: cell for name, cell in row.items() if cell} for row in rows]


def test_table_has_a_row_for_each_message_and_each_problem():
    ada = {
        **SESSION,
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "role": "Panelist",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "company": "Analytical Engines",
        "registered_at": "2026-09-01T16:02:22+02:00",
        "x_phone": "'+49 30 123",
        "x_t_shirt": "M",
    }
    bob = {
        **SESSION,
        "email": "bob@example.com",
        "name": "Bob Bauer",
        "role": "CoHost",
        "first_name": "Bob",
        "last_name": "Bauer",
    }
    sent = {
        "kind": "invitation",
        "state": "sent",
        "at": LEFT,
        "attempts": "1",
        "message_id": "<0a1b@events.example.com>",
        "reply": "250 2.0.0 Ok: queued as 4Xk2Pq",
        "link": "https://…/•••• 3f2a",
        "link_fingerprint": "3f2ac0ffeec0",
    }
    in_doubt = {
        "kind": "update",
        "state": "in_doubt",
        "at": LEFT,
        "attempts": "2",
        "message_id": "<2c3d@events.example.com>",
        "reason": "The line was lost; no answer came.",
        "link": "https://…/•••• 3f2a",
        "link_fingerprint": "3f2ac0ffeec0",
    }
    assert csv_of(REPORT) == [
        {**ada, **sent},
        {**bob, **sent},
        {**bob, **in_doubt},
        {
            **SESSION,
            "email": "eve@example.com",
            "state": "not_used",
            "reason": f"row 7, Rolle: {SPEAKER.message}",
        },
        {
            **SESSION,
            "email": "tim@example.com",
            "state": "not_used",
            "reason": "RingCentral gave no join link. Run again.",
        },
    ]


def test_columns_are_the_programs_then_the_rosters():
    assert build_table(REPORT).columns == (*CSV_COLUMNS, "x_phone", "x_t_shirt")


def test_first_columns_are_those_of_the_first_version():
    assert CSV_COLUMNS[:11] == (
        *("email", "name", "role", "kind", "state", "at", "attempts"),
        *("message_id", "reply", "reason", "link"),
    )


def test_person_without_a_message_has_a_row_that_says_why():
    silent = replace(ADA, messages=(), note="RingCentral has mailed them itself")

    (row,) = csv_of(report_on(silent))

    assert (row["state"], row["reason"]) == ("no_message", "RingCentral has mailed them itself")
    assert "kind" not in row


def test_problem_of_a_person_on_the_roster_has_their_name():
    refused = replace(SPEAKER, email="ADA@example.com")

    row = csv_of(report_on(ADA, problems=(refused,)))[-1]

    assert (row["name"], row["state"], row["company"]) == (
        "Ada Lovelace",
        "not_used",
        "Analytical Engines",
    )


def test_csv_begins_with_the_mark_by_which_excel_knows_utf_8():
    assert render_csv(build_table(REPORT))[:8] == b"\xef\xbb\xbfemail"


def test_several_webinars_are_in_one_table_each_in_its_own_zone():
    tokyo = replace(LAUNCH, time_zone="Asia/Tokyo", people=(ADA,), problems=())

    rows = csv_of(Report(MADE_AT, (replace(LAUNCH, people=(ADA,), problems=()), tokyo)))

    assert [row["at"] for row in rows] == [LEFT, "2026-09-01T23:03:22+09:00"]


HARMFUL = ["=HYPERLINK(A1)", "-2+3", "@SUM(A1)", "\tx", "\rx", "\nx", "  =1+1", "\uff1d1+1"]


@pytest.mark.parametrize("name", [*HARMFUL, "+49 30 123"])
def test_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(name: str):
    assert csv_of(report_on(replace(ADA, name=name)))[0]["name"] == f"'{name}"


def test_phone_number_for_a_crm_gets_none():
    (row,) = csv_of(report_on(ADA), keeps_phone_numbers=True)

    assert row["x_phone"] == "+49 30 123"


@pytest.mark.parametrize("name", [*HARMFUL, "+1+cmd", "+49,A1"])
def test_what_is_no_phone_number_gets_one_for_a_crm_too(name: str):
    (row,) = csv_of(report_on(replace(ADA, name=name)), keeps_phone_numbers=True)

    assert row["name"] == f"'{name}"


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_every_cell_is_harmless_and_comes_back(name: str, reply: str):
    person = replace(ADA, name=name, messages=(replace(SENT, reply=reply),))
    row = csv_of(report_on(person))[0]

    for cell, text in ((row.get("name", ""), name), (row.get("reply", ""), reply)):
        assert cell in {text, f"'{text}"}
        assert not cell.strip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_table_holds_no_more_of_a_link_than_the_beginning_of_its_fingerprint():
    content = render_csv(build_table(REPORT)).decode()

    assert format_masked_link(FINGERPRINT) in content
    assert FINGERPRINT[:12] in content
    assert FINGERPRINT[:13] not in content


def test_overview_has_the_totals_and_when_the_report_was_made():
    outdated = replace(BOB, outdated=("link",))

    table = build_overview(report_on(ADA, outdated))

    (row,) = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (row["webinar"], row["time_zone"]) == ("launch", "Europe/Berlin")
    assert row["made_at"].utcoffset() == timedelta(hours=2)
    totals = ("people", "messages", "sent", "outdated", "need_a_person")
    assert [row[name] for name in totals] == [2, 3, 2, 1, 1]
