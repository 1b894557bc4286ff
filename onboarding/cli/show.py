"""`plan`, `status`, `history`: what a run would do, and what runs did.

They change nothing. `plan` asks RingCentral. The others ask only the ledger.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import history_json, status_json
from onboarding.cli.output_file import check_ending, check_output_file
from onboarding.cli.plan_json import plan_json
from onboarding.cli.plan_options import PlanOptionGroup, check_as_told
from onboarding.cli.plan_page import PageFile, print_page_written, write_plan_page
from onboarding.cli.plan_rows import display_name
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.summaries import (
    describe_pause,
    print_history,
    print_plan,
    print_send_now_warning,
    print_status,
)
from onboarding.cli.terminal import ProgressLines, print_text, run_until_stopped
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_HAS_WORK, EXIT_NEEDS_A_PERSON
from onboarding.model.people import join_names
from onboarding.model.reviews import Review
from onboarding.pipeline.cron_removals import load_cron_removals
from onboarding.pipeline.inputs import load_roster_file
from onboarding.pipeline.pause import find_pause
from onboarding.pipeline.refresh import plan_fresh, refresh
from onboarding.pipeline.status import (
    Status,
    read_history,
    read_status,
    read_webinar_history,
)
from onboarding.pipeline.target import Target, find_webinar
from onboarding.plan import Options, Plan, Snapshot
from onboarding.plan.cron_removals import CronRemovals

DetailedExitCode = Annotated[
    bool,
    typer.Option(
        "--detailed-exitcode",
        help="For scripts: exit 3 if a run has anything to do and no person has a problem.",
    ),
]


def plan_command(
    name: options.Name,
    *,
    given: PlanOptionGroup,
    invitees: options.Invitees = None,
    page: PageFile = None,
    detailed_exitcode: DetailedExitCode = False,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Show what `run` would do for each person, and why.

    Also counts RingCentral's scarce calls that it would make.
    """
    # The same checks as for `run`, or the plan would show what a run refuses.
    check_as_told(given)
    plan_options = given.parse()
    config, target = options.load_webinar(config_file, name, invitees)
    # Before RingCentral is asked: the plan costs scarce calls,
    # and the file's name is known already.
    if page:
        check_output_file(page, config, [target])
        check_ending(page, ".html", ".htm")

    async def work(stop: asyncio.Event) -> int:
        return await show_plan(
            config,
            target,
            plan_options,
            stop,
            page=page,
            as_json=as_json,
            detailed=detailed_exitcode,
        )

    raise typer.Exit(run_until_stopped(work))


def status_command(
    name: options.Name, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None
) -> None:
    """Show who has their link and who has not, and why.

    Per person: role, state, when, and the mail server's reply.
    """
    found = _read_status(name, config_file)
    # No session is no error: an empty status answers the question, with exit code 0.
    if as_json:
        echo_json(status_json(found))
    else:
        print_status(found)


Who = Annotated[
    str,
    typer.Argument(
        metavar="WHO", help="A person's address; or a webinar, as NAME in other commands."
    ),
]


def history_command(
    who: Who,
    *,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Show all that happened to an address, or to a webinar.

    Of a webinar: what was done about the whole of it, such as approvals, runs and pauses.
    """
    config = options.load_config(config_file)
    # No webinar's name has an @-sign, and no address is without one.
    if "@" in who:
        events = read_history(config, who, ProgressLines())
    else:
        events = read_webinar_history(*find_webinar(config, who), ProgressLines())
    if as_json:
        echo_json(history_json(events))
        return
    if not events:
        echo(f"The ledger has nothing about {who}.")
        return
    print_history(who, events)


async def show_plan(
    config: Config,
    target: Target,
    plan_options: Options,
    stop: asyncio.Event,
    *,
    page: Path | None = None,
    as_json: bool = False,
    detailed: bool = False,
) -> int:
    """Make the plan and print it, and write its page. Returns the exit code.

    It is 1 if the plan has problems, and if `detailed` EXIT_HAS_WORK if a run has anything to do.
    """
    async with options.open_command_services(config, stop, quiet=as_json) as services:
        file = await load_roster_file(services, target)
        state = await refresh(services, target, file.parse(target))
        # No lease is taken: a plan may be looked at while a run is at
        # work, and is then as of this moment.
        state, plan = await plan_fresh(services, target, state, plan_options)
        # Shown beside the plan and not in it: a run by name goes all the same.
        pause = await find_pause(services, target)
        removals = await load_cron_removals(services, target, state, file)
        review = (
            await write_plan_page(services, target, state, plan_options, page) if page else None
        )
    if as_json:
        echo_json(plan_json(plan, pause, removals))
    else:
        if pause:
            print_text(describe_pause(target.name, pause.until, state.snapshot.session.time_zone))
        _print_whole_plan(state.snapshot, plan, config, target.name)
        # With --remove the plan itself has them.
        if removals and removals.people and not plan_options.remove:
            print_text(_describe_cron_removals(removals))
    if page and review:
        print_page_written(review, page)
    return _plan_exit_code(plan, review, detailed=detailed)


def _print_whole_plan(snapshot: Snapshot, plan: Plan, config: Config, name: str) -> None:
    """Print a plan, the people without anything to do included, and what it costs."""
    print_plan(snapshot, plan, config, name=name, all_people=True)
    calls = f"{plan.heavy_calls} of RingCentral's webinar calls"
    echo(f"A run makes {calls} (usual limit: 10 a minute).")
    print_send_now_warning(has_unsent_invites=snapshot.has_unsent_invites)


def _describe_cron_removals(removals: CronRemovals) -> str:
    """Say whom `run --all` removes, and why its next run does not."""
    people = join_names([display_name(person) for person in removals.people])
    if not removals.obstacle:
        return f"remove = true: the next `run --all` removes {people}."
    return f"remove = true: the next `run --all` does not remove {people}: {removals.obstacle}."


def _plan_exit_code(plan: Plan, review: Review | None, *, detailed: bool) -> int:
    """Whether a person is needed: for a problem, or a message that can't be composed."""
    has_fault = review is not None and any(message.fault for message in review.messages)
    if plan.problems or has_fault:
        return EXIT_NEEDS_A_PERSON
    # Problems come first: a script that acts on 3 must not overlook them.
    return EXIT_HAS_WORK if detailed and plan else EXIT_DONE


def _read_status(name: str, config_file: Path | None) -> Status:
    config, target = find_webinar(options.load_config(config_file), name)
    return asyncio.run(read_status(config, target, datetime.now(UTC), ProgressLines()))
