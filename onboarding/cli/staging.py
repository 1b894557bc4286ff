"""The work behind `demo` and `simulator`: sets the stage, names the variables, runs the same code a user runs."""

import asyncio
import email
import email.policy
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from onboarding import samples
from onboarding.cli.output import echo
from onboarding.cli.running import Manner, run_one
from onboarding.cli.setup import write_samples
from onboarding.cli.show import print_status
from onboarding.cli.terminal import Lines
from onboarding.config import Config, load
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, ConfigurationError
from onboarding.ledger.place import ledger_path
from onboarding.model.deliveries import State as DeliveryState
from onboarding.pipeline.looking import read_roster
from onboarding.pipeline.status import Status, status
from onboarding.pipeline.target import target
from onboarding.plan import Options
from onboarding.simulator.faults import BadFault, Trouble
from onboarding.simulator.limits import Limits
from onboarding.simulator.mailbox import MailRules
from onboarding.simulator.serve import serve_mail, serve_ringcentral
from onboarding.simulator.staging import Staged, world_for
from onboarding.simulator.state import BadState, read_state
from onboarding.simulator.tokens import Credentials
from onboarding.simulator.world import World

STATE_HINT = (
    "A state file is a JSON object with `directory` (a list of colleagues) and `webinars` (each with id, host, title "
    "and sessions); without --state the simulator holds the webinars of config.toml."
)
DEMO = "town-hall"
"""The webinar that the sample config.toml names."""


ANY_CREDENTIALS = Credentials(client_id="rehearsal", client_secret=SecretStr("rehearsal"), jwt=SecretStr("rehearsal"))
"""Credentials for a simulator that takes any."""


def variables(url: str, mail_port: int, credentials: Credentials = ANY_CREDENTIALS) -> dict[str, str]:
    """What has to be set for a rehearsal. Its ledger is another one, so that nobody counts as mailed for real.

    `credentials` are those that the simulator takes. They come from its own state file, so they open nothing else.
    """
    return {
        "RC_SERVER_URL": url,
        "RC_APP_CLIENT_ID": credentials.client_id,
        "RC_APP_CLIENT_SECRET": credentials.client_secret.get_secret_value(),
        "RC_USER_JWT": credentials.jwt.get_secret_value(),
        "ONBOARDING_SMTP__HOST": "127.0.0.1",
        "ONBOARDING_SMTP__PORT": str(mail_port),
        "ONBOARDING_SMTP__SECURITY": "none",
        "ONBOARDING_SMTP__AUTH": "none",
        "ONBOARDING_SMTP__USERNAME": "",
        "ONBOARDING_LEDGER__DATABASE": "sqlite:///rehearsal.db",
    }


async def stage(config_file: Path | None, state: Path | None, environ: Mapping[str, str], stop: asyncio.Event) -> World:
    """Make the simulator's account: from a state file, else from the configured webinars and their rosters."""
    now = datetime.now(UTC)
    if state is None:
        return await world_of(load(config_file, environ), now, stop)
    try:
        return World(read_state(state), now)
    except BadState as error:
        raise ConfigurationError(str(error), hint=STATE_HINT) from None


async def world_of(config: Config, now: datetime, stop: asyncio.Event) -> World:
    """An account that holds what a configuration names."""
    staged = [
        Staged(
            one.webinar,
            one.session or "",
            (await read_roster(target(config, name), stop)).invitees,
            title=name.replace("-", " ").replace("_", " ").title(),
        )
        for name, one in config.webinars.items()
    ]
    return world_for(staged, now)


async def serve(
    world: World,
    ports: tuple[int, int],
    mail_dir: Path,
    limits: Limits,
    faults: list[str],
    rules: MailRules,
    stop: asyncio.Event,
) -> int:
    """Play RingCentral and catch mail until a signal comes."""
    try:
        async with AsyncExitStack() as stack:
            ringcentral = await stack.enter_async_context(
                serve_ringcentral(world, port=ports[0], limits=limits, faults=faults)
            )
            mail = await stack.enter_async_context(serve_mail(mail_dir, port=ports[1], rules=rules))
            echo(f"RingCentral is played at {ringcentral.url}; mail is caught in {mail_dir}.")
            echo("Set these in the terminal in which you run onboarding:\n")
            taken = world.tokens.credentials or ANY_CREDENTIALS
            for name, value in variables(ringcentral.url, mail.port, taken).items():
                echo(f"export {name}={shlex.quote(value) if value else ''}")
            echo("\nStop with Ctrl-C; what was registered is forgotten then.")
            await stop.wait()
    except FileExistsError:
        raise ConfigurationError(f"{mail_dir} is no folder", hint="Name another one with --mail-dir.") from None
    except OSError as error:
        raise ConfigurationError(
            f"the simulator can't be started: {error.strerror or error}",
            hint="Is one running already? Choose other ports with --port and --mail-port (0 is any free one).",
        ) from None
    except BadFault as error:
        raise ConfigurationError(str(error), hint=f"The faults are {', '.join(Trouble)}.") from None
    return EXIT_DONE


async def show_demo(folder: Path | None, stop: asyncio.Event) -> int:
    """Run the sample roster twice against servers on loopback, and show what came of it."""
    home = folder or Path(tempfile.mkdtemp(prefix="onboarding-demo-"))
    try:
        write_samples(home, samples.demo_invitees())
    except OSError as error:
        raise ConfigurationError(
            f"{home} can't be written: {error.strerror}",
            hint="Name another folder, or leave --dir out.",
        ) from None
    staged = await world_of(load(home / "config.toml", variables("http://127.0.0.1:1", 1)), datetime.now(UTC), stop)
    async with serve_ringcentral(staged) as ringcentral, serve_mail(home / "mail") as mail:
        config = load(home / "config.toml", variables(ringcentral.url, mail.port))
        echo("A first run: a host, a co-host, panelists, and three rows that are wrong on purpose.\n")
        first = await _run(config, stop)
        caught = mail.messages()
        print_status(await _status(config))
        echo("\nThe same run again: everybody is up to date, so nobody is mailed twice.\n")
        second = await _run(config, stop)
        known = await _status(config)
        repeated = len(mail.messages()) - len(caught)
        page = home / "message.html"
        page.write_text(_html_of(caught[-1].content), encoding="utf-8")
    echo(f"\nMessages (.eml):  {home / 'mail'}\nOne as a page:    {page}")
    echo(f"Ledger:           {ledger_path(config.ledger)}")
    echo(f"Its folder:       {home}  (made by `onboarding init`, run like yours)")
    return EXIT_DONE if _as_promised(first, second, repeated, known) else EXIT_NEEDS_A_PERSON


def _as_promised(first: int, second: int, repeated: int, known: Status) -> bool:
    """Everybody who can be mailed has one mail; the wrong rows were reported both times."""
    states = {entry.delivery.state for entry in known.entries}
    return (first, second, repeated, states) == (EXIT_NEEDS_A_PERSON, EXIT_NEEDS_A_PERSON, 0, {DeliveryState.SENT})


async def _run(config: Config, stop: asyncio.Event) -> int:
    return await run_one(config, DEMO, None, Options(), Manner(), stop)


async def _status(config: Config) -> Status:
    return await status(config, target(config, DEMO), datetime.now(UTC), Lines())


def _html_of(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("html",))
    if body is None:
        raise ConfigurationError("the demo's message has no HTML part", hint="Look at templates/.")
    return str(body.get_content())
