"""`demo`: the whole way once, on this machine alone.

It runs the sample roster twice, with the same code as `run`, against a simulated RingCentral and a
mail catcher.
"""

import asyncio
import email
import email.policy
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding import samples
from onboarding.cli.console import echo
from onboarding.cli.init import write_samples
from onboarding.cli.rehearse import rehearsal_variables, simulate_configured_webinars
from onboarding.cli.run import RunOptions, run_one
from onboarding.cli.summaries import print_status
from onboarding.cli.terminal import Lines, run_until_stopped
from onboarding.config import Config, load
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, ConfigurationError
from onboarding.model.deliveries import State as DeliveryState
from onboarding.pipeline.status import Status, ledger_file, read_status
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.smtp_catcher import serve_mail

DEMO = "town-hall"
"""The webinar that the sample config.toml names."""

Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir", metavar="DIR", help="Where mail and ledger go; without it a new temporary folder."
    ),
]


def demo(folder: Folder = None) -> None:
    """Run everything once on this machine, with a sample roster.

    RingCentral is simulated and mail is caught: nothing leaves this machine.
    """
    raise typer.Exit(run_until_stopped(lambda stop: show_demo(folder, stop)))


async def show_demo(folder: Path | None, stop: asyncio.Event) -> int:
    """Run the sample roster twice against servers on loopback, and print what came of it."""
    home = folder or Path(tempfile.mkdtemp(prefix="onboarding-demo-"))
    try:
        write_samples(home, samples.find_demo_invitees())
    except OSError as error:
        raise ConfigurationError(
            f"{home} can't be written: {error.strerror}.",
            hint="Choose another folder, or leave --dir out.",
        ) from None
    # The account is made before its server has an address: port 1 stands in for it.
    config = load(home / "config.toml", rehearsal_variables("http://127.0.0.1:1", 1))
    account = await simulate_configured_webinars(config, datetime.now(UTC), stop)
    async with serve_ringcentral(account) as ringcentral, serve_mail(home / "mail") as mail:
        config = load(home / "config.toml", rehearsal_variables(ringcentral.url, mail.port))
        echo(
            "A first run: a host, a co-host, panelists, and three rows that are wrong on purpose.\n"
        )
        first = await _run_demo(config, stop)
        caught = mail.messages()
        print_status(await _read_demo_status(config))
        echo("\nThe same run again: all people are up to date, so no person is mailed twice.\n")
        second = await _run_demo(config, stop)
        found = await _read_demo_status(config)
        repeated = len(mail.messages()) - len(caught)
        page = home / "message.html"
        page.write_text(_html_part(caught[-1].content), encoding="utf-8")
    echo(f"\nMessages (.eml):  {home / 'mail'}\nOne as a page:    {page}")
    echo(f"Ledger:           {ledger_file(config)}")
    echo(f"Its folder:       {home}  (made by `onboarding init`, run like yours)")
    is_good = _is_as_promised(first, second, repeated, found)
    return EXIT_DONE if is_good else EXIT_NEEDS_A_PERSON


def _is_as_promised(first: int, second: int, repeated: int, found: Status) -> bool:
    """Whether each person has one message, and both runs reported the wrong rows."""
    states = {record.delivery.state for record in found.records}
    runs = (first, second) == (EXIT_NEEDS_A_PERSON, EXIT_NEEDS_A_PERSON)
    return runs and repeated == 0 and states == {DeliveryState.SENT}


async def _run_demo(config: Config, stop: asyncio.Event) -> int:
    return await run_one(config, DEMO, None, Options(), RunOptions(), stop)


async def _read_demo_status(config: Config) -> Status:
    return await read_status(config, find_target(config, DEMO), datetime.now(UTC), Lines())


def _html_part(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("html",))
    if body is None:
        raise ConfigurationError("The demo's message has no HTML part.", hint="Check templates/.")
    return str(body.get_content())
