"""`report`: every format from a real run, a CRM's shape, rows to correct, and what it refuses."""

import csv
import io
import json
import re
import stat

import openpyxl
import pytest

from onboarding import roster
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.stage import HOST, NAME, PANELIST, ROOMY, Stage, panelist, stage

pytestmark = pytest.mark.anyio

BAD_ROW = {"first_name": "Tom", "last_name": "Baker", "email": "tom@example.com", "role": "Speaker"}
CRM = """
[reports.salesforce.columns]
"Email" = "email"
"Last Name" = "last_name"
"Member Status" = "status"
"Type" = "=Webinar"

[reports.salesforce.status]
sent = "Invited"
rejected = "Not reached"
"""


def add_to_config(scene: Stage, text: str) -> None:
    file = scene.folder / "config.toml"
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


async def test_every_format_has_the_same_people_and_no_link(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, BAD_ROW], limits=ROOMY) as scene:
        await scene.run()
        page = await on(scene, "report", NAME, "--html", "-o", "report.html")
        sheet = await on(scene, "report", NAME, "--csv")
        book = await on(scene, "report", NAME, "--xlsx", "-o", "report.xlsx")
        data = await on(scene, "report", NAME, "--json")
        links = scene.join_links()

    assert [seen.code for seen in (page, sheet, book, data)] == [0, 0, 0, 0]
    assert (page.out, page.err) == ("", "wrote report.html\n")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o600
    assert re.search(r'(src|href)="http', html) is None
    (webinar,) = json.loads(data.out)["webinars"]
    by_json = [
        (person["email"], message["message_id"], message["state"])
        for person in webinar["people"]
        for message in person["messages"]
    ]
    by_csv = [(row["email"], row["message_id"], row["state"]) for row in rows_of(sheet.out)]
    cells = openpyxl.load_workbook(tmp_path / "report.xlsx")["Messages"].iter_rows(values_only=True)
    header = next(cells)
    by_book = [
        tuple(dict(zip(header, row, strict=True))[name] or "" for name in KEYS) for row in cells
    ]
    assert len(by_json) == 2
    assert by_csv == by_book == [*by_json, ("tom@example.com", "", "not_used")]
    shown = html.replace("<wbr>", "")
    assert all(email in shown for email, _message_id, _state in by_csv)
    for link in links:
        assert link not in html + sheet.out + data.out
        assert link.encode() not in (tmp_path / "report.xlsx").read_bytes()


KEYS = ("email", "message_id", "state")


async def test_several_webinars_and_all_are_one_file(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY, more=2) as scene:
        await scene.run()
        await scene.run(name=f"{NAME}2")
        named = await on(scene, "report", f"{NAME}2", NAME, NAME, "--json")
        every = await on(scene, "report", "--all", "--csv")
        unrun = await on(scene, "report", NAME, f"{NAME}3", "--csv")

    names = [webinar["webinar"] for webinar in json.loads(named.out)["webinars"]]
    assert names == [f"{NAME}2", NAME]
    assert len({row["webinar_id"] for row in rows_of(every.out)}) == 2
    assert (every.code, every.err) == (0, f"{NAME}3 has had no run yet, so it is left out.\n")
    assert (unrun.code, unrun.out) == (2, "")
    assert f"{NAME}3 has had no run yet" in unrun.err


async def test_crm_gets_its_own_headers_and_words(tmp_path):
    rules = MailRules(refuse={"guest1@example.com": "550 5.1.1 No such user"})
    people = [HOST, panelist(1), panelist(2)]
    async with stage(tmp_path, people, limits=ROOMY, mail_rules=rules) as scene:
        add_to_config(scene, CRM)
        await scene.run()
        sheet = await on(scene, "report", NAME, "--as", "salesforce")
        book = await on(scene, "report", NAME, "--as", "salesforce", "--xlsx", "-o", "crm.xlsx")

    expected = [
        ("Email", "Last Name", "Member Status", "Type"),
        (HOST["email"], HOST["last_name"], "Invited", "Webinar"),
        ("guest1@example.com", "Example", "Not reached", "Webinar"),
        ("guest2@example.com", "Example", "Invited", "Webinar"),
    ]
    assert (sheet.code, book.code) == (0, 0)
    assert [tuple(row) for row in csv.reader(io.StringIO(sheet.out.removeprefix("\ufeff")))] == (
        expected
    )
    assert list(openpyxl.load_workbook(tmp_path / "crm.xlsx")["People"].values) == expected


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ('{ "Email" = "emial" }', ("[reports.salesforce] columns", "emial", "Did you mean email?")),
        (
            '{ "Email" = "email" }\nstatus = { send = "x" }',
            ("[reports.salesforce] status", "send", "Did you mean sent?"),
        ),
        ("{}", ("[reports.salesforce] has no columns",)),
    ],
)
async def test_mapping_of_what_there_is_not_names_key_and_nearest(tmp_path, columns, words):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        add_to_config(scene, f"[reports.salesforce]\ncolumns = {columns}\n")
        await scene.run()
        seen = await on(scene, "report", NAME, "--as", "salesforce")

    assert (seen.code, seen.out) == (2, "")
    assert all(word in seen.err for word in words), seen.err


async def test_shape_that_is_not_configured_names_the_nearest(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        add_to_config(scene, CRM)
        seen = await on(scene, "report", NAME, "--as", "salesforse")

    assert seen.code == 2
    assert "[reports.salesforse]" in seen.err
    assert "Did you mean salesforce?" in seen.err


async def test_rows_that_need_correcting_are_a_roster_with_an_error(tmp_path):
    rules = MailRules(refuse={"guest1@example.com": "550 5.1.1 No such user"})
    people = [HOST, panelist(1, job_title="=1+1"), BAD_ROW, panelist(2)]
    async with stage(tmp_path, people, limits=ROOMY, mail_rules=rules) as scene:
        await scene.run()
        seen = await on(scene, "report", NAME, "--failed-roster", "failed.csv")
        again = await on(
            scene,
            *("report", NAME, "--failed-roster", "again.xlsx", "--invitees", "failed.csv"),
        )

    assert (seen.code, seen.out, seen.err) == (0, "", "wrote failed.csv\n2 rows need correcting\n")
    failed = rows_of((tmp_path / "failed.csv").read_text(encoding="utf-8"))
    original = rows_of((tmp_path / "invitees.csv").read_text(encoding="utf-8"))
    assert [*failed[0]] == [*original[0], "error"]
    assert [(row["email"], row["role"]) for row in failed] == [
        ("guest1@example.com", "Panelist"),
        ("tom@example.com", "Speaker"),
    ]
    assert "550 5.1.1" in failed[0]["error"]
    assert failed[1]["error"].startswith("role: 'Speaker' is no role.")
    # The reader takes it back as it was written, and writes it again with one column for the error.
    (guest,) = roster.read((tmp_path / "failed.csv").read_bytes()).invitees
    assert (guest.email, guest.job_title) == ("guest1@example.com", "=1+1")
    assert again.code == 0
    header, *rows = openpyxl.load_workbook(tmp_path / "again.xlsx").active.values
    assert header == tuple(failed[0])
    assert [row[header.index("job_title")] for row in rows] == ["=1+1", None]


async def test_person_whom_the_plan_refuses_is_a_row_to_correct(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        # Nothing is wrong with the row itself: RingCentral's directory has no such colleague.
        scene.write_roster([HOST, PANELIST, panelist(1, role="CoHost")])
        await scene.run()
        seen = await on(scene, "report", NAME, "--failed-roster", "failed.csv")

    assert (seen.code, seen.err) == (0, "wrote failed.csv\n1 row needs correcting\n")
    (failed,) = rows_of((tmp_path / "failed.csv").read_text(encoding="utf-8"))
    assert failed["email"] == "guest1@example.com"
    assert "a co-host has to be a colleague" in failed["error"]


@pytest.mark.parametrize(
    "second", [PANELIST | {"first_name": "Georg"}, PANELIST | {"role": "Speaker"}]
)
async def test_row_that_was_deleted_since_is_no_fault_of_the_persons_other_row(tmp_path, second):
    async with stage(tmp_path, [HOST, PANELIST, second], limits=ROOMY) as scene:
        await scene.run()
        scene.write_roster([HOST, PANELIST])
        seen = await on(scene, "report", NAME, "--failed-roster", "failed.csv")

    assert (seen.code, seen.err) == (0, "wrote failed.csv\nno rows need correcting\n")


async def test_roster_without_a_fault_has_no_rows_to_correct(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, "report", NAME, "--failed-roster", "failed.csv")

    assert (seen.code, seen.err) == (0, "wrote failed.csv\nno rows need correcting\n")
    assert rows_of((tmp_path / "failed.csv").read_text(encoding="utf-8")) == []


REFUSED = [
    ([NAME], "Choose what to write"),
    (["--csv"], "Name webinars, or use --all or --account"),
    ([NAME, "--all", "--csv"], "Name webinars, or use --all"),
    ([NAME, "--csv", "--html"], "Choose one of them"),
    ([NAME, "--as", "salesforce", "--json"], "A CRM's shape is CSV"),
    (["--all", "--failed-roster", "failed.csv"], "It is for one webinar"),
    ([NAME, "--failed-roster", "a.csv", "-o", "b.csv"], "Choose what to write there"),
    ([NAME, "--csv", "--failed-roster", "a.csv", "-o", "./a.csv"], "They name the same file"),
    ([NAME, "--csv"], "has had no run yet"),
    (["lanch", "--csv"], "Did you mean launch?"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
async def test_what_can_not_be_written_is_one_clear_message(tmp_path, words, message: str):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        add_to_config(scene, CRM)
        before = {file.name for file in tmp_path.iterdir()}
        seen = await on(scene, "report", *words)

    assert (seen.code, seen.out) == (2, "")
    assert message in " ".join(seen.err.replace("│", " ").split())
    assert {file.name for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("option", ["-o", "--failed-roster"])
async def test_report_never_takes_the_place_of_what_the_program_reads(tmp_path, option: str):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        for name in ("invitees.csv", "config.toml", "onboarding.db"):
            before = (tmp_path / name).read_bytes()
            seen = await on(scene, "report", NAME, "--csv", option, name)
            assert (seen.code, (tmp_path / name).read_bytes()) == (2, before)
            assert f"{name} is a file that this program reads" in seen.err


@pytest.mark.parametrize(
    "words", [("plan", NAME, "--page"), ("show", NAME, HOST["email"], "--eml")]
)
async def test_pages_and_copies_never_take_the_place_of_what_the_program_reads(tmp_path, words):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        for name in ("invitees.csv", "config.toml", "onboarding.db"):
            before = (tmp_path / name).read_bytes()
            seen = await on(scene, *words, name)
            assert (seen.code, (tmp_path / name).read_bytes()) == (2, before)
            assert f"{name} is a file that this program reads" in seen.err
        seen = await on(scene, *words, "-")
        assert (seen.code, (tmp_path / "-").exists()) == (2, False)
        assert "- stands for no file here" in seen.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["report", "--csv", "-o", "a.xlsx"], "a.xlsx ends in .xlsx, but what is written is .csv."),
        (["report", "--xlsx", "-o", "a.csv"], "a.csv ends in .csv, but what is written is .xlsx."),
        (["report", "--html", "-o", "a.pdf"], "a.pdf ends in .pdf, but what is written is .html."),
        (["report", "--json", "-o", "a.HTM"], "a.HTM ends in .HTM, but what is written is .json."),
        (["report", "--failed-roster", "a.ods"], "a roster is written as .csv or .xlsx only."),
        (["plan", "--page", "a.pdf"], "a.pdf ends in .pdf, but what is written is .html."),
    ],
)
async def test_file_with_the_ending_of_another_format_is_not_written(tmp_path, words, message):
    command, *rest = words
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, command, NAME, *rest)
    assert (seen.code, (tmp_path / rest[-1]).exists()) == (2, False)
    assert message in " ".join(seen.err.split())


@pytest.mark.parametrize("words", [["--csv", "-o", "list.txt"], ["--html", "-o", "page.htm"]])
async def test_file_with_an_ending_of_no_other_format_is_written(tmp_path, words):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, "report", NAME, *words)
    assert (seen.code, (tmp_path / words[-1]).exists()) == (0, True)


async def test_output_that_can_not_be_written_loses_nothing(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, "report", NAME, "--csv", "-o", "no-such-folder/report.csv")

    assert (seen.code, seen.out) == (2, "")
    assert "no-such-folder/report.csv can't be written: No such file or directory." in seen.err
