"""Names of templates: which ones there have to be, and which of them a person gets.

Of invitation.cohost.de, invitation.cohost, invitation.de and invitation, it is the most special one
that fits. Knows names only: `list_template_names` of `template` looks into the folders.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import cache

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import Folders
from onboarding.model.kinds import RULES, Kind, default_template
from onboarding.model.people import Role

SCHEDULED = tuple(RULES[kind].template for kind in Kind if RULES[kind].template)
"""The templates of scheduled messages, where no one says which ones the schedule has."""

KINDS = tuple(default_template(kind) for kind in Kind if not RULES[kind].template)
"""The templates that every webinar needs: those of the kinds that are named like them."""


def language_tags(language: str) -> tuple[str, ...]:
    """List the tags of a language, the most special first: `de-at`, `de`."""
    tag = language.replace("_", "-").lower()
    tags = (tag, tag.partition("-")[0])
    return tuple(dict.fromkeys(filter(None, tags)))


@cache
def candidates(kind: str, role: Role, language: str) -> tuple[str, ...]:
    """List the names of the templates that fit, the most special first."""
    tags = language_tags(language)
    special = f"{kind}.{role.value.lower()}"
    return (
        # The role counts before the language: what only a co-host has to do stands in their
        # template.
        *(f"{special}.{tag}" for tag in tags),
        special,
        *(f"{kind}.{tag}" for tag in tags),
        kind,
    )


def check_complete(
    names: AbstractSet[str], folders: Folders, wanted: Sequence[str] = (*KINDS, *SCHEDULED)
) -> None:
    """Raise `ConfigurationError` where a role has no template: no run may end halfway."""
    if kind := kind_without(names, wanted):
        where = ", ".join(map(str, folders.paths))
        raise ConfigurationError(
            f"There is no template {kind}.mjml.j2 or {kind}.html.j2 in {where}.",
            hint="`onboarding init` writes one of every kind; copy it from there.",
        )


def kind_without(names: AbstractSet[str], wanted: Sequence[str] = (*KINDS, *SCHEDULED)) -> str:
    """Name what some role could not get with templates of these names; empty for none."""
    return next(
        (kind for kind in wanted for role in Role if names.isdisjoint(candidates(kind, role, ""))),
        "",
    )
