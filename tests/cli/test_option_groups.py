"""A group of options is one parameter of a command, and single options for typer."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from onboarding.cli.option_groups import expand_groups


@dataclass(frozen=True)
class Paint:
    colour: Annotated[str, typer.Option("--colour")] = "red"
    dry_run: Annotated[bool, typer.Option("--dry-run")] = False


def paint_command(name: str, *, paint: Paint, count: Annotated[int, typer.Option()] = 1) -> None:
    """Paint something."""
    typer.echo(f"{name} {paint} {count}")


def run(*arguments):
    app = typer.Typer()
    app.command()(expand_groups(paint_command))
    return CliRunner().invoke(app, list(arguments)).stdout


def test_a_command_gets_the_group_from_single_options():
    given = run("door", "--colour", "blue", "--dry-run", "--count", "2")

    assert given == f"door {Paint('blue', dry_run=True)} 2\n"


def test_options_that_are_not_given_have_the_groups_defaults():
    assert run("door") == f"door {Paint()} 1\n"


def test_help_lists_the_options_in_the_groups_place():
    words = [word for word in run("--help").split() if word.startswith("--")]

    assert words[:3] == ["--colour", "--dry-run", "--count"]
    assert "Paint something." in run("--help")
