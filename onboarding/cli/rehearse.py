"""The work behind `demo` and `simulator`: sets the stage, names the variables, runs the same code a user runs.

`demo` and `simulator`: the whole way on this machine alone, and a stage to rehearse on.

`init`: a folder to start from. Writes samples, overwrites nothing.
"""

import asyncio
import email
import email.policy
import os
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from onboarding import samples
from onboarding.cli import options
from onboarding.cli.output import echo
from onboarding.cli.run import RunOptions, run_one
from onboarding.cli.show import print_status
from onboarding.cli.terminal import Lines
from onboarding.config import Config, load
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, ConfigurationError
from onboarding.ledger.location import ledger_path
from onboarding.model.deliveries import State as DeliveryState
from onboarding.pipeline.refresh import read_roster
from onboarding.pipeline.status import Status, status
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.faults import BadFault, FaultKind
from onboarding.simulator.limits import Limits
from onboarding.simulator.seed import WebinarSeed, seed_account
from onboarding.simulator.server import serve_mail, serve_ringcentral
from onboarding.simulator.smtp_catcher import MailRules
from onboarding.simulator.state import BadState, read_state
from onboarding.simulator.tokens import Credentials

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


async def stage(
    config_file: Path | None, state: Path | None, environ: Mapping[str, str], stop: asyncio.Event
) -> SimulatedAccount:
    """Make the simulator's account: from a state file, else from the configured webinars and their rosters."""
    now = datetime.now(UTC)
    if state is None:
        return await world_of(load(config_file, environ), now, stop)
    try:
        return SimulatedAccount(read_state(state), now)
    except BadState as error:
        raise ConfigurationError(str(error), hint=STATE_HINT) from None


async def world_of(config: Config, now: datetime, stop: asyncio.Event) -> SimulatedAccount:
    """An account that holds what a configuration names."""
    staged = [
        WebinarSeed(
            one.webinar,
            one.session or "",
            (await read_roster(find_target(config, name), stop)).invitees,
            title=name.replace("-", " ").replace("_", " ").title(),
        )
        for name, one in config.webinars.items()
    ]
    return seed_account(staged, now)


async def serve(
    world: SimulatedAccount,
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
        raise ConfigurationError(str(error), hint=f"The faults are {', '.join(FaultKind)}.") from None
    return EXIT_DONE


async def show_demo(folder: Path | None, stop: asyncio.Event) -> int:
    """Run the sample roster twice against servers on loopback, and show what came of it."""
    home = folder or Path(tempfile.mkdtemp(prefix="onboarding-demo-"))
    try:
        write_samples(home, samples.find_demo_invitees())
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
    return await run_one(config, DEMO, None, Options(), RunOptions(), stop)


async def _status(config: Config) -> Status:
    return await status(config, find_target(config, DEMO), datetime.now(UTC), Lines())


def _html_of(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("html",))
    if body is None:
        raise ConfigurationError("the demo's message has no HTML part", hint="Look at templates/.")
    return str(body.get_content())


Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The simulator's port; 0 is any free one.")]
MailPort = Annotated[
    int, typer.Option("--mail-port", min=0, max=65535, help="The mail catcher's port; 0 is any free one.")
]
MailDir = Annotated[Path, typer.Option("--mail-dir", metavar="DIR", help="Where caught mail is stored as .eml files.")]
State = Annotated[
    Path | None, typer.Option("--state", metavar="FILE", help="What RingCentral holds at the start (JSON).")
]
Heavy = Annotated[int, typer.Option("--heavy", min=1, help="Webinar calls that are allowed in a window.")]
Window = Annotated[float, typer.Option("--window", min=0.1, help="Seconds of a window.")]
Penalty = Annotated[float, typer.Option("--penalty", min=0.1, help="Seconds that one call too many is punished with.")]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault", metavar="FAULT", help="A fault to play, such as PATCH:500 or PATCH:timeout-after; repeatable."
    ),
]
RefuseMail = Annotated[
    list[str] | None,
    typer.Option("--refuse-mail", metavar="ADDRESS", help="Mail to ADDRESS is refused for good; repeatable."),
]
DeferMail = Annotated[
    list[str] | None,
    typer.Option("--defer-mail", metavar="ADDRESS", help="Mail to ADDRESS is put off, once; repeatable."),
]
LoseReply = Annotated[
    list[str] | None,
    typer.Option("--lose-reply", metavar="ADDRESS", help="Mail to ADDRESS is taken without an answer; repeatable."),
]
Folder = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="Where mail and ledger go; without it a new temporary folder."),
]


def demo(folder: Folder = None) -> None:
    """Run the whole way once on this machine alone: sample roster, simulated RingCentral, caught mail."""
    # gone
    from onboarding.cli.terminal import run_until_stopped

    raise typer.Exit(run_until_stopped(lambda stop: show_demo(folder, stop)))


def simulator(
    *,
    port: Port = 8031,
    mail_port: MailPort = 8025,
    mail_dir: MailDir = Path("rehearsal-mail"),
    state: State = None,
    heavy: Heavy = 10,
    window: Window = 60.0,
    penalty: Penalty = 60.0,
    faults: Faults = None,
    refuse_mail: RefuseMail = None,
    defer_mail: DeferMail = None,
    lose_reply: LoseReply = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Play RingCentral and catch mail on this machine, for rehearsals; stop it with Ctrl-C.

    Without --state it holds the webinars of config.toml and takes any credentials.
    """
    # gone
    from onboarding.cli.terminal import run_until_stopped
    from onboarding.simulator.limits import Limits
    from onboarding.simulator.smtp_catcher import MailRules

    limits = Limits(heavy=heavy, window=window, penalty=penalty)
    rules = MailRules(
        refuse=dict.fromkeys(refuse_mail or (), "550 5.1.1 No such user here"),
        defer_once=frozenset(defer_mail or ()),
        lose_reply=frozenset(lose_reply or ()),
    )
    ports = (port, mail_port)

    async def play(stop: asyncio.Event) -> int:
        world = await stage(config_file, state, os.environ, stop)
        return await serve(world, ports, mail_dir, limits, faults or [], rules, stop)

    raise typer.Exit(run_until_stopped(play))


NewFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make ready; made where it is missing.")]


def init(folder: NewFolder = Path()) -> None:
    """Write a commented config.toml, the templates and a sample roster into a folder; overwrites nothing."""
    try:
        written, kept = write_samples(folder, samples.find_invitees())
    except OSError as error:
        raise ConfigurationError(
            f"{folder} can't be written: {error.strerror}", hint="Name a folder that you may write to."
        ) from None
    for path in written:
        echo(f"wrote {path}")
    for path in kept:
        echo(f"kept  {path} (it was there already)")
    echo("\nNext: fill in config.toml, then `onboarding check`. To rehearse at once: `onboarding simulator`.")


def write_samples(folder: Path, roster: Path) -> tuple[list[Path], list[Path]]:
    """Copy the samples into a folder, `roster` as invitees.csv; returns what was written and what was there already."""
    sources = {"config.toml": samples.find_config(), "invitees.csv": roster}
    shipped = samples.find_templates()
    for source in sorted(shipped.rglob("*")):
        if source.is_file():
            sources[f"templates/{source.relative_to(shipped)}"] = source
    written, kept = [], []
    for name, source in sources.items():
        path = folder / name
        if path.exists():
            kept.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
        written.append(path)
    return written, kept
