"""What the commands print does nothing to a terminal, and no command prints past `streams`."""

import ast
import json
import logging
from pathlib import Path

import pytest

import onboarding.cli
from onboarding.cli.streams import LibraryLog, echo, echo_json
from onboarding.cli.terminal import ProgressBars, print_table
from onboarding.errors import describe_crash

EVIL = "Evil\x1b[31m\x1b]8;;https://evil.example\x07\u202e\u200b\x9b2J\ud800 [red]:boom:[/red]"
HARMLESS = "Evil\ufffd [red]:boom:[/red]"


def test_lines_are_printed_without_what_a_terminal_obeys(capsys):
    echo(f"  one   {EVIL}\n  two\ttabs")
    echo(EVIL, err=True)

    assert capsys.readouterr() == (f"  one   {HARMLESS}\n  two tabs\n", f"{HARMLESS}\n")


def test_json_holds_no_control_characters_even_once_it_is_read(capsys):
    echo_json({"title": EVIL, "rows": [{"name": EVIL}, 1, None, True], "of": ("x\u2028y",)})

    printed = capsys.readouterr().out
    assert json.loads(printed) == {
        "title": HARMLESS,
        "rows": [{"name": HARMLESS}, 1, None, True],
        "of": ["x y"],
    }


def test_tables_show_outside_text_as_it_is_and_never_as_markup(capsys):
    print_table(EVIL, ("who",), [(EVIL,), ("two\nlines",)])

    printed = capsys.readouterr().out
    assert printed.count(HARMLESS) == 2
    assert "\x1b" not in printed


def test_progress_shows_outside_text_as_it_is_and_never_as_markup(capsys):
    bars = ProgressBars()
    bars.say(EVIL)
    bars.begin(EVIL, 2)
    bars.end()
    bars.waiting(EVIL, 1.0)
    bars.end()

    assert HARMLESS in capsys.readouterr().err


def test_an_error_of_the_program_itself_is_named_without_its_text():
    try:
        echo_json(object())
    except TypeError as error:
        words = describe_crash(error)

    assert words.startswith(
        "onboarding: an error in this program itself, TypeError at cli/streams.py:"
    )
    assert "object" not in words


def test_what_a_library_logs_is_one_clean_line(capsys):
    record = logging.LogRecord(
        "lib", logging.ERROR, "", 0, "see https://v.example/j/x\n%s", ("\x1b[31m",), None
    )

    LibraryLog().emit(record)

    assert capsys.readouterr().err == "lib: see (link to v.example)\n"


MODULES = sorted(Path(onboarding.cli.__file__).parent.glob("*.py"))


@pytest.mark.parametrize(
    "module", [one for one in MODULES if one.name != "streams.py"], ids=lambda path: path.name
)
def test_no_command_prints_past_the_one_place(module):
    calls = [
        node.func for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)
    ]

    printing = [ast.unparse(call) for call in calls]
    assert "print" not in printing
    assert "json.dumps" not in printing
    # A report and a roster are bytes.
    is_bytes = module.name in {"report.py", "roster.py"}
    assert printing.count("typer.echo") == int(is_bytes)
