"""`plan`, `check`, `webinars`, `directory`: what would be done and what there is. They change nothing."""

import os
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON

NameOrNone = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A webinar of config.toml; without it all of them.")
]
Company = Annotated[bool, typer.Option("--company", help="The whole company's (needs the user permission for it).")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The colleague's address.")]


def plan(
    name: options.Name,
    *,
    limit: options.Limit = None,
    adopt: options.Adopt = False,
    include_already_mailed: options.IncludeAlreadyMailed = False,
    remove: options.Remove = False,
    remove_foreign: options.RemoveForeign = False,
    invitees: options.Invitees = None,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Show what `run` would do, person by person and why, and how many of RingCentral's scarce calls it takes."""
    from onboarding.cli.looking import show_plan
    from onboarding.cli.terminal import working
    from onboarding.config import load
    from onboarding.pipeline.target import target
    from onboarding.plan import Options

    config = load(config_file, os.environ)
    asked_for = Options(adopt, include_already_mailed, remove or remove_foreign, remove_foreign, limit)
    goal = target(config, name, invitees)
    raise typer.Exit(working(lambda stop: show_plan(config, goal, asked_for, stop, as_json=as_json)))


def check(name: NameOrNone = None, *, config_file: options.ConfigFile = None) -> None:
    """Look at everything that can be known before the day, and say `ok` or what to do. Changes nothing."""
    from onboarding.cli.looking import show_findings
    from onboarding.cli.terminal import working
    from onboarding.config import load
    from onboarding.pipeline.target import everything, target

    config = load(config_file, os.environ)
    goals = [target(config, name)] if name else everything(config)
    good = working(lambda stop: show_findings(config, goals, stop))
    raise typer.Exit(EXIT_DONE if good else EXIT_NEEDS_A_PERSON)


def webinars(
    *, company: Company = False, as_json: options.AsJson = False, config_file: options.ConfigFile = None
) -> None:
    """List the upcoming sessions with their ids, and whether they are configured."""
    from onboarding.cli.looking import show_webinars
    from onboarding.cli.terminal import working
    from onboarding.config import load

    config = load(config_file, os.environ)
    raise typer.Exit(working(lambda stop: show_webinars(config, stop, company=company, as_json=as_json)))


def directory(email: Email, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None) -> None:
    """Show what the company directory has for an address: name and the ids that make a linked user."""
    from onboarding.cli.looking import show_colleague
    from onboarding.cli.terminal import working
    from onboarding.config import load

    config = load(config_file, os.environ)
    raise typer.Exit(working(lambda stop: show_colleague(config, email, stop, as_json=as_json)))
