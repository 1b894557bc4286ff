"""ODS: read as a sheet is seen, and bounded before repeated cells are written out."""

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
MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    "{}</manifest:manifest>"
)
HEADER = ("first_name", "last_name", "email", "role")
HIDDEN = (
    '<style:style style:name="h" style:family="table">'
    '<style:table-properties table:display="false"/></style:style>'
)


def cell(text: str, more: str = "") -> str:
    attributes = f'office:value-type="string" {more}'
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def _valued(kind: str, value: str, shown: str) -> str:
    attributes = f'office:value-type="{kind}" {value}'
    return f"<table:table-cell {attributes}><text:p>{shown}</text:p></table:table-cell>"


def repeated_cell(times):
    return f'<table:table-cell table:number-columns-repeated="{times}"/>'


def row(*texts: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(map(cell, texts))}</table:table-row>"


def table(*rows: str, more: str = "") -> str:
    return f'<table:table table:name="People" {more}>{"".join(rows)}</table:table>'


def ods(tables: str, *, manifest: str = "", mimetype: str = ODS_MIMETYPE, **parts: bytes) -> bytes:
    content = (
        f"<office:document-content {NAMESPACES} {CALCEXT}>"
        f"<office:automatic-styles>{HIDDEN}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        "</office:document-content>"
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

    assert [(invitee.row, invitee.name) for invitee in people.invitees] == [(5, "Ada Lovelace")]
    assert [(problem.row, problem.column) for problem in people.problems] == [(6, "email")]


def test_first_sheet_that_is_not_hidden_is_read():
    hidden = table(
        row(*HEADER), row("Eve", "Ek", "eve@example.com", "Panelist"), more='table:style-name="h"'
    )

    people = roster.read(ods(hidden.replace("People", "Old") + table(row(*HEADER), ADA)))

    assert [invitee.name for invitee in people.invitees] == ["Ada Lovelace"]


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

    assert [dict(invitee.extra) for invitee in people.invitees] == [
        {"number": "62270350004", "day": "2026-09-01"}
    ]
    assert [
        (problem.row, problem.column, "#NV" in problem.message) for problem in people.problems
    ] == [(3, "job_title", True)]


@pytest.mark.parametrize(
    "trailing",
    [
        f"<table:table-row {HUGE}>{repeated_cell(16384)}</table:table-row>",
        f"<table:table-row>{repeated_cell(10**12)}</table:table-row>",
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
    """The zip's directory says that the part is small; a reader that trusts it would unpack it."""
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

    assert [
        invitee.first_name for invitee in roster.read(ods(table(row(*HEADER), spaced))).invitees
    ] == ["Ada Maria"]


def test_repetition_hidden_behind_another_namespace_counts():
    more = 'office:number-rows-repeated="1" table:number-rows-repeated="9000000"'

    with pytest.raises(ConfigurationError, match="reaches to row"):
        roster.read(ods(table(row(*HEADER), row("Ada", more=more))))


@pytest.mark.parametrize("place", ["encrypted", "broken"])
def test_entry_of_the_type_that_can_not_be_read_is_one_clear_message(place):
    content = bytearray(ods(table(row(*HEADER), ADA)))
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    if place == "encrypted":
        content[local + 6] |= 1
        content[central + 8] |= 1
    else:
        content[local + 30] ^= 1

    with pytest.raises(ConfigurationError):
        roster.read(bytes(content), "panel.ods")
