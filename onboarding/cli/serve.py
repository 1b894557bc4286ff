"""`serve`, `console-password`: the web pages for the people who answer for a webinar.

`serve` opens what a run works with, prints where the console is, and serves it until a signal. The
pages are in `onboarding.console`.
"""

import asyncio
import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.streams import echo
from onboarding.cli.terminal import ProgressLines, is_interactive, run_until_stopped
from onboarding.config import Config
from onboarding.console.checks import check_settings
from onboarding.console.console import Console, open_console
from onboarding.console.passwords import LONGEST_PASSWORD, hash_password
from onboarding.console.start import serve_console
from onboarding.errors import EXIT_DONE, ConfigurationError
from onboarding.pipeline.services import open_services

SHORTEST_PASSWORD = 12
"""Characters of a new password: guessing is slow here, but a leaked hash can be guessed quickly."""

HASH_ADVICE = (
    "Put it into the file ONBOARDING_CONSOLE__USERS__NAME__PASSWORD_HASH of the secrets folder, "
    "with the user's name in capitals for NAME. In a shell, set the variable of that name in "
    "'single quotes': the hash has $ signs."
)

Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="PORT",
        min=0,
        max=65535,
        help="Another port than [console] port; 0 is any free one.",
    ),
]


def serve_command(
    *, port: Port = None, by: options.By = "", config_file: options.ConfigFile = None
) -> None:
    """Serve the console: web pages that show every webinar, and let approvers act.

    Only on this machine, with a link that works once, unless [console] has TLS and users. Stop it
    with Ctrl-C.
    """
    actor = options.find_actor(by)
    config = _select_port(options.load_config(config_file), port)
    if by and config.console.users:
        message = "With [console.users], people log in by name."
        raise typer.BadParameter(message, param_hint="--by")
    options.warn_about_secrets(config)
    options.warn_about_plaintext_servers(config, config.webinars)
    options.warn_about_fence(config)
    # Before the ledger is opened, which may have to migrate it.
    check_settings(config)

    async def work(stop: asyncio.Event) -> int:
        return await _serve_pages(config, actor, stop)

    raise typer.Exit(run_until_stopped(work))


def _select_port(config: Config, port: int | None) -> Config:
    """Take `--port` instead of the configured one."""
    if port is None:
        return config
    settings = config.console.model_copy(update={"port": port})
    return config.model_copy(update={"console": settings})


def console_password_command() -> None:
    """Make the hash of a user's password for the console; asks for the password twice."""
    if not is_interactive():
        message = "No terminal to ask for a password on."
        raise typer.BadParameter(message, param_hint="console-password")
    password = _ask_password("Password: ")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ConfigurationError(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            hint="Four words that you choose at random are easy to remember.",
        )
    if _ask_password("Once more: ") != password:
        raise ConfigurationError("The two are not the same.", hint="Try again.")
    # The hash alone on standard output, so that it can go into a file.
    echo(hash_password(password))
    echo(HASH_ADVICE, err=True)


def _ask_password(question: str) -> str:
    """Ask for a password, which is not shown. The end of the input is an empty one."""
    try:
        return getpass.getpass(question)
    except EOFError:
        return ""


async def _serve_pages(config: Config, by: str, stop: asyncio.Event) -> int:
    progress = ProgressLines()
    async with open_services(config, progress, options.clock_for(stop, progress), stop) as services:
        console = open_console(services, by)
        async with serve_console(console) as url:
            if console.has_users:
                echo(f"The console: {url}")
                await stop.wait()
            else:
                _print_console_link(console, url)
                with _new_link_on_enter(console, url):
                    await stop.wait()
    # A signal is its normal end, not an interruption.
    return EXIT_DONE


def _print_console_link(console: Console, url: str) -> None:
    echo(f"The console: {url}/enter/{console.keys.make()}")
    again = " Press Enter for a new link." if is_interactive() else ""
    echo(f"The link works once, and lets you act as {console.by}.{again} Stop with Ctrl-C.")
    # Standard output may be a pipe or the journal, and this process goes on for days.
    sys.stdout.flush()


@contextmanager
def _new_link_on_enter(console: Console, url: str) -> Iterator[None]:
    """Print a new link whenever the person presses Enter, while the block runs."""
    if not is_interactive():
        yield
        return
    loop = asyncio.get_running_loop()

    def print_new_link() -> None:
        # What is typed while the program is in the background is the shell's: to read it would stop
        # the whole console (SIGTTIN).
        if os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
            return
        # An empty text is the end of the input: it would be readable for ever.
        if sys.stdin.readline():
            _print_console_link(console, url)
        else:
            loop.remove_reader(sys.stdin.fileno())

    loop.add_reader(sys.stdin.fileno(), print_new_link)
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin.fileno())
