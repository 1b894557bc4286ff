"""The table of commands says what the commands say, and `--help` imports none of them."""

import inspect
import itertools
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
import typer.main

from onboarding.cli.main import COMMANDS, app

GROUP: Any = typer.main.get_command(app)

HELP = """
import sys
from onboarding.cli.main import app
try:
    app(["--help"])
except SystemExit as error:
    assert error.code == 0
heavy = {"alembic", "babel", "email_validator", "httpx"}
heavy |= {"jinja2", "pydantic", "sqlalchemy", "uvicorn"}
sys.exit(f"imported: {found}" if (found := sorted(heavy & set(sys.modules))) else 0)
"""


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_table_says_what_the_command_says_itself(row):
    function = getattr(import_module(f"onboarding.cli.{row.module}"), row.function)
    first_paragraph, *_ = inspect.cleandoc(function.__doc__).split("\n\n")

    assert row.help == " ".join(first_paragraph.split())


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_real_command_has_the_name_of_its_row(row):
    assert GROUP.commands[row.name].load().name == row.name


@pytest.mark.parametrize("name", ["", *(row.name for row in COMMANDS)])
def test_help_shows_no_type(name, capsys):
    with pytest.raises(SystemExit):
        app([name, "--help"] if name else ["--help"])

    assert re.findall(r"<[a-z ]+>", capsys.readouterr().out) == []


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_help_breaks_no_line_within_a_paragraph(row):
    paragraphs = GROUP.commands[row.name].load().help.split("\n\n")

    assert [paragraph for paragraph in paragraphs if "\n" in paragraph] == []


@pytest.mark.parametrize(
    ("name", "section"), [("prune", "`[ledger]`"), ("report", "[reports.SHAPE]")]
)
def test_help_shows_the_sections_of_the_configuration(name, section, capsys):
    with pytest.raises(SystemExit):
        app([name, "--help"])

    assert section in capsys.readouterr().out


@pytest.mark.parametrize("words", [("schedule", "windows"), ("db", "windows")])
def test_value_that_a_command_does_not_know_is_refused_without_the_parsers_words(words, capsys):
    with pytest.raises(SystemExit) as ended:
        app([*words])

    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert ended.value.code == 2
    assert "'windows' is not one of" in said
    assert "Value error" not in said


def test_groups_of_the_help_are_in_their_order():
    groups = [group for group, _rows in itertools.groupby(COMMANDS, key=lambda row: row.group)]

    assert groups == ["Set up", "Look", "Send", "Repair", "Hand over", "Rehearse"]


def test_help_imports_no_command():
    ended = subprocess.run(
        [sys.executable, "-c", HELP], capture_output=True, check=False, text=True
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [row.name for row in COMMANDS if f" {row.name} " not in ended.stdout] == []


def test_each_command_is_in_the_table_once():
    names = [row.name for row in COMMANDS]

    assert list(GROUP.commands) == names
    assert len(set(names)) == len(names)
