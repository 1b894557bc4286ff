"""The command `onboarding`: its commands, and the one place where an error becomes words and an exit code."""

import logging
import sys
from typing import Annotated

import typer

from onboarding import __version__
from onboarding.cli import operate, rehearse, run, show, templates
from onboarding.cli.output import LibraryLog, echo, last_words
from onboarding.errors import EXIT_NEEDS_A_PERSON, OnboardingError

app = typer.Typer(
    name="onboarding",
    help="Gets the hosts, co-hosts and panelists of RingCentral webinars on board with your own branded mail.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("init")(rehearse.init)
app.command("check")(show.check)
app.command("webinars")(show.webinars)
app.command("directory")(show.directory)
app.command("plan")(show.plan)
app.command("run")(run.run)
app.command("status")(show.status)
app.command("report")(show.report)
app.command("history")(show.history)
app.command("lint")(templates.lint)
app.command("preview")(templates.preview)
app.command("send-test")(templates.send_test)
app.command("resolve")(operate.resolve)
app.command("retry")(operate.retry)
app.command("cancel")(operate.cancel)
app.command("demo")(rehearse.demo)
app.command("simulator")(rehearse.simulator)


def _version(wanted: bool) -> None:  # noqa: FBT001  -- typer hands a flag's value over so
    if wanted:
        echo(f"onboarding {__version__}")
        raise typer.Exit


@app.callback()
def _onboarding(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit with its code (`onboarding.errors` lists them)."""
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryLog()])
    try:
        app()
    except OnboardingError as error:
        echo(f"onboarding: {error.message}", err=True)
        if error.hint:
            echo(error.hint, err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 -- a traceback would show values, and no person can do anything with it
        echo(last_words(error), err=True)
        echo("Nothing is lost: run it again. If it comes again, report this line; no secret is in it.", err=True)
        sys.exit(EXIT_NEEDS_A_PERSON)
