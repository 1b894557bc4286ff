"""Options that several commands share, spelled and explained once."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration (else ONBOARDING_CONFIG, else ./config.toml)."),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A webinar of config.toml, or WEBINAR_ID, or WEBINAR_ID/SESSION_ID.")
]
Invitees = Annotated[
    Path | None,
    typer.Option("--invitees", metavar="FILE", help="The roster to use instead of the configured one; - is stdin."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell nothing but errors and results.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Also mail people whom another ledger has registered, and may have mailed.")
]
IncludeAlreadyMailed = Annotated[
    bool,
    typer.Option(
        "--include-already-mailed",
        help="Also mail, and update, people whom RingCentral has mailed itself; RingCentral may mail them again.",
    ),
]
Remove = Annotated[
    bool, typer.Option("--remove", help="Remove people added from here who are no longer on the roster, and tell them.")
]
RemoveForeign = Annotated[
    bool, typer.Option("--remove-foreign", help="Remove everybody who is not on the roster, whoever added them.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="The first N people who need anything.")]
