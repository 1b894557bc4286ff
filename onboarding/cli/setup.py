"""What each command does before its work: load the configuration, warn of risks in it, open the services."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from onboarding.cli.console import echo
from onboarding.cli.terminal import pause, progress_for
from onboarding.config import Config, load
from onboarding.files.modes import build_chmod_command, describe_exposed, find_exposed
from onboarding.model.ports import Progress
from onboarding.pipeline.services import Clock, Services, open_services


def load_config(file: Path | None) -> Config:
    """Load the configuration with the process's environment. Raises ConfigurationError."""
    return load(file, os.environ)


def clock_for(stop: asyncio.Event, progress: Progress) -> Clock:
    """The real clock; a signal ends its waits."""

    async def sleep(seconds: float) -> None:
        await pause(seconds, stop, progress)

    return Clock(sleep=sleep)


@asynccontextmanager
async def open_command_services(
    config: Config, stop: asyncio.Event, *, quiet: bool
) -> AsyncIterator[Services]:
    """Open the services of one command, with progress on the terminal unless `quiet`."""
    progress = progress_for(quiet=quiet)
    async with open_services(config, progress, clock_for(stop, progress), stop) as services:
        yield services


def warn_about_plaintext(config: Config) -> None:
    """Warn if mail goes unencrypted to another machine, where the configuration allows that."""
    if config.smtp.is_plaintext:
        echo(
            f"Warning: mail goes unencrypted to {config.smtp.host_and_port} ([smtp] allow_plaintext).",
            err=True,
        )


def warn_about_secrets(config: Config) -> None:
    """Warn if others can read a secret. Also with `--quiet`: a person has to act."""
    if found := find_exposed(config.private_paths):
        echo(f"Warning: {describe_exposed(found)}.\nType: {build_chmod_command(found)}", err=True)
