"""How a run treats the person, or the cron job, that started it."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from onboarding.pipeline.run import RETRY_WINDOW


@dataclass(frozen=True, slots=True)
class InboxEnd:
    """How the reading of the mailbox ended, before the webinars."""

    exit_code: int
    has_fault: bool = False


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the options of `run` say besides what is to be done.

    `patience` is how long a webinar's run waits for deferred messages, `linger` how long `--all`
    stays for what falls due. `metrics` is the file for Prometheus. `by` is the person, empty for
    cron.
    """

    strict: bool = False
    quiet: bool = False
    as_json: bool = False
    ask: bool = False
    rehearsal_to: str = ""
    patience: timedelta = RETRY_WINDOW
    linger: timedelta = timedelta()
    metrics: Path | None = None
    by: str = ""
