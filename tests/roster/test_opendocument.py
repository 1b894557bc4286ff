"""ODS: read as a sheet is seen, and bounded before anything is written out that says it is repeated."""

import io
import zipfile

import pytest

from onboarding import roster
from onboarding.errors import ConfigurationError
from onboarding.roster.workbook_reader import ODS_MIMETYPE

NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"),
        ("table", "table"),
        ("text", "text"),
        ("style", "style"),
    )
)
CALCEXT = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">{}</manifest:manifest>'
HEADER = ("first_name", "last_name", "email", "role")
HIDDEN = '<style:style style:name="h" style:family="table"><style:table-properties table:display="false"/></style:style>'


def cell(text: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}><text:p>{text}</text:p></table:table-cell>'


def _valued(kind: str, value: str, shown: str) -> str:
    return f'<table:table-cell office:value-type="{kind}" {value}><text:p>{shown}</text:p></table:table-cell>'


def row(*texts: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(map(cell, texts))}</table:table-row>"


def table(*rows: str, more: str = "") -> str:
    return f'<table:table table:name="People" {more}>{"".join(rows)}</table:table>'


def ods(tables: str, *, manifest: str = "", mimetype: str = ODS_MIMETYPE, **parts: bytes) -> bytes:
    content = (
        f"<office:document-content {NAMESPACES} {CALCEXT}><office:automatic-styles>{HIDDEN}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", MANIFEST.format(manifest))
        archive.writestr("content.xml", content)
        for name, part in parts.items():
            archive.writestr(name, part)
    return written.getvalue()


ADA = row("Ada", "Lovelace", "ada@example.com", "Panelist")
HUGE = 'table:number-rows-repeated="1048576"'


@pytest.mark.parametrize("mimetype", [ODS_MIMETYPE, f"{ODS_MIMETYPE}-template"])
def test_sheet_is_read_with_its_row_numbers(mimetype: str):
    blank = '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
    people = roster.read(
        ods(table(row(*HEADER), blank, ADA, row("Bob", "Ek", "b@x", "Host")), mimetype=mimetype)
    )

    assert [(one.row, one.name) for one in people.invitees] == [(5, "Ada Lovelace")]
    assert [(one.row, one.column) for one in people.problems] == [(6, "email")]


def test_first_sheet_that_is_not_hidden_is_read():
    hidden = table(
        row(*HEADER), row("Eve", "Ek", "eve@example.com", "Panelist"), more='table:style-name="h"'
    )

    people = roster.read(ods(hidden.replace("People", "Old") + table(row(*HEADER), ADA)))

    assert [one.name for one in people.invitees] == ["Ada Lovelace"]


def test_numbers_dates_and_failed_formulas_are_as_in_other_spreadsheets():
    header = row(*HEADER, "number", "day", "job_title")
    number = _valued("float", 'office:value="62270350004"', "6,2E+10")
    day = _valued("date", 'office:date-value="2026-09-01"', "1.9.")
    failed = _valued("string", 'office:string-value="" calcext:value-type="error"', "#NV")
    good = ADA.replace("</table:table-row>", number + day + "</table:table-row>")
    values = number + day + failed
    bad = row("Bob", "Ek", "bob@example.com", "Panelist").replace(
        "</table:table-row>", values + "</table:table-row>"
    )

    people = roster.read(ods(table(header, good, bad)))

    assert [dict(one.extra) for one in people.invitees] == [
        {"number": "62270350004", "day": "2026-09-01"}
    ]
    assert [(one.row, one.column, "#NV" in one.message) for one in people.problems] == [
        (3, "job_title", True)
    ]


@pytest.mark.parametrize(
    "trailing",
    [
        f'<table:table-row {HUGE}><table:table-cell table:number-columns-repeated="16384"/></table:table-row>',
        '<table:table-row><table:table-cell table:number-columns-repeated="1000000000000"/></table:table-row>',
    ],
)
def test_blank_cells_without_end_cost_nothing(trailing: str):
    assert len(roster.read(ods(table(row(*HEADER), ADA, trailing))).invitees) == 1


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(row("Ada", "L", "ada@example.com", "Host", more=HUGE), id="repeated people"),
        pytest.param(
            row("Ada", "L").replace(
                "<table:table-cell ",
                f'<table:table-cell table:number-columns-repeated="{10**9}" ',
                1,
            ),
            id="cells",
        ),
        pytest.param(
            f"<table:table-row {HUGE}><table:table-cell/></table:table-row>{ADA}",
            id="a value far below",
        ),
        pytest.param(
            row("Ada", more='table:number-rows-repeated="9223372036854775807"') + ADA,
            id="beyond 64 bits",
        ),
    ],
)
@pytest.mark.parametrize("hidden", ["", 'table:style-name="h"'])
def test_what_is_repeated_without_end_is_refused_before_it_is_written_out(rows: str, hidden: str):
    sheet = table(row(*HEADER), rows, more=hidden)

    with pytest.raises(ConfigurationError, match="reaches to row"):
        roster.read(ods(sheet + table(row(*HEADER), ADA)))


def test_password_is_told():
    with pytest.raises(ConfigurationError, match="has a password"):
        roster.read(ods("", manifest="<manifest:encryption-data/>"))


def test_what_unpacks_without_end_is_told():
    with pytest.raises(ConfigurationError, match="unpacks to more than 128 MB"):
        roster.read(ods(table(row(*HEADER), ADA), **{"big.xml": b"\0" * (129 * 1024**2)}))


def test_zip_that_says_less_than_it_holds_is_read_no_further():
    """The part's size in the directory is made small; what follows would be unpacked by a reader that ignores it."""
    whole = ods(table(row(*HEADER), ADA) + " " * 5_000_000)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        size = archive.getinfo("content.xml").file_size
    lying = whole.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))

    with pytest.raises(ConfigurationError, match="is no spreadsheet that can be read"):
        roster.read(lying)


@pytest.mark.parametrize(
    "content",
    [
        ods("<broken"),
        ods(table(row(*HEADER), ADA, more='table:style-name="h"')),
        ods(table(row(*HEADER, more='table:number-rows-repeated="x"'))),
        ods("")[:200],
    ],
)
def test_broken_spreadsheet_is_told(content: bytes):
    with pytest.raises(ConfigurationError, match=r"that can be read"):
        roster.read(content)


def test_many_sheets_count_together():
    sheet = table(row(*HEADER), row("x", more='table:number-rows-repeated="400000"'))

    with pytest.raises(ConfigurationError, match="reaches to row 400001 and column 4"):
        roster.read(ods(sheet * 3))


def test_spaces_repeated_without_end_are_one():
    spaced = ADA.replace("Ada", 'Ada<text:s text:c="4000000000"/>Maria')

    assert [one.first_name for one in roster.read(ods(table(row(*HEADER), spaced))).invitees] == [
        "Ada Maria"
    ]


def test_repetition_hidden_behind_another_namespace_counts():
    more = 'office:number-rows-repeated="1" table:number-rows-repeated="9000000"'

    with pytest.raises(ConfigurationError, match="reaches to row"):
        roster.read(ods(table(row(*HEADER), row("Ada", more=more))))
