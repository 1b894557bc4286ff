"""`run`: one webinar, shown and confirmed first, or all of them for cron.

Holds the webinar's lease, prints the plan, asks, executes it, and prints how it ended. What a run
does is the pipeline's business.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import result_json
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.summaries import (
    attention_needed,
    describe_pause,
    print_plan,
    print_result,
    print_send_now_warning,
)
from onboarding.cli.terminal import (
    NoProgress,
    confirm_act,
    progress_for,
    run_until_stopped,
)
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
from onboarding.pipeline.lease import AlreadyRunning, HeldLease, webinar_lease
from onboarding.pipeline.pause import find_pause, find_time_zone, report_pause
from onboarding.pipeline.run import (
    RETRY_WINDOW,
    PreparedRun,
    Result,
    execute_plan,
    is_finished,
    prepare_run,
)
from onboarding.pipeline.services import Clock, Services, open_services
from onboarding.pipeline.status import read_attention
from onboarding.pipeline.target import Target, all_targets, find_target
from onboarding.plan import Options
from onboarding.plan.agreement import describe_work

CHECK_OTHER_RUN = (
    "Check its terminal: it may wait for an answer. "
    "Otherwise end that process; the next run continues its work."
)

SEVERITY = (EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER, EXIT_USAGE)
"""With several webinars, the exit code that comes last here wins."""

RunName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", help="A webinar of config.toml, or WEBINAR_ID, or WEBINAR_ID/SESSION_ID."
    ),
]
AllWebinars = Annotated[
    bool,
    typer.Option("--all", help="Every configured webinar that is not over, for cron; never asks."),
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="ADDRESS",
        help="Rehearse: all mail goes to this address; no person counts as mailed.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Do nothing at all if a roster row has a problem.")
]
Wait = Annotated[
    str,
    typer.Option(
        "--wait", metavar="TIME", help="How long to wait for deferred messages: 30s, 10m, 1h."
    ),
]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run treats the person, or the cron job, that started it."""

    strict: bool = False
    quiet: bool = False
    as_json: bool = False
    ask: bool = False
    rehearsal_to: str = ""
    patience: timedelta = RETRY_WINDOW
    by: str = ""


def run_command(
    name: RunName = None,
    *,
    all_: AllWebinars = False,
    yes: options.Yes = False,
    to: To = "",
    only: options.Only = None,
    role: options.Roles = None,
    kind: options.Kinds = None,
    limit: options.Limit = None,
    adopt: options.Adopt = False,
    as_told: options.AsTold = False,
    include_already_mailed: options.IncludeAlreadyMailed = False,
    remove: options.Remove = False,
    remove_foreign: options.RemoveForeign = False,
    strict: Strict = False,
    wait: Wait = "10m",
    by: options.By = "",
    invitees: options.Invitees = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Register the people on the roster and mail each their own join link.

    Shows what it will do and asks first. Run it again at any time: it does what is missing, and
    nothing twice.
    """
    # With --all each of these would decide about webinars that the person doesn't have in mind.
    decisions = {
        "--to": to,
        "--only": only,
        "--role": role,
        "--kind": kind,
        "--limit": limit,
        "--adopt": adopt,
        "--as-told": as_told,
        "--include-already-mailed": include_already_mailed,
        "--remove": remove,
        "--remove-foreign": remove_foreign,
        "--by": by,
        "--invitees": invitees,
    }
    _check_usage(name, decisions, all_=all_)
    options.check_as_told(decisions)
    # --all never asks, since cron starts it. So nothing in it may need an answer.
    options.require_answer(yes=yes or all_)
    plan_options = options.build_plan_options(
        adopt=adopt,
        include_already_mailed=include_already_mailed,
        remove=remove,
        remove_foreign=remove_foreign,
        limit=limit,
        only=only,
        role=role,
        kind=kind,
        as_told=as_told,
    )
    run_options = RunOptions(
        strict=strict,
        quiet=quiet,
        as_json=as_json,
        ask=not yes,
        rehearsal_to=options.parse_recipient(to),
        patience=options.parse_duration(wait),
        # A cron job is no person: history then has only what happened.
        by=options.find_actor(by) if name else "",
    )
    config = options.load_config(config_file)
    # Also with --quiet: until a person acts, other users can read a secret.
    options.warn_about_secrets(config)
    if not quiet:
        options.warn_about_fence(config)

    async def work(stop: asyncio.Event) -> int:
        if name:
            return await run_webinar(config, name, invitees, plan_options, run_options, stop)
        return await run_all(config, run_options, stop)

    raise typer.Exit(run_until_stopped(work))


async def run_webinar(
    config: Config,
    name: str,
    invitees: Path | None,
    plan_options: Options,
    run_options: RunOptions,
    stop: asyncio.Event,
) -> int:
    """Run one webinar. Returns the exit code."""
    progress = progress_for(quiet=run_options.quiet or run_options.as_json)
    options.warn_about_plaintext(config)
    target = find_target(config, name, invitees)
    async with (
        open_services(config, progress, options.clock_for(stop, progress), stop) as services,
        webinar_lease(services, target) as lease,
    ):
        # Under the lease and before the question: what a person agrees to must still be true
        # afterwards, and no other run can change it meanwhile.
        prepared = await prepare_run(services, target, plan_options, strict=run_options.strict)
        progress.end()
        # Before the question, which a person who has forgotten the
        # pause may then answer differently.
        await _note_pause(services, prepared, run_options)
        # Leaving here undoes nothing, because nothing was done:
        # planning stores facts, and sends nothing.
        if not await _show_and_confirm(services, prepared, run_options):
            return EXIT_NEEDS_A_PERSON
        try:
            result = await _execute(services, prepared, lease, run_options)
        finally:
            progress.end()
    # Outside the services: the JSON is written once the lease is free, so a reader may run at once.
    if run_options.as_json:
        echo_json(result_json(result))
        return result.exit_code
    # --quiet still prints a result that needs a person: its words say more than the exit code.
    if not (run_options.quiet and result.exit_code == EXIT_DONE):
        print_result(result, seen=prepared.plan.problems, rehearsal_to=run_options.rehearsal_to)
    print_send_now_warning(has_unsent_invites=result.has_unsent_invites and not run_options.quiet)
    return result.exit_code


async def run_all(
    config: Config, run_options: RunOptions, stop: asyncio.Event, clock: Clock | None = None
) -> int:
    """Run every configured webinar that is not over, one after the other.

    Prints only what is worth a mail from cron. Returns the worst exit code.
    """
    progress = NoProgress()
    async with open_services(
        config, progress, clock or options.clock_for(stop, progress), stop
    ) as services:
        # One after the other: they share RingCentral's ten calls a
        # minute, and a mail server's connections.
        ends = [await _try_target(services, target, run_options) for target in all_targets(config)]
    results = [end for end in ends if isinstance(end, Result)]
    codes = [end.exit_code if isinstance(end, Result) else end for end in ends]
    _print_results(config, results, run_options)
    # By the table, not by the number: 75 is more than 2, but 2
    # stays until a person corrects something.
    return max(codes, key=SEVERITY.index, default=EXIT_DONE)


def _check_usage(name: str | None, decisions: Mapping[str, object], *, all_: bool) -> None:
    """Check options that exclude or need each other. Raises BadParameter.

    `decisions` are the options that decide something about one webinar, so never with `--all`.
    """
    # No name does not mean all: with a forgotten name every panel would be mailed.
    if bool(name) == all_:
        raise typer.BadParameter("Give the name of one webinar, or --all.", param_hint="NAME")
    given = next((option for option, value in decisions.items() if value), None)
    if all_ and given:
        message = f"{given} can't be used with --all. Use `onboarding run NAME {given}`."
        raise typer.BadParameter(message, param_hint="--all")


async def _note_pause(services: Services, prepared: PreparedRun, run_options: RunOptions) -> None:
    """Say that a webinar is paused: a run by name goes all the same, and the pause stays."""
    pause = await find_pause(services, prepared.target)
    if pause and not run_options.quiet:
        zone = prepared.state.snapshot.session.time_zone
        sentence = describe_pause(prepared.target.name, pause.until, zone)
        echo(f"{sentence} This run goes all the same, and the pause stays.", err=True)


async def _show_and_confirm(
    services: Services, prepared: PreparedRun, run_options: RunOptions
) -> bool:
    """Print the plan, and ask if there is anything to do. Raises Interrupted on a signal.

    Returns False if the person said no.
    """
    snapshot, plan = prepared.state.snapshot, prepared.plan
    if not run_options.quiet and not run_options.as_json:
        print_plan(
            snapshot,
            plan,
            services.config,
            name=prepared.target.name,
            rehearsal_to=run_options.rehearsal_to,
        )
    # A plan without work is no question. The run still goes on, to store what it has seen.
    if not run_options.ask or not plan:
        return True
    if await confirm_act(f"{describe_work(plan, run_options.rehearsal_to)}?", services.stop):
        return True
    # Also after a no: the button at RingCentral is dangerous for those who were added before.
    print_send_now_warning(has_unsent_invites=snapshot.has_unsent_invites)
    return False


async def _try_target(services: Services, target: Target, run_options: RunOptions) -> Result | int:
    """Run one webinar of `--all`. An error ends this webinar's run only: it gives the exit code."""
    try:
        return await _run_target(services, target, run_options) or EXIT_DONE
    # Before OnboardingError, which includes it: a signal ends all webinars, not only this one.
    except Interrupted:
        raise
    # A TryLater that would be 75, and cron would mail each time that a long run is still at work.
    except AlreadyRunning as error:
        return _leave_to_other_run(error)
    except OnboardingError as error:
        echo(f"{target.name}: {error}", err=True)
        return error.exit_code


async def _run_target(services: Services, target: Target, run_options: RunOptions) -> Result | None:
    """Run one webinar of `--all`; None if it is over, or paused.

    Raises AlreadyRunning if another run holds it.
    """
    # Before the lease, and without a call: webinars of the past stay in config.toml for long.
    if await is_finished(services, target) or await _is_paused(services, target, run_options):
        return None
    async with webinar_lease(services, target, hint=CHECK_OTHER_RUN) as lease:
        # No decisions under --all: what needs one (removal, adopting) waits for a run by name.
        prepared = await prepare_run(services, target, Options(), strict=run_options.strict)
        return await _execute(services, prepared, lease, run_options)


async def _is_paused(services: Services, target: Target, run_options: RunOptions) -> bool:
    """Whether a person has paused a webinar of `--all`. Says so once a day, not with `--quiet`."""
    pause = await find_pause(services, target)
    if pause is None:
        return False
    if not run_options.quiet and await report_pause(services, target, pause):
        zone = await find_time_zone(services, target)
        echo(describe_pause(target.name, pause.until, zone), err=True)
    return True


async def _execute(
    services: Services, prepared: PreparedRun, lease: HeldLease, run_options: RunOptions
) -> Result:
    """Execute the plan. If the run is stopped, also print what needs a person.

    Exit code 75 does not say that.
    """
    try:
        return await execute_plan(
            services,
            prepared,
            lease,
            rehearsal_to=run_options.rehearsal_to,
            retry_window=run_options.patience,
            by=run_options.by,
        )
    # Interrupted is one, too: what is in doubt by then needs a person, and 75 would hide it.
    except TryLater:
        attention = await read_attention(services, prepared.state.session_row)
        if sentence := attention_needed(prepared.target.name, attention):
            echo(f"{prepared.target.name}: {sentence}", err=True)
        raise


def _leave_to_other_run(error: AlreadyRunning) -> int:
    """The exit code for a webinar that another run holds. Only a run that hangs needs a person."""
    # The other run does the work, so for this one nothing is left to do.
    if not error.too_long:
        return EXIT_DONE
    echo(str(error), err=True)
    return EXIT_NEEDS_A_PERSON


def _print_results(config: Config, results: Sequence[Result], run_options: RunOptions) -> None:
    """Print what is worth a mail from cron."""
    # Warned only where mail may have left: cron would mail the
    # same warning every quarter of an hour.
    if any(result.has_changes for result in results):
        options.warn_about_plaintext(config)
    if run_options.as_json:
        echo_json([result_json(result) for result in results])
    elif not run_options.quiet:
        for result in results:
            if result.has_changes or result.has_news:
                print_result(result)
