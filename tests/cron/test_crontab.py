"""The line for cron, and a crontab in which it is put: once, and beside what is there."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.cron.crontab import add_line, find_others, render_line
from onboarding.cron.program import Program, find_command, quote_for_cron

CONFIG = Path("/home/mia/webinars/config.toml")
PROGRAM = Program(("/usr/bin/onboarding",), CONFIG, Path("/home/mia/webinars/onboarding.db"))
OWN = "MAILTO=mia@example.com\n0 7 * * *  /usr/bin/backup\n"
LINE = (
    "# webinar-onboarding: /home/mia/webinars/config.toml\n"
    "*/5 * * * *  /usr/bin/onboarding run --all --linger 4m"
    " --config /home/mia/webinars/config.toml\n"
)


def test_line_starts_the_program_every_five_minutes():
    assert render_line(PROGRAM) == LINE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", LINE),
        (OWN, OWN + LINE),
        (OWN.rstrip("\n"), OWN + LINE),
        (OWN + LINE, OWN + LINE),
        (LINE + OWN, LINE + OWN),
        # An older line of ours is replaced, in its place.
        (LINE.replace("*/5", "*/15") + OWN, LINE + OWN),
        # Only the mark is left: the line below it is a person's.
        (LINE.splitlines(keepends=True)[0] + OWN, LINE + OWN),
        # Another configuration has a line of its own.
        (LINE.replace("webinars", "other"), LINE.replace("webinars", "other") + LINE),
    ],
)
def test_line_is_put_into_a_crontab(before, after):
    assert add_line(before, PROGRAM) == after
    assert add_line(after, PROGRAM) == after


def test_lines_that_a_person_wrote_are_found():
    theirs = "*/15 * * * *  onboarding run --all --config other.toml"

    assert find_others(f"{OWN}{theirs}\n# {theirs}\n{LINE}") == [theirs]


WORD = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(WORD, min_size=1))
def test_every_word_comes_through_cron_and_the_shell_as_it_is(words):
    """As crontab(5) says: an unescaped % is a line end, and `\\%` is %."""
    quoted = quote_for_cron(tuple(words))

    assert "%" not in quoted.replace(r"\%", "")
    assert shlex.split(quoted.replace(r"\%", "%")) == words


def test_program_is_found_however_it_was_started(tmp_path):
    script = tmp_path / "onboarding"
    script.touch()

    assert find_command(str(script), "/usr/bin/python") == (str(script),)
    module = find_command(str(tmp_path / "__main__.py"), "/usr/bin/python")
    assert module == ("/usr/bin/python", "-m", "onboarding")
