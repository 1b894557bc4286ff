"""What a person reads before a run, after it, and from `status`.

These are the plan, the result and what needs attention. It prints what it is given and decides
nothing. Programs read `output` instead.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from onboarding.cli.console import echo
from onboarding.cli.output import PlanRow, attendee_rows, plan_rows
from onboarding.cli.terminal import print_table
from onboarding.config import Config
from onboarding.errors import EXIT_TRY_LATER
from onboarding.model.deliveries import State
from onboarding.model.people import Problem, format_problem
from onboarding.model.time_zones import format_in_zone, format_with_zone
from onboarding.pipeline.forecast import forecast
from onboarding.pipeline.run import Result
from onboarding.pipeline.status import Attention, Status
from onboarding.plan import Action, Plan, PlanItem, Snapshot

DO_NOT_SEND_NOW = (
    "Don't click Send now at RingCentral: it would send RingCentral's own invitation "
    "to all people who were added silently."
)


def print_plan(
    snapshot: Snapshot,
    plan: Plan,
    config: Config,
    *,
    all_people: bool = False,
    rehearsal_to: str = "",
) -> None:
    """Print which servers are used, what is done for each person, and how long sending takes.

    `all_people`: also the people for which there is nothing to do.
    """
    session = snapshot.session
    start = format_with_zone(session.start, session.time_zone)
    echo(f"{session.title}  ({session.key}), {start}, {session.status}")
    echo(f"RingCentral {session.key.server}, mail through {config.smtp.host_and_port}")
    if rehearsal_to:
        echo(f"REHEARSAL: people are registered, all mail goes to {rehearsal_to}")
    if rows := _rows_to_show(plan, all_people=all_people):
        print_table("What a run does", ("person", "role", "RingCentral", "mail", "why"), rows)
    for note in plan.notes:
        echo(note)
    print_problems(plan.problems)
    if sentence := forecast(len(plan.mail), config.smtp, session, snapshot.now):
        echo(sentence)
    if not plan:
        echo(_nothing_to_do(plan))


def print_result(result: Result, *, seen: Collection[Problem] = ()) -> None:
    """Print the end of a run. Problems that the person has `seen` are not repeated."""
    counts = _join_counts(result.counts)
    echo(f"{result.name}: sent {result.sent} now. All messages so far: {counts or 'none'}.")
    if result.recorded:
        people = _count(result.recorded, "mailbox", "mailboxes")
        echo(f"{people} recorded as told; nothing was mailed. Later changes will be.")
    print_problems(problem for problem in result.problems if problem not in seen)
    if result.exit_code == EXIT_TRY_LATER:
        echo(f"The next run sends what is queued: `onboarding status {result.name}`.")
    if sentence := attention_needed(result.name, result.attention):
        echo(sentence)


def print_status(status: Status) -> None:
    """Print each person's message and what came of it, then what is wrong."""
    seen = status.seen
    if status.pause:
        zone = seen.time_zone if seen else ""
        echo(describe_pause(status.name, status.pause.until, zone))
    if seen is None:
        echo(f"{status.name}: no run yet. `onboarding run {status.name}` starts one.")
        return
    start = format_with_zone(seen.start, seen.time_zone)
    title = f"{seen.title}  ({seen.key}), {start}, {seen.status}"
    columns = ("person", "role", "mail", "state", "when", "server's reply", "why")
    print_table(title, columns, _status_rows(status, seen.time_zone))
    if status.problems:
        rows = [
            (str(problem.row or ""), problem.column or "", problem.email, problem.message)
            for problem in status.problems
        ]
        print_table("Remarks on the last run", ("row", "column", "address", "why"), rows)
    if status.mailed_by_ringcentral:
        people = ", ".join(status.mailed_by_ringcentral)
        echo(f"RingCentral has mailed these people itself: {people}.")
    echo(_status_line(status))


def describe_pause(name: str, until: datetime | None, time_zone: str) -> str:
    """Say that a webinar is paused, until when, and how to end that."""
    held = f" until {format_with_zone(until, time_zone)}" if until else ""
    return (
        f"{name} is paused{held}: `run --all` leaves it alone. "
        f"`onboarding resume {name}` ends the pause."
    )


def print_send_now_warning(*, has_unsent_invites: bool) -> None:
    """Warn of RingCentral's own button while it would mail the people who were added from here."""
    if has_unsent_invites:
        echo(DO_NOT_SEND_NOW)


def print_problems(problems: Iterable[Problem]) -> None:
    """Print each problem. Further lines, which show what has changed, are below it."""
    for problem in problems:
        lines = format_problem(problem).replace("\n", "\n      ")
        echo(f"  ! {lines}")


def attention_needed(name: str, attention: Attention) -> str:
    """One sentence on what needs a person, and the command that shows it; empty if nothing does."""
    if not attention:
        return ""
    who = {0: "The webinar needs attention", 1: "1 person needs attention"}
    start = who.get(attention.people, f"{attention.people} people need attention")
    # In the order of `State`, so that the sentence is the same from run to run.
    states = {state: attention.states[state] for state in State if attention.states.get(state)}
    found = f" ({_join_counts(states)})" if states else ""
    commands = f"`onboarding status {name}`"
    if State.IN_DOUBT in states:
        commands += f", and `onboarding resolve {name}` for messages in doubt"
    return f"{start}{found}: {commands}."


def _rows_to_show(plan: Plan, *, all_people: bool) -> list[PlanRow]:
    rows = [
        row
        for item, row in zip(plan.items, plan_rows(plan), strict=True)
        if all_people or item.needs_anything or _is_left_alone(item)
    ]
    return rows + attendee_rows(plan)


def _is_left_alone(item: PlanItem) -> bool:
    return bool(item.mail_reason) or item.action is Action.NONE


def _nothing_to_do(plan: Plan) -> str:
    """Why a plan is empty."""
    if plan.problems:
        return "Nothing left to do automatically. Fix the rows above and run again."
    if any(_is_left_alone(item) for item in plan.items):
        return (
            "Nothing to do. The table says why these people are left alone; "
            "all others are up to date."
        )
    return "All people are up to date: nothing to do."


def _status_rows(status: Status, time_zone: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for record in status.current:
        delivery, name, address = record.delivery, record.name, record.delivery.email
        person = name if name == address else f"{name}\n{address}"
        when = format_in_zone(record.at, time_zone)
        role, kind, state = delivery.facts.role, delivery.kind, delivery.state
        rows.append((person, role, kind, state, when, record.reply, record.reason))
    return rows


def _status_line(status: Status) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in status.counts.items())
    problems = _count(len(status.problems), "problem") if status.problems else "no problems"
    return f"{counts or 'no message yet'}, {problems}."


def _join_counts(counts: Mapping[State, int]) -> str:
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items())


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
