"""What a person sees: progress on a terminal, plain lines elsewhere, a question, tables. Decides nothing.

Progress goes to standard error, results go to standard output, so that results can be piped.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from onboarding.cli.output import echo, lines
from onboarding.errors import EXIT_TRY_LATER, Interrupted
from onboarding.interrupt import interrupted
from onboarding.model.ports import Progress as Teller

T = TypeVar("T")


class Quiet:
    """Tells nothing: for `--quiet`, and for cron as long as there is nothing to say."""

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


class Lines(Quiet):
    """Tells in plain lines on standard error, for logs."""

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
        left = (task.total or 0) - (task.elapsed or 0)
        return Text(f"going on in {max(left, 0):.0f} s", style="dim")


class Bars(Lines):
    """Tells with bars and countdowns, for a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        self._bars: Progress | None = None
        self._task: TaskID | None = None

    def say(self, line: str) -> None:
        """One line, above the bar where there is one."""
        self._console.print(lines(line), style="dim")

    def begin(self, what: str, total: int) -> None:
        """Show a bar."""
        self.end()
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        self._bars = Progress(*columns, console=self._console, transient=True)
        self._bars.start()
        self._task = self._bars.add_task(lines(what), total=total)

    def advance(self) -> None:
        """Move the bar on."""
        if self._bars and self._task is not None:
            self._bars.advance(self._task)

    def waiting(self, reason: str, seconds: float) -> None:
        """Count down; whoever waits ends it."""
        self.end()
        self._bars = Progress(
            TextColumn("{task.description}:", markup=False), _SecondsLeft(), console=self._console, transient=True
        )
        self._bars.start()
        self._bars.add_task(lines(reason), total=seconds)

    def end(self) -> None:
        """Take the bar away."""
        if self._bars:
            self._bars.stop()
        self._bars = None


def progress_for(*, quiet: bool) -> Teller:
    """The progress that fits where we run."""
    if quiet:
        return Quiet()
    return Bars() if sys.stderr.isatty() else Lines()


def on_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


_LEFT_OPEN: list[asyncio.Runner] = []
"""Kept, or Python would complain of a loop that was not closed."""


def run_until_stopped(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run a command's work to its end; `work` gets the event that the first Ctrl-C or SIGTERM sets.

    The second one stops the program at once: the ledger is made for that, what was being sent is then in doubt.
    """

    async def until_done() -> T:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(one, _stop, stop)
        return await work(stop)

    before = signal.getsignal(signal.SIGINT)
    runner = asyncio.Runner(loop_factory=loop_factory())
    try:
        result = runner.run(until_done())
    except Interrupted:
        # The work has closed what it opened. To close the loop could mean to wait for a name that is being looked up,
        # which nothing ends but the resolver's own patience; the entry point leaves without that.
        _LEFT_OPEN.append(runner)
        raise
    except BaseException:
        runner.close()
        raise
    else:
        runner.close()
        return result
    finally:
        signal.signal(signal.SIGINT, before)  # the loop's own clean-up would leave a traceback to the last moments


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop, where there is one for this system: it is worth a third of a message's cost."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def _stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        sys.stderr.write("\nStopped at once.\n")
        sys.stderr.flush()
        # No clean-up: that could take as long as whatever hangs, and a second Ctrl-C means now.
        os._exit(EXIT_TRY_LATER)
    stop.set()
    echo("\nStopping: what is in flight is finished first. Once more stops at once.", err=True)


async def pause(seconds: float, stop: asyncio.Event, teller: Teller) -> None:
    """Wait, unless a signal asks us to stop meanwhile: then raise Interrupted."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
    finally:
        teller.end()
    raise interrupted()


async def confirm(question: str, stop: asyncio.Event) -> bool:
    """Ask on the terminal; Ctrl-C and the end of input mean no.

    Read by the event loop, so that the lease is renewed and a signal heard while somebody thinks it over.
    """
    echo(f"{question} [y/N] ", nl=False)
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), readable.set)
    waits = [asyncio.ensure_future(event.wait()) for event in (readable, stop)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(sys.stdin.fileno())
        for one in waits:
            one.cancel()
    return not stop.is_set() and sys.stdin.readline().strip().lower() in {"y", "yes"}


UNLIMITED_WIDTH = 4000
"""Columns of a table that no person sees on a screen: a line per row, to be searched and mailed."""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: as wide as the terminal on one, unbroken lines elsewhere."""
    width = None if sys.stdout.isatty() else UNLIMITED_WIDTH
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    drawn = Table(title=lines(title), title_justify="left", header_style="bold", expand=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*map(lines, row))
    console.print(drawn)


def local(moment: datetime) -> str:
    """A point in time as the person at this terminal reads it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
