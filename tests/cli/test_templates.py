"""`lint`, `preview` and `send-test` as users meet them: output, files and exit codes."""

import asyncio
import json
import re
import signal
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from onboarding.cli.main import app
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import Seen, command, on, started
from tests.messages.samples import HTML, find_part
from tests.stage import COHOST, CONFIG, HOST, NAME, PANELIST, Stage, panelist, stage, write_roster

pytestmark = pytest.mark.anyio

NO_ALT = HTML.format(title="Welcome", words="Hello<img src='https://www.example.com/a.png'>")
UNKNOWN_NAME = HTML.format(title="Welcome", words="{{ invitee.naem }}")
ME = "me@example.com"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as a user has it, and no server anywhere."""
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    write_roster(tmp_path / "invitees.csv", [HOST, COHOST, PANELIST])
    return tmp_path


def invoked(folder: Path, *words: str, **variables: str) -> Seen:
    """Run a command in this process: most of what a process of its own takes is its start."""
    result = CliRunner().invoke(
        app, [*words, "--config", str(folder / "config.toml")], env=variables
    )
    return Seen(result.exit_code, result.stdout, result.stderr)


async def send_test(scene: Stage, *words: str) -> Seen:
    return await asyncio.to_thread(
        invoked, scene.folder, "send-test", NAME, "--to", ME, *words, **scene.variables
    )


def with_template(folder: Path, text: str, words: str = "{{ join_link }}") -> Path:
    (folder / "templates").mkdir()
    (folder / "templates" / "invitation.html.j2").write_text(text, encoding="utf-8")
    if words:
        (folder / "templates" / "invitation.txt.j2").write_text(words, encoding="utf-8")
    return folder


def test_lint_of_the_shipped_templates_finds_nothing_and_exits_0(folder):
    seen = invoked(folder, "lint")
    assert (seen.code, seen.out, seen.err) == (0, "The templates and the brand are fine.\n", "")


def test_lint_tells_errors_from_advice_and_exits_1(folder):
    with_template(folder, NO_ALT)
    seen = invoked(folder, "lint", NAME, ONBOARDING_BRAND__COLOURS__PRIMARY="#9fd3e0")
    assert seen.code == 1
    assert (
        "advice  invitation: The picture https://www.example.com/a.png has no alt text" in seen.out
    )
    assert "advice  [brand] colours: button_text #ffffff on primary #9fd3e0" in seen.out
    assert seen.out.splitlines()[-1] == "0 to fix before a message can be sent, 3 to consider."


def test_lint_as_json_prints_json_alone(folder):
    seen = invoked(with_template(folder, UNKNOWN_NAME), "lint", "--json")
    findings = json.loads(seen.out)
    assert seen.code == 1
    assert {tuple(finding) for finding in findings} == {("where", "message", "error")}
    assert [finding["where"] for finding in findings if "naem" in finding["message"]] == [
        "invitation"
    ]


def test_lint_looks_at_every_webinars_own_templates(folder):
    (folder / "own").mkdir()
    (folder / "own" / "reminder.html.j2").write_text(NO_ALT, encoding="utf-8")
    other = '[webinars.other]\nwebinar = "9"\ninvitees = "invitees.csv"\n'
    other += f'templates = "{folder / "own"}"\n'
    (folder / "config.toml").write_text(CONFIG + other, encoding="utf-8")
    everything, one = invoked(folder, "lint"), invoked(folder, "lint", NAME)
    assert (everything.code, "reminder" in everything.out, one.code) == (1, True, 0)


def test_lint_says_which_entries_are_left_out(folder):
    (folder / "list.exe").write_bytes(b"MZ")
    schedule = '[messages]\nmaterial = { when = "-1d", attach = ["list.exe"] }\nsoon = "-1h"\n'
    (folder / "config.toml").write_text(CONFIG + schedule, encoding="utf-8")
    seen = invoked(folder, "lint", NAME)
    errors = [line for line in seen.out.splitlines() if line.startswith("error")]
    assert (seen.code, len(errors)) == (1, 2)
    assert "[messages] material: " in errors[0]
    assert "list.exe can't be attached: it is a program, or starts one." in errors[0]
    assert "There is no template soon.mjml.j2" in errors[1]


@pytest.mark.parametrize("to", ["accepted", "unanswered"])
def test_lint_says_that_calendar_answers_are_not_read(folder, to):
    schedule = f'[messages]\nreminder = {{ when = "-1d", to = "{to}" }}\n'
    replies = '[replies]\nmaildir = "Maildir"\n'
    (folder / "config.toml").write_text(CONFIG + schedule, encoding="utf-8")
    unread = invoked(folder, "lint", NAME)
    (folder / "config.toml").write_text(CONFIG + schedule + replies, encoding="utf-8")
    read = invoked(folder, "lint", NAME)
    assert "Calendar answers are not read here" in unread.out
    assert "unanswered: reminder. Configure [replies]" in unread.out
    assert "advice" in unread.out
    assert "Calendar answers" not in read.out


def test_preview_of_an_attached_file_names_it_and_shows_the_message_itself(folder):
    (folder / "list.txt").write_text("bring a pen", encoding="utf-8")
    schedule = '[messages]\nmaterial = { when = "-1d", attach = ["list.txt"] }\n'
    (folder / "config.toml").write_text(CONFIG + schedule, encoding="utf-8")
    assert invoked(folder, "preview", NAME, "--out", str(folder / "pages")).code == 0
    (text, *_) = (folder / "pages").glob("*/material.txt")
    (page, *_) = (folder / "pages").glob("*/material.page.html")
    assert "bring a pen" not in text.read_text(encoding="utf-8")
    assert "Attached: list.txt (1 KB)" in page.read_text(encoding="utf-8")
    (other, *_) = (folder / "pages").glob("*/invitation.page.html")
    assert "Attached:" not in other.read_text(encoding="utf-8")


def test_preview_writes_files_without_any_server_or_ledger(folder):
    seen = invoked(folder, "preview", NAME, "--out", str(folder / "pages"))
    assert (seen.code, seen.out) == (
        0,
        f"3 people, 12 messages: open {folder / 'pages' / 'index.html'}\n",
    )
    index = (folder / "pages" / "index.html").read_text(encoding="utf-8")
    assert "No run has looked at this webinar yet" in index
    assert list(folder.glob("*.db")) == []


async def test_preview_leaves_a_page_of_the_user_as_it_is_and_exits_2(folder):
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("my own page")
    seen = await command(folder, "preview", NAME, "--out", "site")
    assert (seen.code, "it is not replaced" in " ".join(seen.err.split())) == (2, True)
    assert (folder / "site" / "index.html").read_text() == "my own page"


async def test_preview_shows_what_the_last_run_saw_and_no_real_link(tmp_path):
    async with stage(tmp_path, [HOST, COHOST, PANELIST]) as scene:
        await scene.run()
        asked, mailed = len(scene.ringcentral.requests), len(scene.messages())
        out = str(tmp_path / "pages")
        seen = await asyncio.to_thread(
            invoked, tmp_path, "preview", NAME, "--out", out, **scene.variables
        )
        written = "".join(
            file.read_text(encoding="utf-8")
            for file in (tmp_path / "pages").rglob("*.*")
            if file.suffix != ".eml"
        )
        assert seen.code == 0
        assert "The Launch" in written
        assert "No run has looked" not in written
        assert [link for link in scene.join_links() if link in written] == []
        assert (len(scene.ringcentral.requests), len(scene.messages())) == (asked, mailed)


def test_preview_names_bad_rows_and_serves_the_others(folder):
    write_roster(folder / "invitees.csv", [HOST, {**PANELIST, "role": "Speaker"}])
    seen = invoked(folder, "preview", NAME, "--out", str(folder / "pages"))
    assert seen.out.startswith("1 person, 4 messages")
    assert "Roster row 3, role" in (folder / "pages" / "index.html").read_text(encoding="utf-8")


def test_preview_of_a_roster_without_good_rows_shows_sample_people(folder):
    write_roster(folder / "invitees.csv", [{**PANELIST, "role": "Speaker"}])
    invoked(folder, "preview", NAME, "--out", str(folder / "pages"))
    assert "these are sample people" in (folder / "pages" / "index.html").read_text(
        encoding="utf-8"
    )


def test_preview_of_a_colleague_without_address_needs_no_directory(folder):
    write_roster(
        folder / "invitees.csv", [{**COHOST, "email": "", "first_name": "", "last_name": ""}]
    )
    seen = invoked(folder, "preview", NAME, "--out", str(folder / "pages"))
    assert (
        seen.code,
        "colleague-2@sample.example" in (folder / "pages" / "index.html").read_text(),
    ) == (0, True)


def test_preview_names_the_person_of_a_message_that_fails_and_exits_1(folder):
    with_template(folder, HTML.format(title="Hi", words="{{ invitee.extra['company'] }}"))
    seen = invoked(folder, "preview", NAME, "--out", str(folder / "pages"))
    assert seen.code == 1
    assert "! Carlos Ortega, invitation: The template asks for 'company'" in seen.err


async def test_preview_with_broken_templates_says_where_and_exits_2(folder):
    seen = await command(with_template(folder, UNKNOWN_NAME), "preview", NAME, "--out", "pages")
    assert seen.code == 2
    assert "invitation.html.j2, line 3" in seen.err
    assert "Traceback" not in seen.all


async def test_preview_serves_until_ctrl_c_and_exits_0(folder):
    process = await started(folder, "preview", NAME)
    async with asyncio.timeout(30):
        url = re.search(r"http://\S+", (await process.stdout.readline()).decode())[0]
        async with httpx.AsyncClient(base_url=url, timeout=20) as client:
            page = await client.get("/")
            async with client.stream("GET", "/changes"):
                process.send_signal(signal.SIGINT)
                out, err = await process.communicate()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", url), "an unguessable key"
    assert "To Hanna Holm" in page.text
    assert (process.returncode, err) == (0, b"")
    assert out.decode().endswith("\nStopped.\n")


async def test_preview_at_a_taken_port_exits_2_in_words(folder):
    async with stage(folder, [HOST]) as scene:
        port = scene.ringcentral.url.rpartition(":")[2]
        seen = await on(scene, "preview", NAME, "--port", port)
    assert (seen.code, f"port {port}" in seen.err, "Traceback" in seen.err) == (2, True, False)


async def test_send_test_mails_one_persons_message_with_a_made_up_link_to_the_address_alone(
    tmp_path,
):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        seen = await send_test(scene, "--person", PANELIST["email"].upper(), "--kind", "update")
        (message,) = scene.messages()
        assert seen.code == 0
        assert "made up" in seen.out
        assert scene.recipients() == [ME]
        assert "Jörg" in find_part(message, "text/plain")
        assert "https://join.example/made-up-link/" in find_part(message, "text/plain")
        assert str(message["Subject"]).startswith("New time: Launch")


@pytest.mark.parametrize(
    ("entry", "subject"),
    [("reminder", "In 7 days: Launch"), ("reminder@-1h", "In 1 hour: Launch"), ("thanks", "Thank")],
)
async def test_send_test_of_an_entry_counts_from_its_own_time(tmp_path, entry, subject):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        add_schedule(scene.folder)
        seen = await send_test(scene, "--entry", entry)
        (message,) = scene.messages()
        assert (seen.code, str(message["Subject"]).startswith(subject)) == (0, True)


def test_preview_shows_every_entry(folder):
    add_schedule(folder)
    seen = invoked(folder, "preview", NAME, "--out", str(folder / "pages"))
    assert seen.out.startswith("3 people, 21 messages")
    names = {file.name for file in (folder / "pages").rglob("*.page.html")}
    assert names == {
        *(f"{kind}.page.html" for kind in ("invitation", "update", "cancellation", "thanks")),
        "call-off.page.html",
        "reminder-7d-09-00.page.html",
        "reminder-1h.page.html",
    }


def add_schedule(folder: Path) -> None:
    schedule = '[messages]\nreminder = ["-7d 09:00", "-1h"]\nthanks = "end+1d 09:00"\n'
    with (folder / "config.toml").open("a", encoding="utf-8") as config:
        config.write(schedule)


async def test_send_test_asks_nothing_and_records_nothing(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        before, asked = await scene.status(), len(scene.ringcentral.requests)
        seen = await send_test(scene)
        assert (seen.code, await scene.status(), len(scene.ringcentral.requests)) == (
            0,
            before,
            asked,
        )


async def test_send_test_has_a_name_and_a_calendar_entry_of_its_own(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        await send_test(scene)
        await send_test(scene)
        names = [message["Message-ID"] for message in scene.messages()]
        entries = [
            re.search(r"UID:\S+", find_part(message, "text/calendar"))[0]
            for message in scene.messages()
        ]
    assert (len(set(names)), len(set(entries))) == (3, 2)


async def test_send_test_to_a_person_on_the_roster_is_allowed(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        seen = await send_test(scene, "--to", HOST["email"], "--person", PANELIST["email"])
        assert (seen.code, scene.recipients()) == (0, [HOST["email"]])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--person", "guset1@example.com"], "Did you mean guest1@example.com?"),
        (["--kind", "greeting"], "invitation, update, cancellation, or"),
        (["--to", "me at example"], "--to"),
        (["--entry", "remindr"], "has no entry 'remindr'"),
        (["--entry", "reminder", "--kind", "update"], "Leave out one of --kind and --entry"),
        (["--wait", "5"], "It goes with --round-trip only"),
    ],
)
async def test_send_test_of_what_there_is_not_exits_2_and_sends_nothing(tmp_path, words, message):
    async with stage(tmp_path, [panelist(1)]) as scene:
        seen = await on(scene, "send-test", NAME, "--to", ME, *words)
        assert (seen.code, message in seen.err, scene.messages()) == (2, True, [])


@pytest.mark.parametrize(
    ("rules", "code", "message"),
    [
        (MailRules(refuse={ME: "550 5.1.1 no such mailbox"}), 1, "no such mailbox"),
        (MailRules(refuse={ME: "451 4.7.1 come back later"}), 75, "come back later"),
    ],
)
async def test_send_test_that_the_server_refuses_says_so(tmp_path, rules, code, message):
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        seen = await send_test(scene)
        assert (seen.code, message in seen.err, scene.messages()) == (code, True, [])


async def test_send_test_without_a_mail_server_exits_75(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        seen = await on(scene, "send-test", NAME, "--to", ME, ONBOARDING_SMTP__PORT="1")
        assert (seen.code, "Traceback" in seen.all) == (75, False)
