"""What commands share: their options and arguments, and what each of them does before its work.

An option is spelled, explained and parsed in one place. Before its work a command loads the
configuration, warns of risks in it, and opens the services.
"""

import asyncio
import getpass
import os
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from email_validator import EmailNotValidError, validate_email

from onboarding.cli.streams import echo
from onboarding.cli.terminal import is_interactive, pause, progress_for
from onboarding.config import Config, load
from onboarding.config.companies import rename_sections
from onboarding.config.settings import suggest
from onboarding.files.modes import build_chmod_command, describe_exposed, find_exposed
from onboarding.model.foreign_text import clean, printable
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.ports import Progress
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.services import Services, open_services
from onboarding.pipeline.target import Target, find_webinar

KnownWord = TypeVar("KnownWord", bound=StrEnum)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration (else ONBOARDING_CONFIG, else ./config.toml).",
    ),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A webinar of config.toml, or WEBINAR_ID, or WEBINAR_ID/SESSION_ID."
    ),
]
PersonEmail = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")]
Invitees = Annotated[
    Path | None,
    typer.Option(
        "--invitees",
        metavar="FILE",
        help="The roster to use instead of the configured one; - is stdin.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only errors and what needs a person.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Run without asking, for scripts.")]


def _refuse_empty_name(context: typer.Context, by: str) -> str:
    """An unset variable of a script must not approve in the machine's name."""
    source = context.get_parameter_source("by")
    if not by.strip() and source and source.name == "COMMANDLINE":
        raise typer.BadParameter("Give a name, or leave it out.")
    return by


By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="NAME",
        callback=_refuse_empty_name,
        help="Who does this, for the history (default: this machine's user name).",
    ),
]

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="EMAIL", help="Only this person; may be given several times."),
]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role", metavar="ROLE", help="Only people of this role; may be given several times."
    ),
]
UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
"""The units of `--wait`; a bare number is minutes."""

LONGEST_PERSON_NAME = 200
"""Characters of `--by`: history is a table that people read."""


def parse_duration(text: str, option: str = "--wait") -> timedelta:
    """Parse the time of `--wait` or another option. Raises BadParameter if it is none."""
    # Six digits are almost two years in minutes. An endless number would overflow a `timedelta`.
    found = re.fullmatch(r"(\d{1,6})(s|m|h)?", text.strip())
    if not found:
        raise typer.BadParameter("Write it as 30s, 10m or 1h.", param_hint=option)
    return int(found[1]) * UNITS[found[2] or "m"]


def parse_recipient(text: str) -> str:
    """Parse the address of `--to`; empty stays empty. Raises BadParameter if it is no address."""
    if not text:
        return ""
    try:
        # As for rosters: offline, and `.test` is an address for rehearsals.
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise typer.BadParameter(printable(str(error)), param_hint="--to") from None


def parse_roles(words: Sequence[str] | None) -> frozenset[Role]:
    """Parse `--role`, in any case. Raises BadParameter that names the nearest role."""
    return frozenset(_parse_word(word, Role, "--role") for word in words or ())


def parse_kinds(words: Sequence[str] | None) -> frozenset[Kind]:
    """Parse `--kind`, in any case. Raises BadParameter that names the nearest kind."""
    return frozenset(_parse_word(word, Kind, "--kind") for word in words or ())


def _parse_word(word: str, known: type[KnownWord], option: str) -> KnownWord:
    for value in known:
        if value.casefold() == word.strip().casefold():
            return value
    near = suggest(word, known) or f"Choose one of {', '.join(known)}."
    message = f"{printable(word)!r} is not known. {near}"
    raise typer.BadParameter(message, param_hint=option)


def require_answer(*, yes: bool) -> None:
    """Raise BadParameter where a person has to be asked, and there is no terminal to ask on."""
    # Refused before the work, not taken as a no: a cron job would do
    # nothing each time, and hardly be noticed.
    if not (yes or is_interactive()):
        message = "No terminal to confirm on. Add --yes to run without asking."
        raise typer.BadParameter(message, param_hint="--yes")


def find_actor(by: str) -> str:
    """Find who does this: the name that `--by` gives, else the operating system's user name.

    Raises BadParameter for a name of more than LONGEST_PERSON_NAME characters.
    """
    # It is stored for good and shown to others, so it passes `clean` like all text from outside.
    given = clean(by.strip())
    if len(by) > LONGEST_PERSON_NAME:
        message = f"A name has {LONGEST_PERSON_NAME} characters at most."
        raise typer.BadParameter(message, param_hint="--by")
    if given:
        return given
    try:
        # It reads LOGNAME and USER first, so it is a label for history and no proof of who it was.
        return printable(getpass.getuser())
    except (OSError, KeyError):  # KeyError before Python 3.13
        # A container may run under a number that no account has.
        return f"user {os.getuid()}"


def load_config(file: Path | None) -> Config:
    """Load the configuration with the process's environment. Raises ConfigurationError."""
    return load(file, os.environ)


def load_webinar(
    file: Path | None, name: str, invitees: Path | None = None
) -> tuple[Config, Target]:
    """Load the configuration for a command that mails the people of one webinar, and find that."""
    config = load_config(file)
    warn_about_fence(config)
    return find_webinar(config, name, invitees)


def clock_for(stop: asyncio.Event, progress: Progress) -> Clock:
    """The real clock; a signal ends its waits."""

    async def sleep(seconds: float) -> None:
        # Retries and the rate limit wait this way, or Ctrl-C would not end their waits.
        await pause(seconds, stop, progress)

    return Clock(sleep=sleep, follows_ledger=True)


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
        section = rename_sections("[smtp]", config.company)
        server = config.smtp.host_and_port
        echo(f"Warning: mail goes unencrypted to {server} ({section} allow_plaintext).", err=True)


def warn_about_plaintext_servers(config: Config, names: Iterable[str]) -> None:
    """Warn once for each mail server of these webinars: most share one."""
    companies = [config.webinars[name].company for name in names]
    for company in {company.smtp: company for company in companies}.values():
        warn_about_plaintext(config.of_company(company))


def warn_about_fence(config: Config) -> None:
    """Say that `[rehearsal] allow_domains` is on: forgotten, it keeps the panel without mail."""
    if allowed := config.rehearsal.allow_domains:
        domains = ", ".join(allowed)
        echo(
            f"REHEARSAL: only people at {domains} are registered and mailed "
            "([rehearsal] allow_domains).",
            err=True,
        )


def warn_about_secrets(config: Config) -> None:
    """Warn if others can read a secret. Also with `--quiet`: a person has to act."""
    if found := find_exposed(config.private_paths):
        echo(f"Warning: {describe_exposed(found)}.\nType: {build_chmod_command(found)}", err=True)
