"""`simulator`: rehearse against a RingCentral and a mail server on this machine.

Serves both and prints the environment variables that point the other commands to them. What the
simulator can do is in `onboarding.simulator`. Here its account is made, from config.toml or a state
file; `demo` uses the same.
"""

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from onboarding.cli import options
from onboarding.cli.rehearsal_replies import (
    REPLIES_FOLDER,
    mailbox_variables,
    parse_reply_rules,
)
from onboarding.cli.streams import echo
from onboarding.cli.terminal import run_until_stopped
from onboarding.config import Config, load
from onboarding.config.companies import name_variables
from onboarding.errors import EXIT_DONE, ConfigurationError
from onboarding.model.accounts import DEFAULT_ACCOUNT
from onboarding.pipeline.refresh import read_roster
from onboarding.pipeline.target import find_target
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.faults import BadFault, FaultKind
from onboarding.simulator.limits import Limits
from onboarding.simulator.replying_store import ReplyingStore, ReplyRules
from onboarding.simulator.seed import WebinarSeed, seed_account
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.smtp_catcher import FolderStore, MailRules, serve_mail
from onboarding.simulator.state import BadState, read_state
from onboarding.simulator.tokens import Credentials

STATE_HINT = (
    "A state file is a JSON object with `directory` (a list of colleagues) and `webinars` "
    "(each with id, host, title and sessions). "
    "Without --state the simulator has the webinars of config.toml."
)
# A refusal for good (RFC 5321 4.2.1) of a mailbox that isn't there (RFC 3463 3.2).
NO_SUCH_USER = "550 5.1.1 No such user here"

# Not blank: the simulator takes any others, but a log-in without credentials is refused as in life.
ANY_CREDENTIALS = Credentials(
    client_id="simulated-app",
    client_secret=SecretStr("simulated-secret"),
    jwt=SecretStr("simulated-jwt"),
)
"""Credentials for a simulator that accepts any.

They are no words that the history uses: a secret is removed wherever it is shown.
"""

SimulatorPort = Annotated[
    int,
    typer.Option(
        "--port", metavar="PORT", min=0, max=65535, help="The simulator's port; 0 is any free one."
    ),
]
MailPort = Annotated[
    int,
    typer.Option(
        "--mail-port",
        metavar="PORT",
        min=0,
        max=65535,
        help="The mail catcher's port; 0 is any free one.",
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
    int,
    typer.Option("--heavy", metavar="N", min=1, help="Webinar calls that are allowed in a window."),
]
Window = Annotated[
    float, typer.Option("--window", metavar="SECONDS", min=0.1, help="Seconds of a window.")
]
Penalty = Annotated[
    float,
    typer.Option(
        "--penalty", metavar="SECONDS", min=0.1, help="Seconds to wait after one call too many."
    ),
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


BounceMail = Annotated[
    list[str] | None,
    typer.Option(
        "--bounce-mail",
        metavar="ADDRESS",
        help="Accept mail to ADDRESS, which then comes back; repeatable.",
    ),
]
AnswerMail = Annotated[
    list[str] | None,
    typer.Option(
        "--answer",
        metavar="ADDRESS=WORD",
        help="Answer invitations to ADDRESS: accepted, declined or tentative; repeatable.",
    ),
]


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What the simulator serves. `ports`: RingCentral's and the mail catcher's."""

    ports: tuple[int, int]
    mail_dir: Path
    limits: Limits
    faults: Sequence[str]
    rules: MailRules
    replies: ReplyRules


def simulator_command(
    *,
    port: SimulatorPort = 8031,
    mail_port: MailPort = 8025,
    mail_dir: MailDir = Path("rehearsal-mail"),
    state: StateFile = None,
    # RingCentral's usual limit of webinar calls a minute, so that
    # a rehearsal waits where a run would.
    heavy: Heavy = 10,
    window: Window = 60.0,
    penalty: Penalty = 60.0,
    faults: FaultOptions = None,
    refuse_mail: RefuseMail = None,
    defer_mail: DeferMail = None,
    lose_reply: LoseReply = None,
    bounce_mail: BounceMail = None,
    answer: AnswerMail = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Simulate RingCentral and catch mail on this machine.

    For rehearsals; stop it with Ctrl-C. Without --state it has the webinars of config.toml and
    accepts any credentials.
    """
    simulator_options = SimulatorOptions(
        ports=(port, mail_port),
        mail_dir=mail_dir,
        limits=Limits(heavy=heavy, window=window, penalty=penalty),
        faults=faults or [],
        rules=MailRules(
            refuse=dict.fromkeys(refuse_mail or (), NO_SUCH_USER),
            defer_once=frozenset(defer_mail or ()),
            lose_reply=frozenset(lose_reply or ()),
        ),
        replies=parse_reply_rules(bounce_mail or (), answer or ()),
    )

    async def work(stop: asyncio.Event) -> int:
        accounts = await make_accounts(config_file, state, os.environ, stop)
        config = _load_if_there(config_file, os.environ)
        return await run_simulator(accounts, simulator_options, stop, config)

    raise typer.Exit(run_until_stopped(work))


def make_credentials(account: str) -> Credentials:
    """Make up what the simulator takes from an account with a name, and knows it by."""
    made_up = SecretStr(f"simulated-{account}")
    return Credentials(client_id=f"simulated-{account}", client_secret=made_up, jwt=made_up)


SMTP_PREFIX = "ONBOARDING_SMTP__"


def rehearsal_variables(
    url: str, mail_port: int, credentials: Credentials = ANY_CREDENTIALS
) -> dict[str, str]:
    """The environment variables of a rehearsal.

    It has its own ledger, so no person counts as mailed for real. `credentials` are those that the
    simulator accepts. They come from its state file, so they open nothing else.
    """
    return {
        "RC_SERVER_URL": url,
        "RC_APP_CLIENT_ID": credentials.client_id,
        "RC_APP_CLIENT_SECRET": credentials.client_secret.get_secret_value(),
        "RC_USER_JWT": credentials.jwt.get_secret_value(),
        # All that leads to the real mail server is overridden. A configured user name is emptied,
        # as the catcher asks for no log-in.
        "ONBOARDING_SMTP__HOST": "127.0.0.1",
        "ONBOARDING_SMTP__PORT": str(mail_port),
        "ONBOARDING_SMTP__SECURITY": "none",
        "ONBOARDING_SMTP__AUTH": "none",
        "ONBOARDING_SMTP__USERNAME": "",
        "ONBOARDING_LEDGER__DATABASE": "sqlite:///rehearsal.db",
    }


def company_variables(config: Config, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a rehearsal for each account and mail server with a name.

    Without them a rehearsal would reach those for real. `variables` are the plain ones.
    """
    found: dict[str, str] = {}
    for account in config.accounts:
        prefix, credentials = name_variables("accounts", account), make_credentials(account)
        found |= {
            f"{prefix}SERVER": variables["RC_SERVER_URL"],
            f"{prefix}CLIENT_ID": credentials.client_id,
            f"{prefix}CLIENT_SECRET": credentials.client_secret.get_secret_value(),
            f"{prefix}JWT": credentials.jwt.get_secret_value(),
        }
    for server in config.smtp_servers:
        prefix = name_variables("smtp_servers", server)
        found |= {
            f"{prefix}{name.removeprefix(SMTP_PREFIX)}": value
            for name, value in variables.items()
            if name.startswith(SMTP_PREFIX)
        }
    return found


async def make_accounts(
    config_file: Path | None, state: Path | None, environ: Mapping[str, str], stop: asyncio.Event
) -> list[SimulatedAccount]:
    """Make the simulator's accounts: from a state file, else from the configured webinars.

    Raises ConfigurationError if either can't be read.
    """
    now = datetime.now(UTC)
    # The configured ids, so that config.toml and its rosters work as they are.
    if state is None:
        return await simulate_configured_webinars(load(config_file, environ), now, stop)
    try:
        return [SimulatedAccount(read_state(state), now)]
    except BadState as error:
        raise ConfigurationError(str(error), hint=STATE_HINT) from None


async def simulate_configured_webinars(
    config: Config, now: datetime, stop: asyncio.Event
) -> list[SimulatedAccount]:
    """Make the accounts that have a configuration's webinars, and the colleagues on their rosters.

    The first is that of `[ringcentral]`; it takes any credentials.
    """
    seeds: dict[str, list[WebinarSeed]] = {
        DEFAULT_ACCOUNT: [],
        **{name: [] for name in config.accounts},
    }
    for name, webinar in config.webinars.items():
        roster = await read_roster(find_target(config, name), stop)
        title = name.replace("-", " ").replace("_", " ").title()
        seed = WebinarSeed(webinar.webinar, webinar.session or "", roster.invitees, title=title)
        seeds[webinar.company.account].append(seed)
    return [
        seed_account(own, now, None if account == DEFAULT_ACCOUNT else make_credentials(account))
        for account, own in seeds.items()
    ]


def _load_if_there(file: Path | None, environ: Mapping[str, str]) -> Config | None:
    """Load the configuration that is rehearsed; None if there is none beside a state file."""
    path = file or Path(environ.get("ONBOARDING_CONFIG") or "config.toml")
    return load(file, environ) if path.exists() else None


async def run_simulator(
    accounts: Sequence[SimulatedAccount],
    simulator_options: SimulatorOptions,
    stop: asyncio.Event,
    config: Config | None = None,
) -> int:
    """Simulate RingCentral and catch mail until a signal comes.

    Raises ConfigurationError if a port is taken, a fault is unknown or the mail can't be stored.
    """
    try:
        await _serve_until_stopped(accounts, simulator_options, stop, config)
    # Before OSError, which includes it: here the mail folder is a file.
    except FileExistsError:
        raise ConfigurationError(
            f"{simulator_options.mail_dir} is not a folder.",
            hint="Choose another one with --mail-dir.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The simulator can't be started: {error.strerror or error}.",
            hint="Is one running already? Choose other ports with --port and --mail-port "
            "(0 is any free one).",
        ) from None
    except BadFault as error:
        hint = f"The faults are {', '.join(FaultKind)}."
        raise ConfigurationError(str(error), hint=hint) from None
    return EXIT_DONE


async def _serve_until_stopped(
    accounts: Sequence[SimulatedAccount],
    simulator_options: SimulatorOptions,
    stop: asyncio.Event,
    config: Config | None,
) -> None:
    """Serve both, and print how to reach them."""
    port, mail_port = simulator_options.ports
    limits, faults = simulator_options.limits, simulator_options.faults
    mail_dir, rules = simulator_options.mail_dir, simulator_options.rules
    replies, maildir = simulator_options.replies, mail_dir / REPLIES_FOLDER
    store = ReplyingStore(FolderStore(mail_dir), maildir, replies, lambda: datetime.now(UTC))
    account, *others = accounts
    async with (
        serve_ringcentral(
            account, others=others, port=port, limits=limits, faults=faults
        ) as ringcentral,
        serve_mail(store, port=mail_port, rules=rules) as mail,
    ):
        # A state file may ask for its own credentials, to rehearse a refused log-in.
        credentials = account.tokens.credentials or ANY_CREDENTIALS
        variables = rehearsal_variables(ringcentral.url, mail.port, credentials)
        named = company_variables(config, variables) if config else {}
        mailboxes = mailbox_variables(config, replies, maildir)
        _print_start({**variables, **named, **mailboxes}, mail_dir)
        await stop.wait()


def _print_start(variables: Mapping[str, str], mail_dir: Path) -> None:
    echo(f"Simulating RingCentral at {variables['RC_SERVER_URL']}; caught mail goes to {mail_dir}.")
    echo("Set these in the terminal in which you run onboarding:\n")
    for name, value in variables.items():
        # Quoted, since a secret of a state file may hold anything. An empty value has to be
        # exported, too: it overrides what config.toml has.
        echo(f"export {name}={shlex.quote(value) if value else ''}")
    echo("\nStop with Ctrl-C. Registrations are lost then.")
