"""The work behind `run`: holds the lease, shows the plan, asks, carries it out, and tells how it ended.

`run`: one webinar with a look and a question before it, or all of them for cron.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from email_validator import EmailNotValidError, validate_email

from onboarding.cli import options
from onboarding.cli.output import echo, echo_json
from onboarding.cli.terminal import Quiet, confirm, local, pause, progress_for, table
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
from onboarding.files.modes import cure, exposed, in_words
from onboarding.ledger import deliveries, sessions
from onboarding.ledger.sessions import StoredSession
from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.foreign_text import printable
from onboarding.model.people import Problem
from onboarding.model.ports import Progress
from onboarding.model.sessions import SessionStatus
from onboarding.pipeline.forecast import forecast
from onboarding.pipeline.lease import AlreadyRunning, HeldLease, webinar_lease
from onboarding.pipeline.refresh import SESSION_GRACE
from onboarding.pipeline.run import RETRY_WINDOW, PreparedRun, Result, execute_plan, prepare_run
from onboarding.pipeline.services import Clock, Services, open_services
from onboarding.pipeline.status import problem_json
from onboarding.pipeline.target import Target, all_targets, find_target
from onboarding.plan import Action, Options, Plan, Snapshot
from onboarding.plan.formatting import as_rows, attendee_lines

RECHECK_DAYS = timedelta(days=60)
"""How long after its end a session is still looked at once a day, in case it was moved or followed by another."""

LOOK_THERE = "Look at that terminal: it may wait for an answer. Else end that process, and the next run goes on."

SEVERITY = (EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER, EXIT_USAGE)
"""Of several webinars' exit codes the one furthest on counts."""


DO_NOT_SEND_NOW = (
    "Don't click Send now at RingCentral: it would mail RingCentral's own invitation to all who were added silently."
)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run behaves towards the person, or the cron, that started it."""

    strict: bool = False
    quiet: bool = False
    as_json: bool = False
    ask: bool = False
    rehearsal_to: str = ""
    patience: timedelta = RETRY_WINDOW


def parse_duration(written: str) -> timedelta:
    """Read the time of `--wait`."""
    found = re.fullmatch(r"(\d{1,6})(s|m|h)?", written.strip())
    if not found:
        raise typer.BadParameter("write it as 30s, 10m or 1h", param_hint="--wait")
    return int(found[1]) * {"s": timedelta(seconds=1), "h": timedelta(hours=1)}.get(found[2], timedelta(minutes=1))


def parse_address(written: str) -> str:
    """Check the address of `--to`."""
    if not written:
        return ""
    try:
        return validate_email(written, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise typer.BadParameter(printable(str(error)), param_hint="--to") from None


def warn_of_plaintext(config: Config) -> None:
    """Say that mail goes unencrypted to another machine, where that was allowed."""
    if config.smtp.is_plaintext:
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
    config: Config, name: str, invitees: Path | None, asked_for: Options, manner: RunOptions, stop: asyncio.Event
) -> int:
    """Run one webinar; returns the exit code."""
    progress = progress_for(quiet=manner.quiet or manner.as_json)
    warn_of_plaintext(config)
    goal = find_target(config, name, invitees)
    async with (
        open_services(config, progress, clock_for(stop, progress), stop) as rooms,
        webinar_lease(rooms, goal) as lease,
    ):
        ready = await prepare_run(rooms, goal, asked_for, strict=manner.strict)
        progress.end()
        if not manner.quiet and not manner.as_json:
            print_plan(ready.state.snapshot, ready.plan, config, rehearsal_to=manner.rehearsal_to)
        if manner.ask and ready.plan and not await confirm(_question(ready.plan, manner), stop):
            rooms.raise_if_stopped()
            echo("Nothing was done.")
            advise(has_unsent_invites=ready.state.snapshot.has_unsent_invites)
            return EXIT_NEEDS_A_PERSON
        try:
            result = await _carry_out(rooms, ready, lease, manner)
        finally:
            progress.end()
    if manner.as_json:
        echo_json(result_json(result))
    else:
        _print_result(result, manner, told=ready.plan.problems)
        advise(has_unsent_invites=result.has_unsent_invites and not manner.quiet)
    return result.exit_code


def advise(*, has_unsent_invites: bool) -> None:
    """End with a warning of RingCentral's own button, while it would mail the people added from here."""
    if has_unsent_invites:
        echo(DO_NOT_SEND_NOW)


async def run_all(config: Config, manner: RunOptions, stop: asyncio.Event, clock: Clock | None = None) -> int:
    """Run every configured webinar that is not over, one after the other; tells only what is worth a mail from cron."""
    code, results = EXIT_DONE, []
    async with open_services(config, Quiet(), clock or clock_for(stop, Quiet()), stop) as rooms:
        for goal in all_targets(config):
            try:
                result = await _run_next(rooms, goal, manner)
            except Interrupted:
                raise
            except AlreadyRunning as error:
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


def _tell_all(config: Config, results: Sequence[Result], manner: RunOptions) -> None:
    """Tell what is worth a mail from cron."""
    if any(result.has_changes for result in results):
        warn_of_plaintext(config)
    if manner.as_json:
        echo_json([result_json(one) for one in results])
    elif not manner.quiet:
        for result in results:
            if result.has_changes or result.has_news:
                _print_result(result, manner)


async def _run_next(rooms: Services, goal: Target, manner: RunOptions) -> Result | None:
    """Run one of many; None where it is over. Raises Held where another run is at work on it."""
    server = rooms.config.ringcentral.server
    seen = await rooms.ledger.run(sessions.find, server, goal.webinar_id, goal.session_id or None)
    if seen and _is_over(seen, rooms.clock.now()):
        return None
    async with webinar_lease(rooms, goal, hint=LOOK_THERE) as lease:
        ready = await prepare_run(rooms, goal, Options(), strict=manner.strict)
        return await _carry_out(rooms, ready, lease, manner)


async def _carry_out(rooms: Services, ready: PreparedRun, lease: HeldLease, manner: RunOptions) -> Result:
    """Carry a run out. One that is stopped says, too, what needs a person: its exit code tells only of the stop."""
    try:
        return await execute_plan(rooms, ready, lease, rehearsal_to=manner.rehearsal_to, retry_window=manner.patience)
    except TryLater:
        entries = await rooms.ledger.run(deliveries.entries, ready.state.session_row)
        if left := needs_a_look(ready.target.name, Counter(entry.delivery.state for entry in entries)):
            echo(f"{ready.target.name}: {left}", err=True)
        raise


def _left_to_another_run(error: AlreadyRunning) -> int:
    """Count a webinar that another run holds: that is as it should be, until the other run hangs."""
    if not error.too_long:
        return EXIT_DONE
    echo(str(error), err=True)
    return EXIT_NEEDS_A_PERSON


def _is_over(seen: StoredSession, now: datetime) -> bool:
    """Whether a session was over when last seen, so that its webinar is left alone.

    It may be moved, or the webinar get another one: so it is looked at once a day for some weeks all the same.
    """
    ended = seen.status is SessionStatus.FINISHED or now > seen.end + SESSION_GRACE
    # A run that is still to come was noted before the clock was set back: it says nothing.
    looked_at = seen.run_at is not None and seen.run_at <= now < seen.run_at + SESSION_GRACE
    return ended and (looked_at or now > seen.end + RECHECK_DAYS)


def print_plan(
    picture: Snapshot, plan: Plan, config: Config, *, everybody: bool = False, rehearsal_to: str = ""
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
        for step, line in zip(plan.items, as_rows(plan), strict=True)
        if everybody or step.needs_anything or step.mail_reason or step.action is Action.NONE
    ]
    shown += attendee_lines(plan)
    if shown:
        table("What a run does", ("person", "role", "RingCentral", "mail", "why"), shown)
    for note in plan.notes:
        echo(note)
    _print_problems(plan.problems)
    if told := forecast(len(plan.mail), config.smtp, session, picture.now):
        echo(told)
    if not plan and plan.problems:
        echo("There is nothing more that a run can do; what stands above needs a person.")
    elif not plan and any(step.mail_reason or step.action is Action.NONE for step in plan.items):
        echo("Nothing to do: all others are up to date, and the table says why these people are left alone.")
    elif not plan:
        echo("Everybody is up to date: nothing to do.")


def _question(plan: Plan, manner: RunOptions) -> str:
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


def _print_result(result: Result, manner: RunOptions, told: tuple[Problem, ...] = ()) -> None:
    """The end of a run in a few lines; `told` are problems that the person has seen already."""
    if manner.quiet and result.exit_code == EXIT_DONE:
        return
    counts = ", ".join(f"{count} {state}" for state, count in result.counts.items())
    echo(f"{result.name}: sent {result.sent} now. All messages so far: {counts or 'none'}.")
    _print_problems([one for one in result.problems if one not in told])
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


def _print_problems(problems: Iterable[Problem]) -> None:
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


NameOrNone = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A webinar of config.toml, or WEBINAR_ID, or WEBINAR_ID/SESSION_ID."),
]
All = Annotated[bool, typer.Option("--all", help="Every configured webinar that is not over, for cron; never asks.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking, for scripts.")]
To = Annotated[
    str,
    typer.Option("--to", metavar="ADDRESS", help="Rehearse: all mail goes to this address; nobody counts as mailed."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Do nothing at all if a roster row has a problem.")]

Wait = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long to stay for messages that were put off: 30s, 10m, 1h.")
]


def run(
    name: NameOrNone = None,
    *,
    all_: All = False,
    yes: Yes = False,
    to: To = "",
    limit: options.Limit = None,
    adopt: options.Adopt = False,
    include_already_mailed: options.IncludeAlreadyMailed = False,
    remove: options.Remove = False,
    remove_foreign: options.RemoveForeign = False,
    strict: Strict = False,
    wait: Wait = "10m",
    invitees: options.Invitees = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Register everybody on the roster at RingCentral and mail each their own join link.

    Shows what it will do and asks first. Run it again at any time: it does what is missing, and nothing twice.
    """
    # gone
    from onboarding.cli.terminal import on_terminal, run_until_stopped
    from onboarding.config import load
    from onboarding.plan import Options

    asked_for = Options(adopt, include_already_mailed, remove or remove_foreign, remove_foreign, limit)
    if bool(name) == all_:
        raise typer.BadParameter("give the name of one webinar, or --all", param_hint="NAME")
    if all_ and (asked_for != Options() or to or invitees):
        raise typer.BadParameter("takes no option that is a person's decision about one webinar", param_hint="--all")
    if name and not yes and not on_terminal():
        raise typer.BadParameter("nobody can be asked here: add --yes to do it", param_hint="--yes")
    manner = RunOptions(
        strict=strict,
        quiet=quiet,
        as_json=as_json,
        ask=not yes,
        rehearsal_to=parse_address(to),
        patience=parse_duration(wait),
    )
    config = load(config_file, os.environ)
    warn_about_secrets(config)
    if name:
        raise typer.Exit(run_until_stopped(lambda stop: run_one(config, name, invitees, asked_for, manner, stop)))
    raise typer.Exit(run_until_stopped(lambda stop: run_all(config, manner, stop)))
