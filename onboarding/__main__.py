"""The way in, for the command `onboarding` and for `python -m onboarding`.

Three things come before everything else, which takes half a second to import: closed standard streams are opened,
since the next file or socket would else get their numbers and be written to; Ctrl-C ends the program in one line; and
a time zone that can't be read is replaced, since some of what follows looks at it once and for all.
"""

import os
import signal
import sys

STANDARD_STREAMS = (0, 1, 2)
INTERRUPTED = 75
"""`onboarding.errors.EXIT_TRY_LATER`, which is not imported yet."""


def main() -> None:
    """Run the command line and exit with its code."""
    _open_closed_streams()
    signal.signal(signal.SIGINT, _stop)
    from onboarding.cli import streams, time_zone  # noqa: PLC0415 -- after the two lines above

    kept = streams.hold()
    complaint = time_zone.settle(os.environ)
    if complaint:
        sys.stderr.write(f"{complaint}\n")
    from onboarding.cli.main import main as command_line  # noqa: PLC0415

    code: str | int | None = 0
    try:
        command_line()
    except SystemExit as ended:
        code = ended.code
    code = kept.exit_code(code)
    if code == INTERRUPTED:
        os._exit(INTERRUPTED)  # a name that is being looked up would hold the program for a minute
    sys.exit(code)


def _open_closed_streams() -> None:
    """Open what was closed (`<&-`, `>&-`, `2>&-`) on /dev/null; the lowest free number is the one that is missing."""
    for descriptor in STANDARD_STREAMS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _stop(_signal: int, _frame: object) -> None:
    """End at once: nothing is under way yet, or nothing that would have to be finished."""
    os.write(2, b"\nStopped.\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
