"""`resolve`, `retry`, `cancel`: what only a person can decide about a message."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.cli import options

if TYPE_CHECKING:
    from onboarding.config import Config

Emails = Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Whose messages; see --all.")]
All = Annotated[bool, typer.Option("--all", help="Everybody's, instead of naming addresses.")]
Sent = Annotated[bool, typer.Option("--sent", help="The mail server's log shows that it was sent.")]
Resend = Annotated[
    bool,
    typer.Option("--resend", help="It was not sent, or may arrive twice: send it again, with the same Message-ID."),
]


def resolve(
    name: options.Name,
    emails: Emails = None,
    *,
    all_: All = False,
    sent: Sent = False,
    resend: Resend = False,
    config_file: options.ConfigFile = None,
) -> None:
    """List messages in doubt and how to look them up in the mail server's log; settle them with --sent or --resend."""
    from onboarding.cli.deciding import list_doubts, settle_doubts

    if sent and resend:
        raise typer.BadParameter("choose one of --sent and --resend", param_hint="--sent / --resend")
    if not sent and not resend:
        raise typer.Exit(list_doubts(_load(config_file), name, emails or None))
    raise typer.Exit(settle_doubts(_load(config_file), name, _whom(emails, all_=all_), sent=sent))


def retry(name: options.Name, emails: Emails = None, *, config_file: options.ConfigFile = None) -> None:
    """Queue rejected and failed messages once more (all of them, or those to EMAIL); the next run sends them.

    Named addresses also get back what `cancel` called off.
    """
    from onboarding.cli.deciding import try_again

    raise typer.Exit(try_again(_load(config_file), name, emails or None))


def cancel(
    name: options.Name, emails: Emails = None, *, all_: All = False, config_file: options.ConfigFile = None
) -> None:
    """Call off messages that are queued and not yet sent."""
    from onboarding.cli.deciding import call_off

    raise typer.Exit(call_off(_load(config_file), name, _whom(emails, all_=all_)))


def _whom(emails: list[str] | None, *, all_: bool) -> list[str] | None:
    if bool(emails) == all_:
        raise typer.BadParameter("name the addresses, or say --all", param_hint="EMAIL / --all")
    return emails or None


def _load(config_file: options.ConfigFile) -> "Config":
    from onboarding.config import load

    return load(config_file, os.environ)
