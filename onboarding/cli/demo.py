"""`demo`: everything once on this machine, or two weeks of it with `--fortnight`.

Runs a sample roster twice against a simulated RingCentral and a mail catcher, with the same code as
`run`. The two weeks are in `fortnight`.
"""

import asyncio
import email
import email.policy
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding import samples
from onboarding.cli.demo_folder import DEMO, make_demo_folder
from onboarding.cli.rehearse import rehearsal_variables, simulate_configured_webinars
from onboarding.cli.run import run_webinar
from onboarding.cli.run_options import RunOptions
from onboarding.cli.streams import echo
from onboarding.cli.summaries import print_status
from onboarding.cli.terminal import ProgressLines, run_until_stopped
from onboarding.config import Config, load
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, ConfigurationError
from onboarding.model.deliveries import State
from onboarding.pipeline.status import Status, ledger_file, read_status
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.smtp_catcher import RunningMail, serve_mail

DemoFolder = Annotated[
    Path | None,
    typer.Option(
        "--dir", metavar="DIR", help="Where mail and ledger go; without it a new temporary folder."
    ),
]
Fortnight = Annotated[
    bool,
    typer.Option("--fortnight", help="Two weeks of a webinar's life instead, told as a story."),
]


def demo_command(folder: DemoFolder = None, *, fortnight: Fortnight = False) -> None:
    """Run everything once on this machine, with a sample roster.

    RingCentral is simulated and mail is caught: nothing leaves this machine.
    """
    if fortnight:
        # A late import: it knows the inbox and the reports, which take long to load.
        from onboarding.cli.fortnight import run_fortnight  # noqa: PLC0415

        raise typer.Exit(run_until_stopped(lambda stop: run_fortnight(folder, stop)))
    raise typer.Exit(run_until_stopped(lambda stop: run_demo(folder, stop)))


async def run_demo(folder: Path | None, stop: asyncio.Event) -> int:
    """Run the sample roster twice against servers on loopback, and print what came of it."""
    home = make_demo_folder(folder, samples.find_demo_invitees())
    # The account is made before its server has an address: port 1 takes its place until then.
    config = load(home / "config.toml", rehearsal_variables("http://127.0.0.1:1", 1))
    # Before the servers are open, so that a roster that can't be
    # read ends the demo with its message.
    account, *_ = await simulate_configured_webinars(config, datetime.now(UTC), stop)
    async with serve_ringcentral(account) as ringcentral, serve_mail(home / "mail") as mail:
        config = load(home / "config.toml", rehearsal_variables(ringcentral.url, mail.port))
        is_good = await _run_twice(config, mail, stop)
        last = mail.messages()[-1]
    page = home / "message.html"
    page.write_text(_html_part(last.content), encoding="utf-8")
    echo(f"\nMessages (.eml):  {home / 'mail'}\nOne as a page:    {page}")
    echo(f"Ledger:           {ledger_file(config)}")
    echo(f"Its folder:       {home}  (made by `onboarding init`, run like yours)")
    return EXIT_DONE if is_good else EXIT_NEEDS_A_PERSON


async def _run_twice(config: Config, mail: RunningMail, stop: asyncio.Event) -> bool:
    """Run twice. Returns whether each person has one message and both runs met the wrong rows."""
    # The wrong rows are those of `samples/demo.csv`. Who changes it changes this sentence, too.
    echo("A first run: a host, a co-host, panelists, and three rows that are wrong on purpose.\n")
    first = await _run_demo(config, stop)
    caught = len(mail.messages())
    print_status(await _read_demo_status(config))
    echo("\nThe same run again: all people are up to date, so no person is mailed twice.\n")
    second = await _run_demo(config, stop)
    found = await _read_demo_status(config)
    states = {record.delivery.state for record in found.records}
    is_repeated = len(mail.messages()) > caught
    # Exit code 1 is the demo's success: each run must meet the wrong rows, or problems got lost.
    has_wrong_rows = first == second == EXIT_NEEDS_A_PERSON
    return has_wrong_rows and not is_repeated and states == {State.SENT}


async def _run_demo(config: Config, stop: asyncio.Event) -> int:
    # The command's own function: a demo of other code would prove nothing.
    return await run_webinar(config, DEMO, None, Options(), RunOptions(), stop)


async def _read_demo_status(config: Config) -> Status:
    return await read_status(config, find_target(config, DEMO), datetime.now(UTC), ProgressLines())


def _html_part(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("html",))
    if body is None:
        raise ConfigurationError("The demo's message has no HTML part.", hint="Check templates/.")
    return str(body.get_content())
