"""The options that say what a run does: `plan` shows it, and `run` does it.

Both must read the same options in the same way, or a plan would show what its run refuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.plan import Options

Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="Only people who are due a message of this kind; may be given several times.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="Only the first N people with work to do."),
]
Adopt = Annotated[
    bool,
    typer.Option(
        "--adopt", help="Also mail people that another ledger has registered, and may have mailed."
    ),
]
AsTold = Annotated[
    bool,
    typer.Option(
        "--as-told",
        help="With --adopt: mail no person now; record what is true as told, "
        "so that only later changes are mailed.",
    ),
]
IncludeAlreadyMailed = Annotated[
    bool,
    typer.Option(
        "--include-already-mailed",
        help="Also mail, and update, people that RingCentral has mailed itself; "
        "RingCentral may mail them again.",
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


@dataclass(frozen=True, slots=True)
class PlanOptionGroup:
    """The options as they were typed; each field is one (`option_groups`)."""

    only: options.Only = None
    role: options.Roles = None
    kind: Kinds = None
    limit: Limit = None
    adopt: Adopt = False
    as_told: AsTold = False
    include_already_mailed: IncludeAlreadyMailed = False
    remove: Remove = False
    remove_foreign: RemoveForeign = False

    def by_option(self) -> Mapping[str, object]:
        """The value of each option, by the option's name."""
        names = [field.name for field in fields(self)]
        return {f"--{name.replace('_', '-')}": getattr(self, name) for name in names}

    def parse(self) -> Options:
        """Make what a plan is made with. Raises BadParameter for an unknown role or kind."""
        return Options(
            adopt=self.adopt,
            include_already_mailed=self.include_already_mailed,
            # --remove-foreign includes --remove, so that a person doesn't need both.
            remove=self.remove or self.remove_foreign,
            remove_foreign=self.remove_foreign,
            limit=self.limit,
            only=tuple(self.only or ()),
            roles=options.parse_roles(self.role),
            kinds=options.parse_kinds(self.kind),
            as_told=self.as_told,
        )


def check_as_told(given: PlanOptionGroup, to: str = "") -> None:
    """Check what `--as-told` needs and excludes: it mails, removes and rehearses nothing.

    `to` is the address of a rehearsal. Raises BadParameter.
    """
    if not given.as_told:
        return
    if not given.adopt:
        message = "Add --adopt: it says that people registered elsewhere may be mailed from here."
        raise typer.BadParameter(message, param_hint="--as-told")
    # Each decides about mail or removals. There is neither here, so it would be ignored silently.
    excluded = {
        "--to": to,
        "--kind": given.kind,
        "--remove": given.remove,
        "--remove-foreign": given.remove_foreign,
    }
    if other := next((option for option, value in excluded.items() if value), None):
        message = f"{other} can't be used with --as-told, which mails and removes no person."
        raise typer.BadParameter(message, param_hint="--as-told")
