"""The command `onboarding`: the table of its commands.

Here an error becomes a message and an exit code, too. A command's module brings the database, HTTP
and templates with it, so it is imported when the command is called. `--help` and a mistyped command
need only the table.
"""

import inspect
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main
from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperGroup

from onboarding import __version__
from onboarding.cli.option_groups import expand_groups
from onboarding.cli.streams import LibraryLog, echo
from onboarding.errors import AFTER_CRASH, EXIT_NEEDS_A_PERSON, OnboardingError, describe_crash

SET_UP, LOOK, SEND = "Set up", "Look", "Send"
REPAIR, HAND_OVER, REHEARSE = "Repair", "Hand over", "Rehearse"
"""The groups of `--help`: repair is for one person or one webinar, hand over is what lasts."""


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command: its name, its module in `onboarding.cli`, and how `--help` lists it.

    `help` repeats the first paragraph of the function's docstring; a test compares them.
    """

    name: str
    module: str
    group: str
    help: str

    @property
    def function(self) -> str:
        """The name of the function that is the command."""
        return f"{self.name.replace('-', '_')}_command"


# Names of modules are texts on purpose: an import here would make `--help` load the database.
COMMANDS = (
    # In the order of the groups: `--help` shows a group where its first command is.
    CommandRow(
        "init",
        "init",
        SET_UP,
        "Write a sample config.toml, templates and roster; overwrites nothing.",
    ),
    CommandRow("check", "account", SET_UP, "Test credentials, roster, templates and mail server."),
    CommandRow("webinars", "account", SET_UP, "List the upcoming sessions with their ids."),
    CommandRow("directory", "account", SET_UP, "Look an address up in the company directory."),
    CommandRow(
        "roster", "roster", SET_UP, "Write a roster of the panel that is registered already."
    ),
    CommandRow(
        "console-password",
        "serve",
        SET_UP,
        "Make the hash of a user's password for the console; asks for the password twice.",
    ),
    CommandRow(
        "schedule",
        "schedule",
        SET_UP,
        "Print what cron or systemd needs to start `run --all`, or install it for yourself.",
    ),
    CommandRow("plan", "show", LOOK, "Show what `run` would do for each person, and why."),
    CommandRow(
        "lint", "templates", LOOK, "List what is wrong or unwise in the templates and the brand."
    ),
    CommandRow(
        "preview", "templates", LOOK, "Show each person's messages in a browser, or as files."
    ),
    CommandRow("status", "show", LOOK, "Show who has their link and who has not, and why."),
    CommandRow("history", "show", LOOK, "Show all that happened to an address, or to a webinar."),
    CommandRow(
        "show", "kept", LOOK, "Show the messages that a person was sent; join links are masked."
    ),
    CommandRow(
        "replies", "replies", LOOK, "Read what came back by mail: bounces and calendar answers."
    ),
    CommandRow(
        "approve", "approve", SEND, "Approve what a plan page showed, so that a run does it."
    ),
    CommandRow("send-test", "send_test", SEND, "Send one person's message to yourself."),
    CommandRow(
        "run", "run", SEND, "Register the people on the roster and mail each their own join link."
    ),
    CommandRow(
        "serve",
        "serve",
        SEND,
        "Serve the console: web pages that show every webinar, and let approvers act.",
    ),
    CommandRow(
        "worker",
        "worker",
        SEND,
        "Work as one of several processes that share a ledger on PostgreSQL; or show what they do.",
    ),
    CommandRow(
        "resolve", "operate", REPAIR, "List messages in doubt, or say whether they were sent."
    ),
    CommandRow(
        "retry",
        "operate",
        REPAIR,
        "Queue rejected and failed messages again; the next run sends them.",
    ),
    CommandRow("cancel", "operate", REPAIR, "Cancel messages that are not yet sent, or came back."),
    CommandRow(
        "links",
        "links",
        REPAIR,
        "Print the panel's join links, for reading one out over the phone.",
    ),
    CommandRow(
        "pause",
        "pause",
        REPAIR,
        "Make `run --all` leave a webinar alone, for a while or until `resume`.",
    ),
    CommandRow(
        "resume",
        "pause",
        REPAIR,
        "End the pause of a webinar: the next `run --all` serves it again.",
    ),
    CommandRow("resend", "one_person", REPAIR, "Send people their message again, at once."),
    CommandRow(
        "replace",
        "one_person",
        REPAIR,
        "Replace a person by another, on the roster and at RingCentral.",
    ),
    CommandRow(
        "call-off",
        "call_off",
        REPAIR,
        "Call a webinar off: send a cancellation to every person with a link, "
        "and nothing after it.",
    ),
    CommandRow(
        "db",
        "database",
        REPAIR,
        "Check the ledger, copy it, or bring it to this version.",
    ),
    CommandRow(
        "report",
        "report",
        HAND_OVER,
        "Write the hand-off for marketing operations; join links are masked.",
    ),
    CommandRow(
        "prune",
        "kept",
        HAND_OVER,
        "Remove what has been over for longer than the configuration keeps it.",
    ),
    CommandRow(
        "forget",
        "kept",
        HAND_OVER,
        "Remove a person from the ledger, its copies of messages and its backups.",
    ),
    CommandRow(
        "demo", "demo", REHEARSE, "Run everything once on this machine, with a sample roster."
    ),
    CommandRow(
        "simulator", "rehearse", REHEARSE, "Simulate RingCentral and catch mail on this machine."
    ),
)


def without_types(params: Iterable[Any]) -> list[Any]:
    """Take the type out of the help of flags and arguments: `<bool>` and `<str>` help no reader.

    An option with a value says what to write in its metavar.
    """
    params = list(params)
    for param in params:
        if isinstance(param, TyperArgument) or getattr(param, "is_flag", False):
            # Typer asks the parameter what to show, and has no setting for it.
            param.display_type_rich = _no_type
    return params


def _no_type(ctx: Any) -> None:  # noqa: ARG001 -- Typer's signature
    return None


class RealCommand(TyperCommand):
    """A command with a help text that fills the terminal's lines, and without types."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        # Docstrings are broken at the source's width; a terminal may be narrower or wider.
        paragraphs = inspect.cleandoc(self.help or "").split("\n\n")
        self.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        # Typer reads `[ledger]` as a style, and would leave it out.
        self.help = escape(self.help)
        # The help of parameters goes through the same markup, and
        # `[ledger]` would vanish from it, too.
        params: list[Any] = list(self.params)
        for param in params:
            param.help = escape(getattr(param, "help", None) or "")

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the arguments. What is wrong with one is said without the parser's own words."""
        try:
            return super().make_context(info_name, args, parent=parent, **extra)
        except typer.BadParameter as error:
            # Typer checks values with pydantic, which begins so.
            error.message = error.message.removeprefix("Value error, ")
            raise

    def get_params(self, ctx: Any) -> Any:
        """The parameters as the help shows them."""
        return without_types(super().get_params(ctx))


class LazyCommand(TyperCommand):
    """A command as the table describes it. The real one is imported when it is called."""

    def __init__(self, row: CommandRow) -> None:
        super().__init__(row.name, help=row.help, rich_help_panel=row.group)
        self._row = row

    def load(self) -> Any:
        """Import the command's module, and build the real command with arguments and options."""
        function = getattr(import_module(f"onboarding.cli.{self._row.module}"), self._row.function)
        # A Typer of its own, which with a single command gives that command and not a group.
        single = typer.Typer(add_completion=False)
        single.command(self._row.name, cls=RealCommand)(expand_groups(function))
        return typer.main.get_command(single)

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Let the real command parse its arguments.

        Its context then invokes the real command, not this one.
        """
        # Click asks the command that it found for a context, so this
        # is where the two can be exchanged.
        return self.load().make_context(info_name, args, parent=parent, **extra)


class LazyGroup(TyperGroup):
    """The program itself: `COMMANDS`, none of them imported yet."""

    def __init__(self, **settings: Any) -> None:
        commands = {row.name: LazyCommand(row) for row in COMMANDS}
        super().__init__(**{**settings, "commands": commands})

    def get_params(self, ctx: Any) -> Any:
        """The parameters as the help shows them."""
        return without_types(super().get_params(ctx))


app = typer.Typer(
    cls=LazyGroup,
    name="onboarding",
    help="Gets the hosts, co-hosts and panelists of RingCentral webinars on board "
    "with your own branded mail.",
    no_args_is_help=True,
    # Typer's own tracebacks show local variables, which hold tokens and join links.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line and exit with its code (`onboarding.errors` lists them)."""
    # Warnings only: HTTP libraries log every URL at INFO, and a URL may be a secret.
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryLog()])
    try:
        app()
    # On standard error, so that `--json` output stays JSON or stays empty.
    except OnboardingError as error:
        echo(f"onboarding: {error.message}", err=True)
        if error.hint:
            echo(error.hint, err=True)
        sys.exit(error.exit_code)
    # Exception and not BaseException: SystemExit carries the exit codes of all commands.
    except Exception as error:  # noqa: BLE001 -- a traceback shows values, and helps no user
        echo(describe_crash(error), err=True)
        echo(AFTER_CRASH, err=True)
        sys.exit(EXIT_NEEDS_A_PERSON)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  -- typer passes a flag's value so
    if wanted:
        echo(f"onboarding {__version__}")
        raise typer.Exit


@app.callback()
def _onboarding(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass
