"""The recipes of the contributing page: their places are there, and following one is enough."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.docs.pages import ROOT, read, sections

PAGE = read("docs/contributing.md")
VARIABLES = {
    "RC_APP_CLIENT_ID": "client",
    "RC_APP_CLIENT_SECRET": "secret-of-the-app",
    "RC_USER_JWT": "jwt-of-the-user",
}

RECIPES = {title: text for title, text in sections(PAGE, 3).items() if title.startswith("Add a ")}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its templates, to change."""
    for folder in ("onboarding", "templates"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=skipped)
    return tmp_path


def insert(file: Path, before: str, text: str) -> None:
    """Write something in front of a place that stands in the file once."""
    content = file.read_text(encoding="utf-8")
    assert content.count(before) == 1, f"{file} has {before!r} {content.count(before)} times"
    file.write_text(content.replace(before, text + before), encoding="utf-8")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy, which is found before the installed package."""
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("title", RECIPES)
def test_every_place_of_a_recipe_is_there(title):
    places = re.findall(r"^\d+\. ((?:`[\w./]+`(?:, | and )?)+)", RECIPES[title], flags=re.MULTILINE)
    names = [name for place in places for name in re.findall(r"`([\w./]+)`", place)]
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_a_message_kind_is_added_by_its_row_and_its_templates(copy):
    kinds = copy / "onboarding/model/kinds.py"
    insert(kinds, '    CANCELLATION = "cancellation"\n', '    POSTCARD = "postcard"\n')
    insert(
        kinds,
        "        Kind.CANCELLATION: KindRules(\n",
        "        Kind.POSTCARD: KindRules(due_after_end=True),\n",
    )
    script = """
from pathlib import Path
from onboarding.messages.load import list_samples, load_template_set
from onboarding.messages.settings import BrandSettings

brand = BrandSettings(name="Northwind", sender="events@example.com", reply_to="events@example.com")
samples = list_samples(load_template_set([Path("templates")], brand))
print(len([sample for sample in samples if sample.kind == "postcard"]))
"""
    without = run(copy, "-c", script)
    assert "There is no template postcard.mjml.j2" in without.stderr
    for ending in ("mjml", "txt"):
        source = copy / "templates" / f"reminder.{ending}.j2"
        shutil.copy(source, source.with_name(f"postcard.{ending}.j2"))
    assert int(run(copy, "-c", script).stdout) > 0


def test_a_providers_reply_is_one_row(copy):
    providers = copy / "onboarding/smtp/providers.py"
    content = providers.read_text(encoding="utf-8")
    row = 'KnownReply(code=452, enhanced=("4.5.3",), phase=Phase.RCPT, '
    row += 'scope=RefusalScope.MESSAGE, hint="Too many.")'
    changed = re.sub(
        r"(GMAIL = Preset\(.*?replies=\(\n)", rf"\1        {row},\n", content, flags=re.DOTALL
    )
    assert changed != content
    providers.write_text(changed, encoding="utf-8")
    script = """
from onboarding.model.deliveries import Reply
from onboarding.smtp.phases import Phase
from onboarding.smtp.providers import Provider
from onboarding.smtp.replies import classify

reply = Reply(452, "4.5.3 too many", "4.5.3")
answers = classify(Phase.RCPT, reply, Provider.GMAIL), classify(Phase.RCPT, reply)
print(*(answer.scope.name for answer in answers))
"""
    finished = run(copy, "-c", script)
    assert finished.stdout.split() == ["MESSAGE", "RECIPIENT"], finished.stderr


def test_a_roster_format_is_one_row_and_a_module(copy):
    reader = '''"""Read a roster of lines with bars, below a first line that names the format."""


def read_pipes(content: bytes, name: str) -> list[list[str]]:
    """Return the cells, row by row."""
    return [line.split("|") for line in content.decode().splitlines()[1:]]
'''
    (copy / "onboarding/roster/pipes_reader.py").write_text(reader, encoding="utf-8")
    formats = copy / "onboarding/roster/reader.py"
    insert(
        formats,
        "from onboarding.roster.header import",
        "from onboarding.roster import pipes_reader\n",
    )
    row = (
        '    Format("pipes", lambda content: content[:6] == b"#pipes", pipes_reader.read_pipes),\n'
    )
    insert(formats, '    Format("ODS", ', row)
    script = """
from onboarding import roster

text = b"#pipes\\nfirst_name|last_name|email|role\\nAda|Lovelace|ada@example.com|Panelist\\n"
print(*(invitee.email for invitee in roster.read(text).invitees))
"""
    finished = run(copy, "-c", script)
    assert finished.stdout.strip() == "ada@example.com", finished.stderr


def test_a_command_is_one_row_and_a_function(copy):
    command = '''"""`greet`: a command of this test."""

from onboarding.cli.streams import echo


def greet_command() -> None:
    """Say hello."""
    echo("hello")
'''
    (copy / "onboarding/cli/greet.py").write_text(command, encoding="utf-8")
    main = copy / "onboarding/cli/main.py"
    content = main.read_text(encoding="utf-8")
    row = 'COMMANDS = (\n    CommandRow("greet", "greet", SET_UP, "Say hello."),\n'
    main.write_text(content.replace("COMMANDS = (\n", row, 1), encoding="utf-8")
    assert run(copy, "-m", "onboarding", "greet").stdout == "hello\n"
    assert "Say hello." in run(copy, "-m", "onboarding", "--help").stdout


def test_a_page_of_the_console_is_one_row_a_function_and_a_template(copy):
    console = copy / "onboarding/console"
    greeting = '''"""A page of this test."""

from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.pages import page


async def show_greeting(request: Request) -> Response:
    """Say hello."""
    return page("greeting.html.j2", request, webinar=request.path_params["webinar"])
'''
    template = '{% extends "base.html.j2" %}{% block heading %}Hello, {{ webinar }}{% endblock %}'
    (console / "greeting.py").write_text(greeting, encoding="utf-8")
    (console / "templates/greeting.html.j2").write_text(template, encoding="utf-8")
    routes = console / "routes.py"
    content = routes.read_text(encoding="utf-8")
    row = 'ROUTES = (\n    RouteRow("/webinars/{webinar}/hello", greeting.show_greeting),\n'
    content = content.replace("ROUTES = (\n", row, 1)
    found = "from onboarding.console import "
    routes.write_text(content.replace(found, f"{found}greeting, ", 1), encoding="utf-8")
    shutil.copy(ROOT / "config.toml", copy)
    with subprocess.Popen(
        [sys.executable, "-m", "onboarding", "serve", "--port", "0"],
        cwd=copy,
        env={**os.environ, **VARIABLES},
        stdout=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout
        link = serving.stdout.readline().split()[-1]
        with httpx.Client(base_url=link.partition("/enter/")[0], follow_redirects=True) as browser:
            stranger = browser.get("/webinars/town-hall/hello")
            browser.get(link)
            shown, other = (browser.get(f"/webinars/{name}/hello") for name in ("town-hall", "no"))
        serving.terminate()
        serving.stdout.close()

    assert "Hello" not in stranger.text
    assert "<h1>Hello, town-hall</h1>" in shown.text
    assert (other.status_code, "Hello" in other.text) == (404, False)
