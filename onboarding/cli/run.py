"""`run`: one webinar with a look and a question before it, or all of them for cron."""

import os
from typing import Annotated

import typer

from onboarding.cli import options

NameOrNone = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A webinar of config.toml, or WEBINAR_ID, or WEBINAR_ID/SESSION_ID."),
]
All = Annotated[bool, typer.Option("--all", help="Every configured webinar that is not over, for cron; never asks.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking, for scripts.")]
To = Annotated[
    str,
    typer.Option("--to", metavar="ADDRESS", help="Rehearse: all mail goes to this address; nobody counts as mailed."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Do nothing at all if a roster row has a problem.")]

Wait = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long to stay for messages that were put off: 30s, 10m, 1h.")
]


def run(
    name: NameOrNone = None,
    *,
    all_: All = False,
    yes: Yes = False,
    to: To = "",
    limit: options.Limit = None,
    adopt: options.Adopt = False,
    include_already_mailed: options.IncludeAlreadyMailed = False,
    remove: options.Remove = False,
    remove_foreign: options.RemoveForeign = False,
    strict: Strict = False,
    wait: Wait = "10m",
    invitees: options.Invitees = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Register everybody on the roster at RingCentral and mail each their own join link.

    Shows what it will do and asks first. Run it again at any time: it does what is missing, and nothing twice.
    """
    from onboarding.cli.running import Manner, address, run_all, run_one, span, warn_about_secrets
    from onboarding.cli.terminal import on_terminal, working
    from onboarding.config import load
    from onboarding.plan import Options

    asked_for = Options(adopt, include_already_mailed, remove or remove_foreign, remove_foreign, limit)
    if bool(name) == all_:
        raise typer.BadParameter("give the name of one webinar, or --all", param_hint="NAME")
    if all_ and (asked_for != Options() or to or invitees):
        raise typer.BadParameter("takes no option that is a person's decision about one webinar", param_hint="--all")
    if name and not yes and not on_terminal():
        raise typer.BadParameter("nobody can be asked here: add --yes to do it", param_hint="--yes")
    manner = Manner(
        strict=strict, quiet=quiet, as_json=as_json, ask=not yes, rehearsal_to=address(to), patience=span(wait)
    )
    config = load(config_file, os.environ)
    warn_about_secrets(config)
    if name:
        raise typer.Exit(working(lambda stop: run_one(config, name, invitees, asked_for, manner, stop)))
    raise typer.Exit(working(lambda stop: run_all(config, manner, stop)))
