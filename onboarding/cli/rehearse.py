"""`simulator`: a RingCentral and a mail server on this machine, to rehearse with the real commands.

It prints the environment variables that point `onboarding` to it. What the simulator can do stands
in `onboarding.simulator`; here its account is made, from config.toml or from a state file.
"""

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from onboarding.cli import options
from onboarding.cli.console import echo
from onboarding.cli.terminal import run_until_stopped
from onboarding.config import Config, load
from onboarding.errors import EXIT_DONE, ConfigurationError
from onboarding.pipeline.refresh import read_roster
from onboarding.pipeline.target import find_target
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.faults import BadFault, FaultKind
from onboarding.simulator.limits import Limits
from onboarding.simulator.seed import WebinarSeed, seed_account
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.smtp_catcher import MailRules, serve_mail
from onboarding.simulator.state import BadState, read_state
from onboarding.simulator.tokens import Credentials

STATE_HINT = (
    "A state file is a JSON object with `directory` (a list of colleagues) and `webinars` (each with id, host, title "
    "and sessions). Without --state the simulator has the webinars of config.toml."
)
NO_SUCH_USER = "550 5.1.1 No such user here"

ANY_CREDENTIALS = Credentials(
    client_id="rehearsal", client_secret=SecretStr("rehearsal"), jwt=SecretStr("rehearsal")
)
"""Credentials for a simulator that accepts any."""

SimulatorPort = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="The simulator's port; 0 is any free one.")
]
MailPort = Annotated[
    int,
    typer.Option(
        "--mail-port", min=0, max=65535, help="The mail catcher's port; 0 is any free one."
    ),
]
MailDir = Annotated[
    Path,
    typer.Option("--mail-dir", metavar="DIR", help="Where caught mail is stored as .eml files."),
]
StateFile = Annotated[
    Path | None,
    typer.Option("--state", metavar="FILE", help="What RingCentral has at the start (JSON)."),
]
Heavy = Annotated[
    int, typer.Option("--heavy", min=1, help="Webinar calls that are allowed in a window.")
]
Window = Annotated[float, typer.Option("--window", min=0.1, help="Seconds of a window.")]
Penalty = Annotated[
    float, typer.Option("--penalty", min=0.1, help="Seconds to wait after one call too many.")
]
FaultOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="FAULT",
        help="A fault to simulate, such as PATCH:500 or PATCH:timeout-after; repeatable.",
    ),
]
RefuseMail = Annotated[
    list[str] | None,
    typer.Option(
        "--refuse-mail", metavar="ADDRESS", help="Reject mail to ADDRESS for good; repeatable."
    ),
]
DeferMail = Annotated[
    list[str] | None,
    typer.Option(
        "--defer-mail", metavar="ADDRESS", help="Defer mail to ADDRESS, once; repeatable."
    ),
]
LoseReply = Annotated[
    list[str] | None,
    typer.Option(
        "--lose-reply",
        metavar="ADDRESS",
        help="Accept mail to ADDRESS without an answer; repeatable.",
    ),
]


def simulator(
    *,
    port: SimulatorPort = 8031,
    mail_port: MailPort = 8025,
    mail_dir: MailDir = Path("rehearsal-mail"),
    state: StateFile = None,
    heavy: Heavy = 10,
    window: Window = 60.0,
    penalty: Penalty = 60.0,
    faults: FaultOptions = None,
    refuse_mail: RefuseMail = None,
    defer_mail: DeferMail = None,
    lose_reply: LoseReply = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Simulate RingCentral and catch mail on this machine.

    For rehearsals; stop it with Ctrl-C. Without --state it has the webinars of config.toml and
    accepts any credentials.
    """
    limits = Limits(heavy=heavy, window=window, penalty=penalty)
    rules = MailRules(
        refuse=dict.fromkeys(refuse_mail or (), NO_SUCH_USER),
        defer_once=frozenset(defer_mail or ()),
        lose_reply=frozenset(lose_reply or ()),
    )
    ports = (port, mail_port)

    async def work(stop: asyncio.Event) -> int:
        account = await make_account(config_file, state, os.environ, stop)
        return await run_simulator(account, ports, mail_dir, limits, faults or [], rules, stop)

    raise typer.Exit(run_until_stopped(work))


def rehearsal_variables(
    url: str, mail_port: int, credentials: Credentials = ANY_CREDENTIALS
) -> dict[str, str]:
    """The environment variables of a rehearsal. It has its own ledger, so no person counts as mailed for real.

    `credentials` are those that the simulator accepts. They come from its state file, so they open
    nothing else.
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


async def make_account(
    config_file: Path | None, state: Path | None, environ: Mapping[str, str], stop: asyncio.Event
) -> SimulatedAccount:
    """Make the simulator's account: from a state file, else from the configured webinars and their rosters.

    Raises ConfigurationError if either can't be read.
    """
    now = datetime.now(UTC)
    if state is None:
        return await simulate_configured_webinars(load(config_file, environ), now, stop)
    try:
        return SimulatedAccount(read_state(state), now)
    except BadState as error:
        raise ConfigurationError(str(error), hint=STATE_HINT) from None


async def simulate_configured_webinars(
    config: Config, now: datetime, stop: asyncio.Event
) -> SimulatedAccount:
    """Make an account that has the webinars of a configuration, with the colleagues on their rosters."""
    staged = []
    for name, webinar in config.webinars.items():
        roster = await read_roster(find_target(config, name), stop)
        title = name.replace("-", " ").replace("_", " ").title()
        staged.append(
            WebinarSeed(webinar.webinar, webinar.session or "", roster.invitees, title=title)
        )
    return seed_account(staged, now)


async def run_simulator(
    account: SimulatedAccount,
    ports: tuple[int, int],
    mail_dir: Path,
    limits: Limits,
    faults: Sequence[str],
    rules: MailRules,
    stop: asyncio.Event,
) -> int:
    """Simulate RingCentral and catch mail until a signal comes. `ports`: RingCentral's and the mail catcher's.

    Raises ConfigurationError if a port is taken, a fault is unknown or the mail can't be stored.
    """
    try:
        async with AsyncExitStack() as stack:
            ringcentral = await stack.enter_async_context(
                serve_ringcentral(account, port=ports[0], limits=limits, faults=faults)
            )
            mail = await stack.enter_async_context(serve_mail(mail_dir, port=ports[1], rules=rules))
            credentials = account.tokens.credentials or ANY_CREDENTIALS
            _print_start(rehearsal_variables(ringcentral.url, mail.port, credentials), mail_dir)
            await stop.wait()
    except FileExistsError:
        raise ConfigurationError(
            f"{mail_dir} is not a folder.", hint="Choose another one with --mail-dir."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The simulator can't be started: {error.strerror or error}.",
            hint="Is one running already? Choose other ports with --port and --mail-port (0 is any free one).",
        ) from None
    except BadFault as error:
        raise ConfigurationError(
            str(error), hint=f"The faults are {', '.join(FaultKind)}."
        ) from None
    return EXIT_DONE


def _print_start(variables: Mapping[str, str], mail_dir: Path) -> None:
    echo(f"Simulating RingCentral at {variables['RC_SERVER_URL']}; caught mail goes to {mail_dir}.")
    echo("Set these in the terminal in which you run onboarding:\n")
    for name, value in variables.items():
        echo(f"export {name}={shlex.quote(value) if value else ''}")
    echo("\nStop with Ctrl-C. Registrations are lost then.")
