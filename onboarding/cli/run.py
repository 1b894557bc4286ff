"""`run NAME`: one webinar, shown and confirmed first; `run_all` has all of them for cron.

Holds the webinar's lease, prints the plan, asks, executes it, and prints how it ended. What a run
does is the pipeline's business.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import result_json
from onboarding.cli.output_file import check_output_file
from onboarding.cli.plan_options import PlanOptionGroup, check_as_told
from onboarding.cli.run_all import run_all
from onboarding.cli.run_options import RunOptions
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.summaries import (
    attention_needed,
    describe_pause,
    print_plan,
    print_result,
    print_send_now_warning,
)
from onboarding.cli.terminal import confirm_act, progress_for, run_until_stopped
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, TryLater
from onboarding.pipeline.lease import HeldLease, webinar_lease
from onboarding.pipeline.pause import find_pause
from onboarding.pipeline.run import RETRY_WINDOW, execute_plan, prepare_run
from onboarding.pipeline.run_values import PreparedRun, Result
from onboarding.pipeline.services import Services, open_services
from onboarding.pipeline.status import read_attention
from onboarding.pipeline.target import all_targets, find_webinar
from onboarding.plan import Options
from onboarding.plan.agreement import describe_work

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
    str | None,
    typer.Option(
        "--wait",
        metavar="TIME",
        help="How long to wait for deferred messages: 30s, 1h (default: 10m).",
    ),
]
Linger = Annotated[
    str | None,
    typer.Option(
        "--linger",
        metavar="TIME",
        help="With --all: how long to stay for what falls due by then, such as 4m (default: 0).",
    ),
]
Metrics = Annotated[
    Path | None,
    typer.Option(
        "--metrics",
        metavar="FILE",
        help="With --all: write figures for Prometheus (node_exporter's textfile collector).",
    ),
]


def run_command(
    name: RunName = None,
    *,
    all_: AllWebinars = False,
    yes: options.Yes = False,
    to: To = "",
    given: PlanOptionGroup,
    strict: Strict = False,
    wait: Wait = None,
    linger: Linger = None,
    metrics: Metrics = None,
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
    decisions = {"--to": to, **given.by_option(), "--by": by, "--invitees": invitees}
    _check_usage(name, decisions, all_=all_)
    _check_needs_all(name, {"--linger": linger, "--metrics": metrics})
    check_as_told(given, to)
    # --all never asks, since cron starts it. So nothing in it may need an answer.
    options.require_answer(yes=yes or all_)
    plan_options = given.parse()
    run_options = RunOptions(
        strict=strict,
        quiet=quiet,
        as_json=as_json,
        ask=not yes,
        rehearsal_to=options.parse_recipient(to),
        patience=_find_retry_window(wait, linger),
        linger=options.parse_duration(linger or "0", "--linger"),
        metrics=metrics,
        # A cron job is no person: history then has only what happened.
        by=options.find_actor(by) if name else "",
    )
    config = _load_config(config_file, run_options)

    async def work(stop: asyncio.Event) -> int:
        if name:
            return await run_webinar(config, name, invitees, plan_options, run_options, stop)
        return await run_all(config, run_options, stop)

    raise typer.Exit(run_until_stopped(work))


def _load_config(file: Path | None, run_options: RunOptions) -> Config:
    """Load the configuration, check the file of metrics against it, and warn of risks in it."""
    config = options.load_config(file)
    if run_options.metrics:
        check_output_file(run_options.metrics, config, all_targets(config))
    # Also with --quiet: until a person acts, other users can read a secret.
    options.warn_about_secrets(config)
    if not run_options.quiet:
        options.warn_about_fence(config)
    return config


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
    config, target = find_webinar(config, name, invitees)
    options.warn_about_plaintext(config)
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


def _find_retry_window(wait: str | None, linger: str | None) -> timedelta:
    """How long to wait for deferred messages.

    A run that lingers comes back for them itself. If it waited for one webinar's instead, nothing
    else of that webinar could be done meanwhile.
    """
    if wait is None:
        return timedelta() if linger else RETRY_WINDOW
    return options.parse_duration(wait)


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


def _check_needs_all(name: str | None, for_all: Mapping[str, object]) -> None:
    """Check that options which are about all webinars come with `--all`. Raises BadParameter."""
    for option, value in for_all.items():
        if name and value:
            raise typer.BadParameter("It needs --all.", param_hint=option)


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
