"""Options and arguments that several commands share: spelled, explained and parsed in one place."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from email_validator import EmailNotValidError, validate_email

from onboarding.model.foreign_text import printable

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
Adopt = Annotated[
    bool,
    typer.Option(
        "--adopt", help="Also mail people whom another ledger has registered, and may have mailed."
    ),
]
IncludeAlreadyMailed = Annotated[
    bool,
    typer.Option(
        "--include-already-mailed",
        help="Also mail, and update, people whom RingCentral has mailed itself; RingCentral may mail them again.",
    ),
]
Remove = Annotated[
    bool,
    typer.Option(
        "--remove",
        help="Remove people added from here who left the roster, and mail them a cancellation.",
    ),
]
RemoveForeign = Annotated[
    bool,
    typer.Option(
        "--remove-foreign",
        help="Remove all people who are not on the roster, also those added elsewhere.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="Only the first N people with work to do."),
]

UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
"""The units of `--wait`; a bare number is minutes."""


def parse_duration(text: str) -> timedelta:
    """Parse the time of `--wait`. Raises BadParameter if it is none."""
    found = re.fullmatch(r"(\d{1,6})(s|m|h)?", text.strip())
    if not found:
        raise typer.BadParameter("Write it as 30s, 10m or 1h.", param_hint="--wait")
    return int(found[1]) * UNITS[found[2] or "m"]


def parse_address(text: str) -> str:
    """Parse the address of `--to`; empty stays empty. Raises BadParameter if it is no address."""
    if not text:
        return ""
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise typer.BadParameter(printable(str(error)), param_hint="--to") from None
