"""The workbook: real dates and numbers, text as it is, equal in LibreOffice cell by cell."""

import csv
import io
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from onboarding.reports.report import Report
from onboarding.reports.table import build_overview, build_table
from onboarding.reports.workbook import Sheet, render_workbook
from tests.reports.samples import ADA, LAUNCH, MADE_AT, REPORT, SENT, report_on

SOFFICE = Path("/usr/bin/soffice")

needs_libreoffice = pytest.mark.skipif(
    not SOFFICE.exists(), reason="needs Debian's LibreOffice (apt-get install libreoffice-calc)"
)

HOSTILE = (
    *('=HYPERLINK("http://x.example")', "+49 30 123", "-2+3", "@SUM(A1)", "'quoted", "007"),
    *("1E5", "2026-09-01", "TRUE", "_x0041_", "a\x0bb", "<b>&amp;</b>", "https://x.example/a b"),
    *("mailto:a@example.com", "日本語 🎉", " spaces ", "a\u200db", "#N/A"),
)


def workbook_of(report: Report) -> bytes:
    sheets = [Sheet("Messages", build_table(report)), Sheet("Webinars", build_overview(report))]
    return render_workbook(sheets, report.made_at)


def open_workbook(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def hostile_report() -> Report:
    people = [
        replace(ADA, name=text, extra={"note": text}, messages=(replace(SENT, reply=text),))
        for text in HOSTILE
    ]
    return report_on(*people)


def as_cell(value) -> object:
    """What a spreadsheet has in a cell: times without zone, nothing for an empty text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return None if value == "" else value


@pytest.mark.parametrize("report", [REPORT, hostile_report()])
def test_sheet_has_the_tables_cells_with_their_types(report):
    book = open_workbook(workbook_of(report))

    for name, table in (("Messages", build_table(report)), ("Webinars", build_overview(report))):
        header, *rows = book[name].iter_rows(values_only=True)
        assert header == table.columns
        shown = [[as_cell(cell) for cell in row] for row in table.rows]
        # openpyxl reads the vertical tab in its escaped form (ECMA-376 22.9.2.19).
        assert [[unescape(cell) for cell in row] for row in rows] == shown


def unescape(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    return cell.replace("_x000B_", "\x0b").replace("_x005F_", "_")


def test_text_is_text_and_a_time_is_a_date():
    sheet = open_workbook(workbook_of(hostile_report()))["Messages"]
    kinds = {cell.data_type for row in sheet.iter_rows(min_row=2) for cell in row}

    assert kinds == {"s", "d", "n"}  # no formula, no error, no truth value; n is attempts or empty
    assert [cell.hyperlink for row in sheet.iter_rows() for cell in row if cell.hyperlink] == []


def test_longest_text_that_a_cell_takes_is_kept():
    person = replace(ADA, name="x" * 40_000)

    sheet = open_workbook(workbook_of(report_on(person)))["Messages"]

    assert sheet["B2"].value == "x" * 32_767


def test_header_stays_in_sight_and_can_be_filtered():
    sheet = open_workbook(workbook_of(REPORT))["Messages"]

    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:AA6")


def test_workbook_without_rows_is_readable():
    report = Report(MADE_AT, (replace(LAUNCH, people=(), problems=()),))

    assert open_workbook(workbook_of(report))["Messages"].max_row == 1


def opened_in_libreoffice(folder: Path, content: bytes) -> dict[str, list[list[str]]]:
    """Each sheet as LibreOffice shows it: it opens the file and saves every sheet as CSV."""
    (folder / "report.xlsx").write_bytes(content)
    # Token 12 of the filter's options is -1: all sheets, each in a file of its own.
    save_as = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    command = [
        *(str(SOFFICE), f"-env:UserInstallation=file://{folder}/profile", "--headless"),
        *("--convert-to", save_as, "--outdir", str(folder), str(folder / "report.xlsx")),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    return {
        name: list(csv.reader(io.StringIO(file.read_text("utf-8"), newline="")))
        for file in sorted(folder.glob("report-*.csv"))
        for name in [file.stem.removeprefix("report-")]
    }


def as_shown(cell) -> str:
    """A cell as a spreadsheet shows it."""
    return f"{cell:%Y-%m-%d %H:%M:%S}" if isinstance(cell, datetime) else str(cell)


@needs_libreoffice
def test_libreoffice_shows_what_the_report_holds_cell_by_cell(tmp_path):
    webinars = (*REPORT.webinars, *hostile_report().webinars)
    report = Report(MADE_AT, webinars)

    sheets = opened_in_libreoffice(tmp_path, workbook_of(report))

    tables = {"Messages": build_table(report), "Webinars": build_overview(report)}
    assert sheets.keys() == tables.keys()
    for name, table in tables.items():
        shown = [[as_shown(cell) for cell in row] for row in table.rows]
        assert sheets[name] == [list(table.columns), *shown]
