"""Many sessions at once, for a list of webinars: the panel in numbers, and who needs a person.

The number of statements does not grow with the number of sessions. Reads only; what one session
holds in full is in `deliveries`, `sessions` and `roster_rows`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.ledger.schema import REAL, called_off, deliveries, problems, roster_rows, sessions
from onboarding.ledger.sessions import StoredSession, build_stored_session
from onboarding.model.deliveries import HOLDS_FACTS, NEEDS_A_PERSON, UNDER_WAY, State
from onboarding.model.kinds import CANCELLING_KINDS


@dataclass(frozen=True, slots=True)
class Panel:
    """How the people of a session's panel are, each counted once, at the first that holds.

    `attention`: a message of theirs needs a person. `under_way`: one is queued or being sent.
    `informed`: their mailbox holds a message. `waiting`: they are on the roster without one.
    """

    attention: int = 0
    under_way: int = 0
    informed: int = 0
    waiting: int = 0

    @property
    def people(self) -> int:
        """How many people there are."""
        return self.attention + self.under_way + self.informed + self.waiting


class Troubled(NamedTuple):
    """A message that needs a person, or would need one if the run that sends it were dead."""

    session: int
    key: str
    state: State
    holder: str


class ProblemPlace(NamedTuple):
    """Which person or row a problem of the last run is about."""

    session: int
    row: int | None
    email: str


def list_stored_sessions(connection: sa.Connection) -> Sequence[StoredSession]:
    """List all accounts' sessions that had a run: those that are gone, then by their starts."""
    had_run = sa.select(sessions).where(sessions.c.run_at.is_not(None))
    in_order = had_run.order_by(sessions.c.gone_at.is_(None), sessions.c.start, sessions.c.id)
    rows = connection.execute(in_order).mappings()
    return [build_stored_session(row) for row in rows]


def list_troubled(connection: sa.Connection, numbers: Collection[int]) -> Sequence[Troubled]:
    """List the messages that need a person, and those that are being sent."""
    # Those too: whether the run that sends them lives is a question that SQL can't answer.
    states = sorted({*NEEDS_A_PERSON, State.SENDING})
    rows = connection.execute(
        sa.select(
            deliveries.c.session, deliveries.c.key, deliveries.c.state, deliveries.c.holder
        ).where(deliveries.c.session.in_(numbers), deliveries.c.state.in_(states), REAL)
    )
    return [Troubled(row.session, row.key, State(row.state), row.holder) for row in rows]


def list_problem_places(
    connection: sa.Connection, numbers: Collection[int]
) -> Sequence[ProblemPlace]:
    """List the people or rows that the problems of the last runs are about, notes aside."""
    rows = connection.execute(
        sa.select(problems.c.session, problems.c.row, problems.c.email).where(
            problems.c.session.in_(numbers), sa.not_(problems.c.is_note)
        )
    )
    return [ProblemPlace(row.session, row.row, row.email) for row in rows]


def list_called_off(connection: sa.Connection, numbers: Collection[int]) -> frozenset[int]:
    """List which of the sessions a person has called off."""
    found = sa.select(called_off.c.session).where(called_off.c.session.in_(numbers))
    return frozenset(connection.execute(found).scalars())


def count_panels(connection: sa.Connection, numbers: Collection[int]) -> dict[int, Panel]:
    """Count the people of each session's panel by how they are. Sessions without people are out."""
    people = _select_people(numbers).subquery()
    counted = sa.select(people.c.session, people.c.place, sa.func.count().label("number"))
    found: dict[int, dict[str, int]] = {}
    for row in connection.execute(counted.group_by(people.c.session, people.c.place)):
        found.setdefault(row.session, {})[row.place] = row.number
    for row in connection.execute(_count_without_message(numbers)):
        found.setdefault(row.session, {})["waiting"] = row.number
    return {session: Panel(**_merge_places(places)) for session, places in found.items()}


def _merge_places(places: dict[str, int]) -> dict[str, int]:
    # A person whose messages were all cancelled waits for one, as a person without any does.
    merged = {**places, "waiting": places.get("waiting", 0) + places.get("idle", 0)}
    return {place: number for place, number in merged.items() if place not in {"idle", "removed"}}


def _select_people(numbers: Collection[int]) -> sa.Select[tuple[int, str]]:
    """Select a row for each person with a message: the session, and how they are."""

    def has(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.max(sa.case((sa.and_(*conditions), 1), else_=0))

    state, number = deliveries.c.state, deliveries.c.number
    of_removal = sa.case((deliveries.c.kind.in_(CANCELLING_KINDS), number), else_=0)
    place = sa.case(
        (has(state.in_(sorted(NEEDS_A_PERSON))) == 1, "attention"),
        # Before the rest: a person whose latest message is a cancellation is on no panel.
        (sa.func.max(of_removal) == sa.func.max(number), "removed"),
        (has(state.in_(sorted(UNDER_WAY))) == 1, "under_way"),
        (has(state.in_(sorted(HOLDS_FACTS))) == 1, "informed"),
        else_="idle",
    )
    return (
        sa.select(deliveries.c.session, place.label("place"))
        .where(deliveries.c.session.in_(numbers), REAL, state != State.SUPERSEDED)
        .group_by(deliveries.c.session, deliveries.c.key)
    )


def _count_without_message(numbers: Collection[int]) -> sa.Select[tuple[int, int]]:
    """Count the people of each roster who have had no message."""
    of_person = sa.exists().where(
        deliveries.c.session == roster_rows.c.session,
        deliveries.c.key == roster_rows.c.key,
        deliveries.c.state != State.SUPERSEDED,
        REAL,
    )
    return (
        sa.select(roster_rows.c.session, sa.func.count().label("number"))
        .where(roster_rows.c.session.in_(numbers), ~of_person)
        .group_by(roster_rows.c.session)
    )
