"""The entry point of the command `onboarding` and of `python -m onboarding`.

Three things come before the slow imports. Closed standard streams are opened: otherwise the next
file or socket would get their numbers, and our output would go there. Ctrl-C ends the program with
one line. A time zone that can't be read is replaced, because libraries read it only once.
"""

import gc
import os
import signal
import sys

STANDARD_STREAMS = (0, 1, 2)
INTERRUPTED = 75
"""`onboarding.errors.EXIT_TRY_LATER`, which is not imported yet."""

NEW_OBJECTS = 50_000
"""After so many new objects Python looks for garbage; after 700, its default, imports are slow."""

THREAD_TURN = 0.0005
"""Seconds after which a thread lets another one in.

With 5 ms, Python's default, the ledger's thread waits so long after each statement while messages
are composed, and the connections wait for the ledger.
"""


def main() -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(NEW_OBJECTS)
    sys.setswitchinterval(THREAD_TURN)
    _open_closed_streams()
    signal.signal(signal.SIGINT, _exit_at_once)
    from onboarding.cli import process  # noqa: PLC0415 -- after the lines above

    standard_streams = process.replace_streams()
    warning = process.check_time_zone(os.environ)
    if warning:
        sys.stderr.write(f"{warning}\n")
    from onboarding.cli.main import main as run_command_line  # noqa: PLC0415 -- slow

    code: str | int | None = 0
    try:
        run_command_line()
    except SystemExit as error:
        code = error.code
    # This flushes as well, which `os._exit` would not do.
    code = standard_streams.exit_code(code)
    if code == INTERRUPTED:
        # A thread may still be looking up a name, and waiting for it could take a minute.
        os._exit(INTERRUPTED)
    # The process ends. A last search for garbage among all modules would cost as much as a sixth of
    # a run with nothing to do.
    gc.freeze()
    sys.exit(code)


def _open_closed_streams() -> None:
    """Open closed standard streams (`<&-`, `>&-`, `2>&-`) on /dev/null."""
    # In order of their numbers, because `open` takes the lowest free number.
    for descriptor in STANDARD_STREAMS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _exit_at_once(_signal: int, _frame: object) -> None:
    """Exit on Ctrl-C. Nothing that has to be finished has begun: a run sets its own handler."""
    os.write(2, b"\nStopped.\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
