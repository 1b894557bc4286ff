"""CSV from real spreadsheets: encodings, delimiters, quoted line breaks, Excel's first line."""

import csv
import io
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from onboarding import roster
from onboarding.errors import ConfigurationError
from onboarding.model.people import Roster

HEADER = ("first_name", "last_name", "email", "role")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")


def written(
    rows: list[tuple[str, ...]],
    delimiter: str,
    line_end: str = "\r\n",
    quoting: int = csv.QUOTE_MINIMAL,
) -> str:
    sheet = io.StringIO(newline="")
    csv.writer(sheet, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    return sheet.getvalue()


def read(content: bytes) -> Roster:
    return roster.read(content)


@pytest.mark.parametrize("delimiter", DELIMITERS.values(), ids=DELIMITERS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_spreadsheet_is_read_in_every_encoding_and_with_every_delimiter(
    encoding: str, delimiter: str
):
    text = written(
        [HEADER, ("Zoë", "Müller-Weiß; Sen., Dr.\tjur.", "zoe@example.com", "Panelist")], delimiter
    )

    people = read(text.encode(encoding))

    assert [(invitee.first_name, invitee.last_name) for invitee in people.invitees] == [
        ("Zoë", "Müller-Weiß; Sen., Dr. jur.")
    ]
    assert people.problems == ()


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_in_either_byte_order(order: str):
    text = "\ufeff" + written([HEADER, ("花子", "山田", "hanako@example.com", "Panelist")], "\t")

    assert [invitee.name for invitee in read(text.encode(order)).invitees] == ["花子 山田"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_cell_with_line_breaks_is_one_spreadsheet_row(line_end: str):
    rows = [
        HEADER,
        ("Ada", "Love\nlace", "ada@example.com", "Panelist"),
        ("Bob", "Bauer", "bob@example.com", "Host"),
    ]

    people = read(written(rows, ",", line_end, csv.QUOTE_ALL).encode())

    assert [(invitee.row, invitee.name) for invitee in people.invitees] == [
        (2, "Ada Love lace"),
        (3, "Bob Bauer"),
    ]


def test_header_with_quoted_delimiters_and_line_breaks_does_not_mislead_about_the_delimiter():
    header = 'first_name;last_name;email;role;"street, door, floor, stair, zip,\ncity"'

    people = read(f"{header}\nAda;Lovelace;ada@example.com;Host;London\n".encode())

    assert [dict(invitee.extra) for invitee in people.invitees] == [
        {"street_door_floor_stair_zip_city": "London"}
    ]


def test_blank_lines_above_the_header_do_not_mislead_about_the_delimiter():
    text = "\r\n\r\nfirst_name;last_name;email;role\r\nAda;Lovelace;ada@example.com;Host\r\n"

    assert [(invitee.row, invitee.name) for invitee in read(text.encode()).invitees] == [
        (4, "Ada Lovelace")
    ]


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\r\n', "SEP=;\n", "\ufeffsep=;\r\n"])
def test_first_line_that_excel_writes_for_itself_is_no_row(line: str):
    text = (
        line + "first_name;last_name;email;role;a,b,c,d,e,f\nAda;Lovelace;ada@example.com;Host;\n"
    )

    assert [invitee.row for invitee in read(text.encode()).invitees] == [2]


def test_unclosed_quotation_mark_stops_the_run_and_names_the_row():
    text = (
        ",".join(HEADER)
        + "\nAda,Lovelace,ada@example.com,Host\n"
        + '"Bob,Bauer,bob@example.com,Panelist\nEve,Ek,e@x.example,Host\n'
    )

    with pytest.raises(ConfigurationError) as caught:
        read(text.encode())

    assert caught.value.message == (
        "The roster standard input can't be read from row 3 on: its quotation marks don't pair up."
    )


def test_quotation_mark_in_the_middle_of_a_cell_is_text():
    text = ",".join(HEADER) + '\nAda "Countess",Lovelace,ada@example.com,Host\n'

    assert [invitee.first_name for invitee in read(text.encode()).invitees] == ['Ada "Countess"']


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", id="picture"),
        pytest.param("email,role".encode("utf-16-le"), id="utf-16 without a mark"),
        pytest.param(b"email,role\n\x81\x8d", id="bytes that Windows-1252 does not have"),
        pytest.param(b"\xff\xfee\x00m", id="half a character"),
    ],
)
def test_file_that_is_no_text_stops_the_run(content: bytes):
    with pytest.raises(ConfigurationError, match="is no text in UTF-8, UTF-16 or Windows-1252"):
        read(content)


def test_row_with_more_cells_than_the_header_is_one_problem():
    people = read((",".join(HEADER) + "\nAda,Lovelace,VP, Sales,ada@example.com,Host\n").encode())

    assert [
        (problem.row, problem.column, problem.message.split(".")[0]) for problem in people.problems
    ] == [(2, None, "This row has more cells than the header")]


def test_row_with_fewer_cells_than_the_header_is_taken_as_if_the_others_were_empty():
    people = read((",".join(HEADER) + ",job_title\nAda,Lovelace,ada@example.com,Host\n").encode())

    assert [invitee.job_title for invitee in people.invitees] == [""]


LETTERS = st.characters(exclude_categories=["C"], exclude_characters="\ufffd")
"""All that stays as it is, but for white space and normalisation. C: control, format and such."""
LATIN_LETTERS = st.sampled_from(
    [char for char in bytes(range(0x20, 0xFF)).decode("cp1252", "ignore") if char.isprintable()]
)
LOCAL_PARTS = st.text("abcxyz0189_+-", min_size=1, max_size=60)


def names(letters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    folded = st.text(letters, min_size=1, max_size=20).map(
        lambda text: " ".join(unicodedata.normalize("NFC", text).split())
    )
    return folded.filter(lambda text: 0 < len(text) <= 64)


@st.composite
def encoded_people(draw):
    encoding = draw(st.sampled_from(ENCODINGS))
    letters = names(LATIN_LETTERS if encoding == "cp1252" else LETTERS)
    local_parts = draw(st.lists(LOCAL_PARTS, min_size=1, max_size=5, unique=True))
    return encoding, [
        (draw(letters), draw(letters), f"{local}@example.com", "Panelist") for local in local_parts
    ]


@given(
    encoded_people(),
    st.sampled_from(list(DELIMITERS.values())),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@example(("cp1252", [("Ã¤", "ß", "a@example.com", "Panelist")]), ";", "\n", csv.QUOTE_ALL)
def test_every_roster_comes_back_as_it_was_written(encoded, delimiter, line_end, quoting):
    encoding, rows = encoded
    content = written([HEADER, *rows], delimiter, line_end, quoting).encode(encoding)
    assume(encoding != "cp1252" or not any(map(valid_utf_8, content.splitlines())))

    people = read(content)

    assert people.problems == ()
    assert [
        (invitee.first_name, invitee.last_name, invitee.email, invitee.role)
        for invitee in people.invitees
    ] == rows


def valid_utf_8(content: bytes) -> bool:
    """A line of Windows-1252 whose special letters are valid UTF-8, too: either may be right."""
    return not content.isascii() and content.decode("utf-8", "ignore").encode() == content


@pytest.mark.parametrize("column", ["last_name", "note"])
def test_cell_longer_than_pythons_reader_takes_is_one_rows_problem(column: str):
    """200,000 characters: the csv module's own limit is 131,072."""
    cells = {
        "first_name": "Eve",
        "last_name": "Ek",
        "email": "eve@example.com",
        "role": "Host",
        "note": "x",
    }
    header, good = ",".join(cells), "Ada,Lovelace,ada@example.com,Host,x"
    bad = ",".join((cells | {column: "y" * 200_000}).values())

    people = read(f"{header}\n{bad}\n{good}\n".encode())

    assert [invitee.name for invitee in people.invitees] == ["Ada Lovelace"]
    assert [
        (problem.row, problem.column, problem.message.split(",")[0]) for problem in people.problems
    ] == [(2, column, "This cell has 200000 characters")]


def test_error_of_a_spreadsheet_is_told_by_row_and_column():
    text = (
        "first_name,last_name,email,role,room\n"
        "#N/A,Ek,eve@example.com,Host,x\n"
        "Ada,L,ada@example.com,Host,#BEZUG!\n"
    )

    assert [(problem.row, problem.column) for problem in read(text.encode()).problems] == [
        (2, "first_name"),
        (3, "room"),
    ]
