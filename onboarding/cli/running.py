"""The work behind `run`: holds the lease, shows the plan, asks, carries it out, and tells how it ended."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from email_validator import EmailNotValidError, validate_email

from onboarding.cli.output import echo, echo_json
from onboarding.cli.terminal import Quiet, confirmed, local, pause, table, teller
from onboarding.config import Config
from onboarding.errors import (
    EXIT_DONE,
    EXIT_NEEDS_A_PERSON,
    EXIT_TRY_LATER,
    EXIT_USAGE,
    Interrupted,
    OnboardingError,
    TryLater,
)
from onboarding.file_modes import cure, exposed, in_words
from onboarding.ledger import deliveries, sessions
from onboarding.ledger.sessions import Seen
from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.foreign_text import printable
from onboarding.model.people import Problem
from onboarding.model.ports import Progress
from onboarding.model.sessions import SessionStatus
from onboarding.pipeline.forecast import forecast
from onboarding.pipeline.lease import Held, HeldLease, held
from onboarding.pipeline.looking import AFTERLIFE
from onboarding.pipeline.rooms import Clock, Rooms, opened
from onboarding.pipeline.run import PATIENCE, Prepared, Result, carry_out, prepared
from onboarding.pipeline.status import problem_json
from onboarding.pipeline.target import Target, everything, target
from onboarding.plan import Action, Options, Picture, Plan
from onboarding.plan.telling import attendee_lines, lines

FORGOTTEN = timedelta(days=60)
"""How long after its end a session is still looked at once a day, in case it was moved or followed by another."""

LOOK_THERE = "Look at that terminal: it may wait for an answer. Else end that process, and the next run goes on."

SEVERITY = (EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER, EXIT_USAGE)
"""Of several webinars' exit codes the one furthest on counts."""


DO_NOT_SEND_NOW = (
    "Don't click Send now at RingCentral: it would mail RingCentral's own invitation to all who were added silently."
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run behaves towards the person, or the cron, that started it."""

    strict: bool = False
    quiet: bool = False
    as_json: bool = False
    ask: bool = False
    rehearsal_to: str = ""
    patience: timedelta = PATIENCE


def span(written: str) -> timedelta:
    """Read the time of `--wait`."""
    found = re.fullmatch(r"(\d{1,6})(s|m|h)?", written.strip())
    if not found:
        raise typer.BadParameter("write it as 30s, 10m or 1h", param_hint="--wait")
    return int(found[1]) * {"s": timedelta(seconds=1), "h": timedelta(hours=1)}.get(found[2], timedelta(minutes=1))


def address(written: str) -> str:
    """Check the address of `--to`."""
    if not written:
        return ""
    try:
        return validate_email(written, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise typer.BadParameter(printable(str(error)), param_hint="--to") from None


def warn_of_plaintext(config: Config) -> None:
    """Say that mail goes unencrypted to another machine, where that was allowed."""
    if config.smtp.in_the_clear:
        place = config.smtp.place
        echo(f"Warning: mail goes unencrypted to {place} ([smtp] allow_plaintext).", err=True)


def clock_for(stop: asyncio.Event, progress: Progress) -> Clock:
    """The real clock, whose waits a signal ends."""

    async def sleep(seconds: float) -> None:
        await pause(seconds, stop, progress)

    return Clock(sleep=sleep)


def warn_about_secrets(config: Config) -> None:
    """Say once on standard error, also with `--quiet`, that others can read a secret: a person has to act."""
    if found := exposed(config.private_paths):
        echo(f"Warning: {in_words(found)}.\nType: {cure(found)}", err=True)


async def run_one(
    config: Config, name: str, invitees: Path | None, asked_for: Options, manner: Manner, stop: asyncio.Event
) -> int:
    """Run one webinar; returns the exit code."""
    progress = teller(quiet=manner.quiet or manner.as_json)
    warn_of_plaintext(config)
    goal = target(config, name, invitees)
    async with opened(config, progress, clock_for(stop, progress), stop) as rooms, held(rooms, goal) as lease:
        ready = await prepared(rooms, goal, asked_for, strict=manner.strict)
        progress.end()
        if not manner.quiet and not manner.as_json:
            show_steps(ready.view.picture, ready.plan, config, rehearsal_to=manner.rehearsal_to)
        if manner.ask and ready.plan and not await confirmed(_question(ready.plan, manner), stop):
            rooms.go_on()
            echo("Nothing was done.")
            advise(has_unsent_invites=ready.view.picture.has_unsent_invites)
            return EXIT_NEEDS_A_PERSON
        try:
            result = await _carry_out(rooms, ready, lease, manner)
        finally:
            progress.end()
    if manner.as_json:
        echo_json(result_json(result))
    else:
        _tell(result, manner, told=ready.plan.problems)
        advise(has_unsent_invites=result.has_unsent_invites and not manner.quiet)
    return result.exit_code


def advise(*, has_unsent_invites: bool) -> None:
    """End with a warning of RingCentral's own button, while it would mail the people added from here."""
    if has_unsent_invites:
        echo(DO_NOT_SEND_NOW)


async def run_all(config: Config, manner: Manner, stop: asyncio.Event, clock: Clock | None = None) -> int:
    """Run every configured webinar that is not over, one after the other; tells only what is worth a mail from cron."""
    code, results = EXIT_DONE, []
    async with opened(config, Quiet(), clock or clock_for(stop, Quiet()), stop) as rooms:
        for goal in everything(config):
            try:
                result = await _run_next(rooms, goal, manner)
            except Interrupted:
                raise
            except Held as error:
                code = max(code, _left_to_another_run(error), key=SEVERITY.index)
                continue
            except OnboardingError as error:
                echo(f"{goal.name}: {error}", err=True)
                code = max(code, error.exit_code, key=SEVERITY.index)
                continue
            if result:
                code = max(code, result.exit_code, key=SEVERITY.index)
                results.append(result)
    _tell_all(config, results, manner)
    return code


def _tell_all(config: Config, results: Sequence[Result], manner: Manner) -> None:
    """Tell what is worth a mail from cron."""
    if any(result.did for result in results):
        warn_of_plaintext(config)
    if manner.as_json:
        echo_json([result_json(one) for one in results])
    elif not manner.quiet:
        for result in results:
            if result.did or result.news:
                _tell(result, manner)


async def _run_next(rooms: Rooms, goal: Target, manner: Manner) -> Result | None:
    """Run one of many; None where it is over. Raises Held where another run is at work on it."""
    server = rooms.config.ringcentral.server
    seen = await rooms.ledger.run(sessions.find, server, goal.webinar_id, goal.session_id or None)
    if seen and _is_over(seen, rooms.clock.now()):
        return None
    async with held(rooms, goal, hint=LOOK_THERE) as lease:
        ready = await prepared(rooms, goal, Options(), strict=manner.strict)
        return await _carry_out(rooms, ready, lease, manner)


async def _carry_out(rooms: Rooms, ready: Prepared, lease: HeldLease, manner: Manner) -> Result:
    """Carry a run out. One that is stopped says, too, what needs a person: its exit code tells only of the stop."""
    try:
        return await carry_out(rooms, ready, lease, rehearsal_to=manner.rehearsal_to, patience=manner.patience)
    except TryLater:
        entries = await rooms.ledger.run(deliveries.entries, ready.view.session_row)
        if left := needs_a_look(ready.target.name, Counter(entry.delivery.state for entry in entries)):
            echo(f"{ready.target.name}: {left}", err=True)
        raise


def _left_to_another_run(error: Held) -> int:
    """Count a webinar that another run holds: that is as it should be, until the other run hangs."""
    if not error.too_long:
        return EXIT_DONE
    echo(str(error), err=True)
    return EXIT_NEEDS_A_PERSON


def _is_over(seen: Seen, now: datetime) -> bool:
    """Whether a session was over when last seen, so that its webinar is left alone.

    It may be moved, or the webinar get another one: so it is looked at once a day for some weeks all the same.
    """
    ended = seen.status is SessionStatus.FINISHED or now > seen.end + AFTERLIFE
    # A run that is still to come was noted before the clock was set back: it says nothing.
    looked_at = seen.run_at is not None and seen.run_at <= now < seen.run_at + AFTERLIFE
    return ended and (looked_at or now > seen.end + FORGOTTEN)


def show_steps(
    picture: Picture, plan: Plan, config: Config, *, everybody: bool = False, rehearsal_to: str = ""
) -> None:
    """Say which servers, what is done for whom, and how long sending takes.

    `everybody`: also those for whom there is nothing to do.
    """
    session = picture.session
    echo(f"{session.title}  ({session.key}), {local(session.start)} local time, {session.status}")
    echo(f"RingCentral {session.key.server}, mail through {config.smtp.place}")
    if rehearsal_to:
        echo(f"REHEARSAL: people are registered, all mail goes to {rehearsal_to}")
    shown = [
        line
        for step, line in zip(plan.steps, lines(plan), strict=True)
        if everybody or step.needs_anything or step.mail_reason or step.action is Action.NONE
    ]
    shown += attendee_lines(plan)
    if shown:
        table("What a run does", ("person", "role", "RingCentral", "mail", "why"), shown)
    for note in plan.notes:
        echo(note)
    _tell_problems(plan.problems)
    if told := forecast(len(plan.mail), config.smtp, session, picture.now):
        echo(told)
    if not plan and plan.problems:
        echo("There is nothing more that a run can do; what stands above needs a person.")
    elif not plan and any(step.mail_reason or step.action is Action.NONE for step in plan.steps):
        echo("Nothing to do: all others are up to date, and the table says why these people are left alone.")
    elif not plan:
        echo("Everybody is up to date: nothing to do.")


def _question(plan: Plan, manner: Manner) -> str:
    """What a person agrees to, without the parts that don't occur."""
    change, mails = plan.change, len(plan.mail)
    whom = f" to {manner.rehearsal_to}" if manner.rehearsal_to else ""
    parts = {
        f"register {len(change.add)}": change.add,
        f"update {len(change.update)}": change.update,
        f"remove {len(change.remove)}": change.remove,
        f"send {mails} {'mail' if mails == 1 else 'mails'}{whom}": mails,
    }
    told = ", ".join(part for part, wanted in parts.items() if wanted)
    return f"{told[:1].upper()}{told[1:]}?"


def _tell(result: Result, manner: Manner, told: tuple[Problem, ...] = ()) -> None:
    """The end of a run in a few lines; `told` are problems that the person has seen already."""
    if manner.quiet and result.exit_code == EXIT_DONE:
        return
    counts = ", ".join(f"{count} {state}" for state, count in result.counts.items())
    echo(f"{result.name}: sent {result.sent} now. All messages so far: {counts or 'none'}.")
    _tell_problems([one for one in result.problems if one not in told])
    if result.exit_code == EXIT_TRY_LATER:
        echo(f"What is queued goes out with the next run: `onboarding status {result.name}`.")
    if left := needs_a_look(result.name, result.counts, result.problems):
        echo(left)


def needs_a_look(name: str, counts: Mapping[State, int], problems: Sequence[Problem] = ()) -> str:
    """Say what a person has to look at, and with which command; empty where there is nothing."""
    states = [state for state in State if counts.get(state) and state in NEEDS_A_PERSON]
    if not states and not problems:
        return ""
    found = ", ".join(f"{counts[state]} {state.replace('_', ' ')}" for state in states)
    doubts = f", and `onboarding resolve {name}` for what is in doubt" if State.IN_DOUBT in states else ""
    return f"Something needs a look{f' ({found})' if found else ''}: `onboarding status {name}`{doubts}."


def _tell_problems(problems: Iterable[Problem]) -> None:
    for one in problems:
        place = ", ".join(filter(None, (f"row {one.row}" if one.row else "", one.column or "", one.email)))
        echo(f"  ! {place}: {one.message}")


def result_json(result: Result) -> dict[str, Any]:
    """A run's end as programs read it (`docs/reference.md`)."""
    return {
        "webinar": result.name,
        "title": result.title,
        "registered": result.registered,
        "sent": result.sent,
        "counts": {state.value: count for state, count in result.counts.items()},
        "problems": [problem_json(one) for one in result.problems],
        "heavy_calls": result.heavy_calls,
        "exit_code": result.exit_code,
    }
