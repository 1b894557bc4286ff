"""`demo` and `simulator`: the whole way on this machine alone, and a stage to rehearse on."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options

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
    from onboarding.cli.staging import show_demo
    from onboarding.cli.terminal import working

    raise typer.Exit(working(lambda stop: show_demo(folder, stop)))


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
    from onboarding.cli.staging import serve, stage
    from onboarding.cli.terminal import working
    from onboarding.simulator.limits import Limits
    from onboarding.simulator.mailbox import MailRules

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

    raise typer.Exit(working(play))
