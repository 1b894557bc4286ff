"""`lint`, `preview`, `send-test`: what letters look like before anybody gets one. Nothing is registered or recorded."""

import os
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options

NameOrNone = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A webinar of config.toml; without it every template in use.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Write the pages and letters as files instead, and exit.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The page's port; 0 is any free one.")]
To = Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Who gets the mail: yourself.")]
Person = Annotated[
    str, typer.Option("--person", metavar="EMAIL", help="Whose letter to send (else the roster's first person's).")
]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="invitation, update, reminder or cancellation.")]


def lint(name: NameOrNone = None, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None) -> None:
    """Say everything that is wrong or unwise with the templates and the brand; exits 1 where there is anything."""
    from onboarding.cli.lettering import show_lint
    from onboarding.config import load

    raise typer.Exit(show_lint(load(config_file, os.environ), name, as_json=as_json))


def preview(
    name: options.Name,
    *,
    out: Out = None,
    port: Port = 0,
    invitees: options.Invitees = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Show each person's letters on a page that follows the templates as they are saved; stop it with Ctrl-C.

    Join links are made up. RingCentral isn't asked, nothing is sent.
    """
    from onboarding.cli.lettering import serve_pages, write_pages
    from onboarding.config import load

    config = load(config_file, os.environ)
    raise typer.Exit(write_pages(config, name, invitees, out) if out else serve_pages(config, name, invitees, port))


def send_test(
    name: options.Name,
    *,
    to: To,
    person: Person = "",
    kind: Kind = "invitation",
    invitees: options.Invitees = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Send one person's letter to yourself through the real mail server.

    It looks as theirs does, but its join link is made up. Nobody is registered, and nothing counts as sent.
    """
    from onboarding.cli.lettering import send
    from onboarding.config import load

    raise typer.Exit(send(load(config_file, os.environ), name, invitees, to=to, person=person, kind=kind))
