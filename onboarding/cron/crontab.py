"""The line of a crontab that starts `run --all`, and a crontab with this line in it.

A comment before the line names its config.toml, so that it is found again and replaced. Every other
line stays as it is.
"""

from onboarding.cron.program import MINUTES, Program, quote_for_cron

_LINE_MARK = "# webinar-onboarding: "
_STARTS_ALL = {"run", "--all"}


def render_line(program: Program) -> str:
    """Render the comment and the line, each with its line end."""
    return f"{_render_mark(program)}\n*/{MINUTES} * * * *  {quote_for_cron(program.words)}\n"


def _render_mark(program: Program) -> str:
    return f"{_LINE_MARK}{program.config}"


def add_line(crontab: str, program: Program) -> str:
    """Put our line into a crontab: in the place of the one for the same config.toml, else last."""
    lines = crontab.splitlines(keepends=True)
    mark, ours = _render_mark(program), render_line(program)
    place = next((number for number, line in enumerate(lines) if line.strip() == mark), None)
    if place is None:
        # A crontab may lack its last line end, and then ours would be a part of that line.
        head = crontab if crontab.endswith("\n") or not crontab else f"{crontab}\n"
        return f"{head}{ours}"
    # Only a line that starts this program is ours: the one below the mark may have been deleted.
    replaced = 2 if _starts_all("".join(lines[place + 1 : place + 2])) else 1
    return "".join([*lines[:place], ours, *lines[place + replaced :]])


def _starts_all(line: str) -> bool:
    return not line.startswith("#") and set(line.split()) >= _STARTS_ALL


def find_others(crontab: str) -> list[str]:
    """List the lines without our mark that start `run --all` as well: a person wrote them."""
    lines = crontab.splitlines()
    before = ["", *lines]
    return [
        line
        for previous, line in zip(before, lines, strict=False)
        if _starts_all(line) and not previous.startswith(_LINE_MARK)
    ]
