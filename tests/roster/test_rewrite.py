"""One row of a CSV roster is another person's; every other byte stays as it is."""

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding import roster
from onboarding.errors import ConfigurationError
from onboarding.roster.header import Column
from onboarding.roster.rewrite import replace_row

LIN = {
    Column.FIRST_NAME: "Lin",
    Column.LAST_NAME: "Öster",
    Column.EMAIL: "lin@example.com",
    Column.ROLE: "Panelist",
}
PLAIN = "first_name,last_name,email,role,topic\nAda,Love,ada@example.com,Panelist,Maths\n"


def rewritten(content: bytes, row: int = 2, columns=None) -> bytes:
    return replace_row(content, "panel.csv", row, LIN, columns or {})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "first_name,last_name,email,role,topic\nAda,Love,ada@example.com,Panelist,Maths\n",
            "first_name,last_name,email,role,topic\nLin,Öster,lin@example.com,Panelist,\n",
            id="plain; the further column is emptied",
        ),
        pytest.param(
            "email;role;last_name;first_name\r\nada@example.com;Host;Love;Ada\r\n",
            "email;role;last_name;first_name\r\nlin@example.com;Panelist;Öster;Lin\r\n",
            id="semicolons, CRLF, another order",
        ),
        pytest.param(
            '"first_name","last_name","email","role"\n"Ada","Love","a@example.com","Host"\n',
            '"first_name","last_name","email","role"\n"Lin","Öster","lin@example.com","Panelist"\n',
            id="all cells quoted",
        ),
        pytest.param(
            "sep=;\r\nfirst_name;last_name;email;role\r\nAda;Love;a@example.com;Host",
            "sep=;\r\nfirst_name;last_name;email;role\r\nLin;Öster;lin@example.com;Panelist",
            id="Excel's first line, no line end at the end",
        ),
        pytest.param(
            'first_name,last_name,email,role,note\nAda,Love,a@example.com,Host,"two\nlines"\nBob,'
            "B,b@example.com,Host,x\n",
            "first_name,last_name,email,role,note\nLin,Öster,lin@example.com,Panelist,\nBob,"
            "B,b@example.com,Host,x\n",
            id="a cell of two lines",
        ),
        pytest.param(
            "first_name\tlast_name\temail\trole\nAda\tLove\ta@example.com\n",
            "first_name\tlast_name\temail\trole\nLin\tÖster\tlin@example.com\tPanelist\n",
            id="tabs, a row that is too short",
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_row_is_another_persons_in_the_files_own_manner(before, after, encoding):
    # Without a letter beyond ASCII a file in Windows-1252 is one in UTF-8, too.
    marked = f"{before}{'' if before.endswith(chr(10)) else chr(10)}"
    written = marked + "Zoë,Z,zoe@example.com,Host\n" if encoding == "cp1252" else before
    expected = after + written[len(before) :]
    assert rewritten(written.encode(encoding)) == expected.encode(encoding)


def test_big_endian_file_stays_one():
    content = codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be")
    after = rewritten(content)
    assert after.startswith(codecs.BOM_UTF16_BE)
    assert "Lin,Öster" in after.decode("utf-16")


def test_row_in_another_encoding_than_the_rest_stays_as_it_is():
    content = PLAIN.encode() + "Jürgen,J,j@example.com,Host,ä\n".encode("cp1252")
    content += "Zoë,Z,z@example.com,Host,x\n".encode()
    assert rewritten(content).splitlines()[2:] == content.splitlines()[2:]


def test_columns_that_config_toml_names_are_found():
    content = b"Vorname,Nachname,Kontakt,Rolle\nAda,Love,a@example.com,Host\n"
    after = rewritten(content, columns={"email": "Kontakt"})
    assert after.splitlines()[1] == "Lin,Öster,lin@example.com,Panelist".encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"email": "a@example.com", "role": "Host"}]', "is no CSV file"),
        (b"PK\x03\x04 a workbook", "is no CSV file"),
        (b"email,role\na@example.com,Host\n", "no column for first_name, last_name"),
        (
            "first_name,last_name,email,role\nZoë,Z,z@example.com,Host\n".encode("cp1252"),
            "can't hold 'Ł'",
        ),
    ],
)
def test_file_that_can_not_be_rewritten_is_refused(content, message):
    person = LIN | {Column.LAST_NAME: "Łu"}
    with pytest.raises(ConfigurationError, match=message):
        replace_row(content, "panel.csv", 2, person, {})


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8) | st.sampled_from(
    ["two\nlines", 'a "quoted" word', "a, b", "a; b", "", " "]
)


@given(
    rows=st.lists(st.lists(CELL, min_size=5, max_size=5), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t"),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    data=st.data(),
)
def test_every_other_byte_stays_whatever_the_file_is(rows, delimiter, ending, quoting, data):
    header = ["first_name", "last_name", "email", "role", "note"]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    written = []
    for row in [header, *rows]:
        before = stream.tell()
        writer.writerow(row)
        written.append(stream.getvalue()[before:])
    number = data.draw(st.integers(1, len(rows)))
    after = rewritten("".join(written).encode(), number + 1)

    head, tail = "".join(written[:number]).encode(), "".join(written[number + 1 :]).encode()
    assert (after.startswith(head), after.endswith(tail)) == (True, True)
    (changed,) = csv.reader(
        io.StringIO(after[len(head) : len(after) - len(tail)].decode(), newline=""),
        delimiter=delimiter,
    )
    assert changed == [*LIN.values(), ""]
    found = {invitee.row: invitee.email for invitee in roster.read(after).invitees}
    assert found[number + 1] == "lin@example.com"
