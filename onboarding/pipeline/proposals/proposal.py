"""What an act would do, and what came of it: the values between an act and the page that shows it.

Texts come out clean of control characters and secrets; a join link is in none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from onboarding.errors import (
    EXIT_DONE,
    EXIT_NEEDS_A_PERSON,
    EXIT_TRY_LATER,
    OnboardingError,
    TryLater,
)
from onboarding.model.foreign_text import printable
from onboarding.model.people import Problem, format_problem, shorten_problems
from onboarding.pipeline.lease import AlreadyRunning
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

HINT_WHEN_HELD = "Nothing was done. Ask again when that run has ended."
"""The hint of AlreadyRunning here: no run does what only a person asks for."""


class ActEnd(StrEnum):
    """How an act ended."""

    DONE = "done"
    NOTHING = "nothing to do"
    REFUSED = "refused"
    HELD = "held by another run"
    LATER = "try later"
    NEEDS_A_PERSON = "needs a person"


ENDING_OF_EXIT_CODE = {
    EXIT_DONE: ActEnd.DONE,
    EXIT_NEEDS_A_PERSON: ActEnd.NEEDS_A_PERSON,
    EXIT_TRY_LATER: ActEnd.LATER,
}
"""What the exit code of a command means for an act that was done."""


@dataclass(frozen=True, slots=True)
class ProposedPerson:
    """One person of a proposal: what happens to them or is sent to them, and why."""

    email: str
    name: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an act would do now: a sentence for it, and the people that it is about.

    `remarks` are worth knowing before a yes, `warnings` need attention. `digest` tells it from
    another proposal of the same act; it is empty where there is nothing to do.
    """

    sentence: str
    people: tuple[ProposedPerson, ...] = ()
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    digest: str = ""

    def __bool__(self) -> bool:
        return bool(self.digest)


@dataclass(frozen=True, slots=True)
class ActOutcome:
    """What came of an act: a sentence, a line for each thing to know, and the next step."""

    ending: ActEnd
    sentence: str
    lines: tuple[str, ...] = ()
    hint: str = ""


class Act(Protocol):
    """Something that a person may do about one webinar. Both methods raise OnboardingError."""

    @property
    def target(self) -> Target:
        """The webinar."""

    async def propose(self, services: Services) -> Proposal:
        """Say what it would do now. Changes nothing that a run or a command reads."""

    async def execute(self, services: Services, digest: str, by: str) -> ActOutcome | Proposal:
        """Do what was proposed, as the person `by`; give the new proposal if it is another now."""


def find_outcome(error: OnboardingError) -> ActOutcome:
    """Say what an error means for the person whose act it ended."""
    if isinstance(error, AlreadyRunning):
        ending = ActEnd.HELD
    elif isinstance(error, TryLater):
        ending = ActEnd.LATER
    else:
        ending = ActEnd.REFUSED
    return ActOutcome(ending, error.message, hint=error.hint)


def build_idle_outcome(proposal: Proposal) -> ActOutcome:
    """Say that there is nothing to do any more, in the words of the empty proposal."""
    return ActOutcome(ActEnd.NOTHING, proposal.sentence, proposal.warnings)


def describe_problems(problems: Sequence[Problem]) -> tuple[str, ...]:
    """List problems as texts: of many the first, and how many more there are."""
    shown, rest = shorten_problems(problems)
    texts = [_make_printable(format_problem(problem)) for problem in shown]
    return tuple(filter(None, (*texts, rest)))


def _make_printable(text: str) -> str:
    """Line by line: of a message that is held back, the lines that have changed are shown."""
    return "\n".join(map(printable, text.split("\n")))


def count(number: int, noun: str) -> str:
    """Count things in words that read well: 1 mail, 2 mails."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
