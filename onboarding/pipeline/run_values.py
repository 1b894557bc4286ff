"""A run as a value: what it has found, how far it has come, how it ended.

`run` takes these from step to step; `run_end` makes the last one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER
from onboarding.ledger.looks import LookKey
from onboarding.model.deliveries import NEEDS_A_PERSON, UNDER_WAY, State
from onboarding.model.people import Problem, Roster
from onboarding.model.sessions import Session
from onboarding.pipeline.inputs import RosterFile
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import Attention
from onboarding.pipeline.target import Target, find_look_key
from onboarding.plan import Options, Plan, PlanItem

if TYPE_CHECKING:
    from onboarding.pipeline.mailer import Mailer


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that has looked and not yet done anything.

    `mailer` is None if there is nothing to send. `doubts` counts the messages of a dead run that
    this run has marked in doubt. `calls_before` are the scarce calls that this process had made.
    `inputs` is the digest of what it started from, `roster_digest` that of the roster's bytes
    (empty: not to be compared with another run's).
    """

    target: Target
    state: RunState
    plan: Plan
    options: Options
    mailer: "Mailer | None"
    doubts: int
    calls_before: int
    inputs: str = ""
    roster_digest: str = ""

    @property
    def look_key(self) -> LookKey:
        """The name under which the ledger remembers what this run saw."""
        return find_look_key(self.state.snapshot.session.key.server, self.target)


@dataclass(frozen=True, slots=True)
class Prior:
    """What `run --all` has found out about a webinar before it runs it, so that no run asks twice.

    `listed` is the session as RingCentral's list shows it; None: it is to be asked for. `inputs` is
    what the run records at its end; empty: the next run is to look again.
    """

    file: RosterFile
    roster: Roster
    listed: Session | None
    inputs: str


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    `problems` need a person; `attention` sums up. `skipped` are the items of people who were left
    alone; `recorded` counts mailboxes that `--as-told` has recorded; `settling` counts messages in
    doubt that the mail server may still show as taken (`[smtp.sent]`). `has_changes`: it changed
    anything at RingCentral or in the ledger. `has_news`: its problems and notes differ from the
    last run's; `new_notes` are the notes about the webinar that the last run had not.
    `is_sent_by_others`: what is queued needs no further run, because workers send it.
    """

    name: str
    title: str
    sent: int
    registered: int
    counts: Mapping[State, int]
    problems: tuple[Problem, ...]
    heavy_calls: int
    has_changes: bool
    has_news: bool
    has_unsent_invites: bool
    attention: Attention
    skipped: tuple[PlanItem, ...] = ()
    recorded: int = 0
    settling: int = 0
    new_notes: tuple[str, ...] = ()
    is_sent_by_others: bool = False

    @property
    def exit_code(self) -> int:
        """0 all done; 1 something needs a person; 75 something is still to be sent."""
        # 75 comes first (EX_TEMPFAIL of sysexits.h): a caller that repeats on it gets the rest
        # sent, and then sees the 1 for what needs a person.
        if self.settling or (self.has_queue and not self.is_sent_by_others):
            return EXIT_TRY_LATER
        if self.problems or any(self.counts.get(state) for state in NEEDS_A_PERSON):
            return EXIT_NEEDS_A_PERSON
        return EXIT_DONE

    @property
    def has_queue(self) -> bool:
        """Whether any message is queued, or is just being sent."""
        return any(self.counts.get(state) for state in UNDER_WAY)


@dataclass(slots=True)
class BegunRun:
    """How far a run has come: what is recorded of it at its end, also if it was stopped.

    `state`, `plan` and `problems` are those of now; `prepared` has those that were shown.
    """

    prepared: PreparedRun
    state: RunState
    plan: Plan
    problems: tuple[Problem, ...]
    rehearsal_to: str
    queued: int = 0
    sent: int = 0
    recorded: int = 0
    heavy_calls: int = 0


def count_heavy_calls(services: Services) -> int:
    """Count the scarce calls that this process has made."""
    return services.ringcentral.calls.get("Heavy", 0)
