"""Why a run can't go on: a small tree of exceptions, each with its exit code for cron and scripts.

A fault of one person or one row of the roster is never an exception. It is a `model.people.Problem`
or an outcome, and the run goes on with the others. An exception from here ends the run.

    OnboardingError              2  (never raised itself)
    +-- ConfigurationError       2  a setting, secret, template or roster is missing or wrong
    |   +-- OutdatedLedger       2  the ledger on a server has an older version's tables
    +-- Refused                  2  RingCentral or the mail server refuses *us*
    +-- TooManyRejections        1  the mail server rejects one message after another
    +-- ProgramError             1  a fault of ours in one webinar's part of a run
    +-- TryLater                75  a server is away or busy, or another run holds the webinar
        +-- Interrupted         75  a signal asked us to stop
"""

import traceback
from pathlib import Path

EXIT_DONE = 0
EXIT_NEEDS_A_PERSON = 1
EXIT_USAGE = 2
EXIT_HAS_WORK = 3
"""Only of `plan --detailed-exitcode`, as Terraform has 2: here 2 is an error already."""

EXIT_TRY_LATER = 75
"""`EX_TEMPFAIL` of sysexits.h: cron wrappers and mail tools understand it as "run me again"."""

AFTER_CRASH = (
    "Nothing is lost: run it again. If it happens again, report this line. It holds no secret."
)
"""What to do after an error of the program itself."""

SHOWN_FRAMES = 4
"""Lines of our own that a crash report names, the innermost last."""


class OnboardingError(Exception):
    """The run can't go on.

    `message` says what happened and where; `hint` says what to do next. Neither ever holds a join
    link, a token or a password: both are printed, logged and stored.
    """

    exit_code = EXIT_USAGE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ConfigurationError(OnboardingError):
    """A setting, a secret, a template or the roster is missing or wrong; the user can fix it."""


class OutdatedLedger(ConfigurationError):
    """The ledger on a server lacks this version's tables: a person decides when it gets them."""


class Refused(OnboardingError):
    """A server refuses us: log-in, permission, sender, certificate. Trying again would not help."""


class TooManyRejections(OnboardingError):
    """The mail server rejects one message after another: a person has to find out why first."""

    exit_code = EXIT_NEEDS_A_PERSON


class ProgramError(OnboardingError):
    """This program itself has failed at one webinar; the others are served all the same."""

    exit_code = EXIT_NEEDS_A_PERSON

    @classmethod
    def of(cls, error: Exception) -> "ProgramError":
        """Name the place of a fault, without its values."""
        return cls(f"An error in this program itself, {_find_place(error)}.", hint=AFTER_CRASH)


class TryLater(OnboardingError):
    """Nothing is wrong with the input; a server is away or busy. Nothing is lost: run again."""

    exit_code = EXIT_TRY_LATER


class Interrupted(TryLater):
    """Ctrl-C or SIGTERM: what was being sent was finished or recorded, the rest is still queued."""


def describe_crash(error: BaseException) -> str:
    """Say where this program failed: the kind of the error and our own lines.

    The error's text is left out, because it may hold a secret.
    """
    return f"onboarding: an error in this program itself, {_find_place(error)}."


def _find_place(error: BaseException) -> str:
    # Paths within the package only: a user's home directory has no
    # place in a report that is passed on.
    package = Path(__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(package)]
    lines = [
        f"{Path(frame.filename).relative_to(package)}:{frame.lineno}"
        for frame in ours[-SHOWN_FRAMES:]
    ]
    where = " > ".join(lines) or "its start"
    return f"{type(error).__name__} at {where}"
