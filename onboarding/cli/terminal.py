"""The terminal: progress, tables, a question, and the signals that stop a command.

It decides nothing. Progress goes to standard error and results to standard output, so that results
can be piped. Without a terminal there are plain lines and no question. The text of a single line
goes through `streams`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import zip_longest
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.table import Table
from rich.text import Text

from onboarding.cli.streams import echo, escape_lines
from onboarding.errors import EXIT_TRY_LATER, Interrupted
from onboarding.interrupt import stop_error
from onboarding.model.ports import Progress as ProgressPort

T = TypeVar("T")

UNLIMITED_WIDTH = 4000
"""Columns of a table that is not shown on a screen: one line for each row, for grep and mail."""

NARROWEST_TEXT = 20
"""Columns that a text beside a label gets at least."""

LabelledText = tuple[str, str]
"""An item of a list: a label with the space after it, and the text, perhaps in several lines."""

_OPEN_RUNNERS: list[asyncio.Runner] = []
"""Runners that are left open at the end of the process.

Without a reference to them Python would warn of a loop that was not closed.
"""


class NoProgress:
    """Shows no progress: for `--quiet`, `--json` and cron."""

    def say(self, line: str) -> None:
        """Nothing."""

    def begin(self, what: str, total: int) -> None:
        """Nothing."""

    def advance(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""

    def waiting(self, reason: str, seconds: float) -> None:
        """Nothing."""


class ProgressLines(NoProgress):
    """Shows progress as plain lines on standard error, for logs."""

    def say(self, line: str) -> None:
        """One line."""
        echo(line, err=True)

    def begin(self, what: str, total: int) -> None:
        """One line for the whole stage."""
        self.say(f"{what}: {total}")

    def waiting(self, reason: str, seconds: float) -> None:
        """One line; a countdown would fill a log."""
        self.say(f"{reason}: waiting {seconds:.0f} s")


class _SecondsLeft(ProgressColumn):
    """The seconds that a wait still takes."""

    def render(self, task: Task) -> Text:
        # By the clock and not by steps: nothing advances while the program sleeps.
        left = (task.total or 0) - (task.elapsed or 0)
        return Text(f"continuing in {max(left, 0):.0f} s", style="dim")


class ProgressBars(ProgressLines):
    """Shows progress as bars and countdowns, for a terminal."""

    def __init__(self) -> None:
        # No markup, emoji or highlighting: texts come from outside,
        # and `[bold]` in a title is text.
        self._console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        self._bars: Progress | None = None
        self._task: TaskID | None = None

    def say(self, line: str) -> None:
        """One line, above the bar where there is one."""
        self._console.print(escape_lines(line), style="dim")

    def begin(self, what: str, total: int) -> None:
        """Show a bar."""
        # One bar at a time: Rich 14.0 refuses a second one on a console, later versions stack them.
        self.end()
        what_column = TextColumn("{task.description}", markup=False)
        columns = (what_column, BarColumn(), MofNCompleteColumn())
        self._bars = Progress(*columns, console=self._console, transient=True)
        self._bars.start()
        self._task = self._bars.add_task(escape_lines(what), total=total)

    def advance(self) -> None:
        """Move the bar on."""
        if self._bars and self._task is not None:
            self._bars.advance(self._task)

    def waiting(self, reason: str, seconds: float) -> None:
        """Count down; the caller ends it after its wait."""
        self.end()
        columns = (TextColumn("{task.description}:", markup=False), _SecondsLeft())
        self._bars = Progress(*columns, console=self._console, transient=True)
        self._bars.start()
        self._bars.add_task(escape_lines(reason), total=seconds)

    def end(self) -> None:
        """Remove the bar."""
        if self._bars:
            self._bars.stop()
        self._bars = None


def progress_for(*, quiet: bool) -> ProgressPort:
    """How this process shows progress: bars on a terminal, lines elsewhere."""
    if quiet:
        return NoProgress()
    return ProgressBars() if sys.stderr.isatty() else ProgressLines()


def is_interactive() -> bool:
    """Whether there is a terminal to ask a person on."""
    # Both: with standard output in a file the person would not see the question.
    return sys.stdin.isatty() and sys.stdout.isatty()


def run_until_stopped(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run a command's work to its end. `work` gets the event that the first Ctrl-C or SIGTERM sets.

    The second signal stops the program at once. The ledger is made for that: what was being sent is
    then in doubt. Raises what `work` raises, Interrupted after a signal.
    """
    # The entry point's handler, which exits at once. It is right
    # before and after, but not during work.
    before = signal.getsignal(signal.SIGINT)
    # A Runner and not `asyncio.run`: that would always close its loop, and wait for its threads.
    runner = asyncio.Runner(loop_factory=loop_factory())
    try:
        return runner.run(_run_with_signals(work))
    except Interrupted:
        # The work has closed what it opened. Closing the loop would wait for a name that is being
        # looked up, and only the resolver's own timeout ends that. The entry point exits without
        # closing it.
        _OPEN_RUNNERS.append(runner)
        raise
    finally:
        # Otherwise Ctrl-C during the last moments would print a traceback.
        signal.signal(signal.SIGINT, before)
        if runner not in _OPEN_RUNNERS:
            runner.close()


async def _run_with_signals(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run the work with an event that the signals set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # SIGHUP as well: a closed terminal must end a run as cleanly as Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # By the loop, so that it runs between steps of a task, never in the middle of a write.
        loop.add_signal_handler(number, _request_stop, stop)
    return await work(stop)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop, where this system has it: a message takes a third less time."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 -- it does not exist on Windows

    return uvloop.new_event_loop


def _request_stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        # Flushed by hand, as `os._exit` flushes nothing.
        sys.stderr.write("\nStopped at once.\n")
        sys.stderr.flush()
        # No clean-up: it could take as long as the call that hangs, and a second Ctrl-C means now.
        os._exit(EXIT_TRY_LATER)
    # Set before the message: printing could fail or block, and stopping must not depend on it.
    stop.set()
    echo("\nStopping after what is being sent now. Press Ctrl-C again to stop at once.", err=True)


async def pause(seconds: float, stop: asyncio.Event, progress: ProgressPort) -> None:
    """Wait so many seconds. Raises Interrupted as soon as a signal asks us to stop."""
    try:
        # The time-out is the normal end here, and the event the exception.
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
    finally:
        progress.end()
    raise stop_error()


async def confirm(question: str, stop: asyncio.Event) -> bool:
    """Ask a question on the terminal. Ctrl-C and the end of input mean no.

    The event loop reads the answer, so the lease is renewed and signals work while the person
    decides.
    """
    echo(f"{question} [y/N] ", nl=False)
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), readable.set)
    # No thread reads the answer: it could not be cancelled, and would keep the process alive.
    waits = [asyncio.ensure_future(event.wait()) for event in (readable, stop)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # In `finally`, or the loop would spin on input that is not read until the command ends.
        loop.remove_reader(sys.stdin.fileno())
        for wait in waits:
            wait.cancel()
    # A signal wins over an answer that was typed at the same moment. Only a clear yes is one.
    return not stop.is_set() and sys.stdin.readline().strip().lower() in {"y", "yes"}


async def confirm_act(question: str, stop: asyncio.Event) -> bool:
    """Ask before something is done, and say so if it is not. Raises Interrupted on a signal."""
    if await confirm(question, stop):
        return True
    # A signal is no answer: it ends the program with its own exit code.
    if stop.is_set():
        raise stop_error()
    echo("Nothing was done.")
    return False


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    narrow: Sequence[LabelledText] = (),
) -> None:
    """Print a table: as wide as the terminal, or one unbroken line per row without a terminal.

    `narrow` is the same as a list, for a terminal that is not wide enough. Without it the cells are
    folded.
    """
    console = _open_console()
    table = Table(title=escape_lines(title), title_justify="left", header_style="bold")
    for column in columns:
        # Folded and never cut: addresses and Message-IDs have to be copied whole.
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape_lines, row))
    unlimited = console.options.update(width=UNLIMITED_WIDTH)
    # Measured without limit, since Rich would squeeze the columns
    # to fit and never call it too wide.
    if narrow and console.measure(table, options=unlimited).maximum > console.width:
        print_text(title)
        print_list(narrow)
    else:
        console.print(table)


def print_text(text: str) -> None:
    """Print sentences, broken between words where the terminal ends."""
    print_list([("", text)])


def print_list(items: Sequence[LabelledText]) -> None:
    """Print texts beside their labels, and wrap them where the terminal ends."""
    console = _open_console()
    indent = max((len(label) for label, _ in items), default=0)
    # Rich loses text, or fails, where the labels leave no column. A terminal breaks longer lines.
    width = max(console.width - indent, NARROWEST_TEXT)
    for label, text in items:
        # Escaped before it is wrapped, because a control character
        # has no width that could be counted.
        lines = Text(escape_lines(text)).wrap(console, width, overflow="fold")
        for start, line in zip_longest([label], lines, fillvalue=""):
            echo(f"{start:<{indent}}{line}".rstrip())


def _open_console() -> Console:
    """Open standard output for tables: on a terminal as wide as it, elsewhere unlimited."""
    width = None if sys.stdout.isatty() else UNLIMITED_WIDTH
    return Console(width=width, markup=False, emoji=False, highlight=False)
