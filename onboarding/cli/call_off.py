"""`call-off`: the webinar does not take place, and every person with a link gets word of it.

Shows the title and who is mailed, asks once, sends, and says what came of it. What is sent is the
business of `pipeline.call_off`.
"""

import asyncio
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import call_off_json
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.summaries import print_plan, print_result
from onboarding.cli.terminal import confirm_act, run_until_stopped
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.model.time_zones import format_with_zone
from onboarding.pipeline.call_off import (
    execute_call_off,
    find_current_call_off,
    list_doubts,
    prepare_call_off,
    undo_call_off,
)
from onboarding.pipeline.lease import NOTHING_WAS_DONE, webinar_lease
from onboarding.pipeline.run_values import PreparedRun, Result
from onboarding.pipeline.target import Target

Undo = Annotated[
    bool, typer.Option("--undo", help="The webinar takes place after all: let runs go on.")
]


def call_off_command(
    name: options.Name,
    *,
    undo: Undo = False,
    yes: options.Yes = False,
    by: options.By = "",
    invitees: options.Invitees = None,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Call a webinar off: send a cancellation to every person with a link, and nothing after it.

    It removes no person at RingCentral. A session that is gone there can be called off, too.
    """
    if undo and as_json:
        raise typer.BadParameter("--undo prints no JSON.", param_hint="--json")
    # Before anything is read: without a terminal the question would be a refusal at the very end.
    options.require_answer(yes=yes)
    actor = options.find_actor(by)
    config, target = options.load_webinar(config_file, name, invitees)

    async def work(stop: asyncio.Event) -> int:
        if undo:
            return await take_back(config, target, actor, stop, ask=not yes)
        return await call_off(config, target, actor, stop, ask=not yes, as_json=as_json)

    raise typer.Exit(run_until_stopped(work))


async def call_off(
    config: Config, target: Target, by: str, stop: asyncio.Event, *, ask: bool, as_json: bool
) -> int:
    """Call a webinar off. Returns the exit code."""
    options.warn_about_plaintext(config)
    async with (
        options.open_command_services(config, stop, quiet=as_json) as services,
        # Held while the person decides: between plan and mail no
        # other run may change who has a link.
        webinar_lease(services, target, hint=NOTHING_WAS_DONE) as lease,
    ):
        prepared = await prepare_call_off(services, target, by)
        # A bar that still stands would be drawn over the plan and the question.
        services.progress.end()
        if not as_json:
            print_plan(prepared.state.snapshot, prepared.plan, config, name=target.name)
        # Asked even if there is no mail to send: the act itself keeps all later runs from mailing.
        if ask and not await confirm_act(_call_off_question(prepared), services.stop):
            return EXIT_NEEDS_A_PERSON
        # The act is stored before the first mail, so a crash here
        # leaves a webinar that is called off.
        result = await execute_call_off(services, prepared, lease, by)
        services.progress.end()
    return _print_call_off(prepared, result, as_json=as_json)


async def take_back(
    config: Config, target: Target, by: str, stop: asyncio.Event, *, ask: bool
) -> int:
    """Take a call-off back. Returns exit code 1 if the webinar is not called off."""
    async with (
        options.open_command_services(config, stop, quiet=True) as services,
        webinar_lease(services, target, hint=NOTHING_WAS_DONE),
    ):
        # Inside the lease, or a run that executes a call-off at this moment would be missed.
        if await find_current_call_off(services, target) is None:
            echo(f"{target.name} is not called off.", err=True)
            return EXIT_NEEDS_A_PERSON
        question = f"Let {target.name} take place after all? The next run invites its people again."
        if ask and not await confirm_act(question, services.stop):
            return EXIT_NEEDS_A_PERSON
        await undo_call_off(services, target, by)
    echo(f"{target.name} takes place. `onboarding run {target.name}` invites its people again.")
    return EXIT_DONE


def _call_off_question(prepared: PreparedRun) -> str:
    session, count = prepared.state.snapshot.session, len(prepared.plan.mail)
    when = format_with_zone(session.start, session.time_zone)
    mails = f"{count} {'cancellation' if count == 1 else 'cancellations'}"
    return f"Call off “{session.title}” on {when}, and send {mails}?"


def _print_call_off(prepared: PreparedRun, result: Result, *, as_json: bool) -> int:
    call_off, doubts = prepared.state.snapshot.call_off, list_doubts(prepared.plan)
    # Doubts go by their own key: these people may hold a link, and were sent no cancellation.
    if as_json and call_off:
        echo_json(call_off_json(result, call_off, doubts))
        return result.exit_code
    print_result(result)
    echo(
        f"{result.name} is called off: no run sends anything but these cancellations. "
        f"`onboarding call-off {result.name} --undo` takes that back."
    )
    if doubts:
        people = ", ".join(doubts)
        echo(f"In doubt, so not told by this: {people}. `onboarding resolve {result.name}`.")
    return result.exit_code
