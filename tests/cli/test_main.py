"""The table of commands says what the commands say, and `--help` imports none of them."""

import inspect
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
