"""What the last runs saw of a configured webinar, so that `run --all` knows what has changed since.

The ledger keeps one `Look` for each webinar, as config.toml names it (`ledger.looks`). What follows
from it is decided in `plan.call_budget`.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Look:
    """What is remembered of a webinar.

    `digest` is that of its session (`Session.digest`) when the invitees were last listed, at
    `listed_at`. `asked_at` is when RingCentral was last asked for the session by itself, because
    no list had it. `roster` is the digest of the roster's bytes at the last run; `inputs` that of
    roster, templates and options at the last run that left nothing undone. `exit_code` is the last
    run's; None while a run is at work, or after one that was killed. `is_settled`: what that run
    left needs a person, and is what the run before had left, too. `gone_at` is when a run found
    that the session is gone, and said so. `told` is the digest of the error that kept the last run
    from going on, and `told_at` when that was said.
    """

    digest: str = ""
    listed_at: datetime | None = None
    asked_at: datetime | None = None
    roster: str = ""
    inputs: str = ""
    exit_code: int | None = None
    is_settled: bool = False
    gone_at: datetime | None = None
    told: str = ""
    told_at: datetime | None = None

    @property
    def has_open_work(self) -> bool:
        """Whether the last run left something that another one may finish by itself."""
        # None is not 0: a run that was killed has left anything. What only a person can correct,
        # and was the same twice, is looked at again when it is time.
        return self.exit_code != 0 and not self.is_settled
