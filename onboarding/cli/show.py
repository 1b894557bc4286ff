"""`status`, `report`, `history`: what the ledger says. Nothing is changed, and nobody else is asked."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import echo, echo_json

if TYPE_CHECKING:
    from onboarding.pipeline.status import Status

Csv = Annotated[bool, typer.Option("--csv", help="A table for a spreadsheet.")]
Html = Annotated[bool, typer.Option("--html", help="One self-contained page.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")]


def status(name: options.Name, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None) -> None:
    """Show who has their link and who has not: person, role, state, when, the mail server's reply, and why."""
    known = _status(name, config_file)
    if as_json:
        echo_json(known.as_json())
    else:
        print_status(known)


def print_status(known: "Status") -> None:
    """Print the status table with its problems."""
    from onboarding.cli.terminal import local, table

    if known.seen is None:
        echo(f"{known.name}: no run yet. `onboarding run {known.name}` makes one.")
        return
    seen = known.seen
    title = f"{seen.title}  ({seen.key}), {local(seen.start)} local time, {seen.status}"
    rows = [
        (
            f"{entry.name}\n{entry.delivery.email}" if entry.name != entry.delivery.email else entry.name,
            entry.delivery.facts.role,
            entry.delivery.kind,
            entry.delivery.state,
            local(entry.at),
            entry.reply,
            entry.reason,
        )
        for entry in known.current
    ]
    table(title, ("person", "role", "mail", "state", "when", "server's reply", "why"), rows)
    if known.problems:
        without = [(str(one.row or ""), one.column or "", one.email, one.message) for one in known.problems]
        table("Remarks on the last run", ("row", "column", "address", "why"), without)
    if known.mailed_by_ringcentral:
        echo(f"RingCentral has mailed these people itself: {', '.join(known.mailed_by_ringcentral)}.")
    counts = ", ".join(f"{count} {state}" for state, count in known.counts.items()) or "no message yet"
    echo(f"{counts}; remarks: {len(known.problems)}; RingCentral webinar calls in the last run: {seen.heavy_calls}.")


def report(
    name: options.Name,
    *,
    csv: Csv = False,
    html: Html = False,
    output: Output = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Write the hand-off for marketing operations; join links are masked."""
    from onboarding.errors import ConfigurationError
    from onboarding.output_files import write_file

    if csv == html:
        raise typer.BadParameter("choose one of --csv and --html", param_hint="--csv / --html")
    content = _rendered(_status(name, config_file), html=html)
    if output is None:
        typer.echo(content, nl=False)
        return
    try:
        write_file(output, content)
    except OSError as error:
        raise ConfigurationError(f"{output} can't be written: {error.strerror}", hint="Name another file.") from None
    echo(f"wrote {output}", err=True)


def history(email: Email, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None) -> None:
    """Show everything that happened to one address, in order."""
    from onboarding.cli.terminal import Lines, local, table
    from onboarding.config import load
    from onboarding.ledger import events
    from onboarding.ledger.place import ledger_path
    from onboarding.ledger.read_only import read
    from onboarding.model.foreign_text import clean, printable
    from onboarding.model.people import address_key

    config = load(config_file, os.environ)
    of_person = partial(events.of_person, key=address_key(email))
    found = [
        replace(one, title=printable(one.title), detail=clean(one.detail, config.secrets))
        for one in read(ledger_path(config.ledger), of_person, Lines()) or []
    ]
    if as_json:
        rows = [
            {
                "at": one.at.isoformat(),
                "webinar_id": one.webinar_id,
                "session_id": one.session_id,
                "title": one.title,
                "delivery": one.delivery,
                "what": one.what,
                "detail": one.detail,
            }
            for one in found
        ]
        echo_json(rows)
    elif not found:
        echo(f"The ledger knows nothing of {email}.")
    else:
        shown = [(local(one.at), one.title, str(one.delivery or ""), one.what, one.detail) for one in found]
        table(f"History of {email}", ("when", "webinar", "message", "what", "detail"), shown)


def _status(name: str, config_file: Path | None) -> "Status":
    from onboarding.cli.terminal import Lines
    from onboarding.config import load
    from onboarding.pipeline.status import status as read
    from onboarding.pipeline.target import target

    config = load(config_file, os.environ)
    return asyncio.run(read(config, target(config, name), datetime.now(UTC), Lines()))


def _rendered(known: "Status", *, html: bool) -> bytes:
    import io

    from onboarding.pipeline.status import as_report
    from onboarding.review.report import render_html, write_csv

    made = as_report(known, datetime.now(UTC))
    if html:
        return render_html(made).encode()
    stream = io.BytesIO()
    write_csv(made, stream)
    return stream.getvalue()
