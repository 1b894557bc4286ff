"""Starts the real command many times and pays for its imports once: it forks.

    python -m tests.pipeline.again WORDS...

For each line on standard input it forks a child that runs `onboarding WORDS` to its end, tells the
child's process id, waits for its death, and tells its exit code (negative: the signal that killed
it). A child is a process like any other: it opens the ledger, takes the lease and logs in by
itself, and shares nothing but code in memory.
"""

import os
import sys

from onboarding.cli import run  # noqa: F401 -- and with it everything that the command imports
from onboarding.cli.main import main
from onboarding.config import load
from onboarding.pipeline.mailer import load_templates
from onboarding.pipeline.target import all_targets


def child(words: list[str]) -> None:
    sys.argv = ["onboarding", *words]
    os.dup2(2, 1)  # its own words must not mix with what we tell
    try:
        main()
    except SystemExit as end:
        os._exit(int(end.code or 0))


def serve(words: list[str]) -> None:
    config = load(None, os.environ)
    for goal in all_targets(config):
        load_templates(config, goal)
    for _line in sys.stdin:
        pid = os.fork()
        if not pid:
            child(words)
        tell(pid)
        tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.argv[1:])
