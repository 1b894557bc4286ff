"""Who should be on board: an invitee as the roster names them, and what is wrong with a row.

No reading of files (that is `roster`) and no judgement about RingCentral (that is `plan`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from onboarding.model.addresses import address_key


class Role(StrEnum):
    """What a person is on the stage, in RingCentral's spelling. Attendees register themselves."""

    HOST = "Host"
    COHOST = "CoHost"
    PANELIST = "Panelist"


@dataclass(frozen=True, slots=True)
class LinkedUser:
    """A colleague, by RingCentral's internal ids (`docs/ringcentral.md`, "Linked users").

    Account and user make a person: `domain` is only sent along, for it may come back otherwise.
    """

    account_id: str
    user_id: str
    domain: str = field(default="pbx", compare=False)


@dataclass(frozen=True, slots=True)
class Colleague:
    """An enabled user of the company directory. What the directory does not have is empty."""

    linked_user: LinkedUser
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""


@dataclass(frozen=True, slots=True)
class Invitee:
    """One roster row that can be acted on.

    `row` is the spreadsheet's number (header = 1). `email` is as written, for the `To:` header;
    compare people by `key`. It is empty only while a linked user's address has not yet been looked
    up in the directory. Names may be empty for a linked user: RingCentral has them. `extra` holds
    the roster's further columns for templates.
    """

    row: int
    email: str
    role: Role
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    language: str = ""
    time_zone: str = ""
    linked_user: LinkedUser | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> str:
        """The address in the one form in which two spellings of it are equal."""
        return address_key(self.email)

    @property
    def name(self) -> str:
        """First and last name for people to read; the address where the roster has no name."""
        return f"{self.first_name} {self.last_name}".strip() or self.email


NOT_APPROVED_CODE = "not_approved"
"""The code of a problem that an approval solves."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What one row, or one person, keeps from getting on board, in words that say what to do.

    `row` and `column` are None where the problem is not a cell's (RingCentral refused the person,
    say). `code` is `NOT_APPROVED_CODE` for what waits for an approval, and empty for all others.
    """

    row: int | None
    column: str | None
    email: str
    message: str
    code: str = ""

    @property
    def waits_for_approval(self) -> bool:
        """Whether nothing is wrong: a person has to approve what is held back."""
        return self.code == NOT_APPROVED_CODE


FORGOTTEN = "(forgotten)"
"""What stands in place of the address or name of a person whose data was removed."""

MOST_NAMED = 5
"""People that a sentence names: a reminder, or a changed template, concerns all."""

MOST_SHOWN = 20
"""Problems that a person reads one by one. A roster with the wrong columns has one in each row."""


def format_problem(problem: Problem) -> str:
    """Format a problem for a person to read: where it is, and what is wrong."""
    row = f"row {problem.row}" if problem.row else ""
    where = ", ".join(filter(None, (row, problem.column, problem.email)))
    return f"{where}: {problem.message}" if where else problem.message


def shorten_problems(problems: Sequence[Problem]) -> tuple[Sequence[Problem], str]:
    """Choose the problems that a person is shown at once, and count the others by column.

    The count is empty where all are shown.
    """
    shown, others = problems[:MOST_SHOWN], problems[MOST_SHOWN:]
    if not others:
        return problems, ""
    # By column, because most often one column is wrong in all rows.
    counts = Counter(problem.column for problem in others if problem.column)
    columns = ", ".join(f"{column} {count:,}" for column, count in counts.most_common(MOST_SHOWN))
    return shown, f"and {len(others):,} more" + (f" ({columns})" if columns else "")


def join_names(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Join names for a sentence; of more than `most` the first, and how many more there are."""
    shown, rest = ", ".join(names[:most]), len(names) - most
    return f"{shown} and {rest} more" if rest > 0 else shown


@dataclass(frozen=True, slots=True)
class Roster:
    """What a roster says: the rows that can be acted on, and everything wrong with the others."""

    invitees: tuple[Invitee, ...]
    problems: tuple[Problem, ...]
