"""Composes messages for the people of a roster before a run does, for `onboarding check`.

Loading the templates tries them on sample people, who have every column. Whether this roster has
the columns that they ask for shows only on its own people.
"""

from collections.abc import Iterator
from datetime import datetime

from onboarding.config import Config
from onboarding.messages.composer import Composer
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Rejected
from onboarding.model.people import Invitee, Roster
from onboarding.pipeline.preview_messages import KnownFacts, build_preview
from onboarding.pipeline.target import Target


def list_rejected(
    config: Config, target: Target, roster: Roster, templates: TemplateSet, now: datetime
) -> Iterator[str]:
    """List the messages that a run would reject, each reason once, with a person whom it concerns.

    Raises ConfigurationError for a file that the schedule attaches and that can't be read.
    """
    preview = build_preview(config, target, roster, KnownFacts(), now)
    composer = Composer(templates, preview.protected)
    found: dict[str, tuple[Invitee, list[str]]] = {}
    for person in _choose_people(preview.people):
        for name, label in preview.names.items():
            message = composer.compose(preview.requests[person.row, name])
            if isinstance(message, Rejected):
                _first, labels = found.setdefault(message.reason, (person, []))
                labels.append(label)
    for reason, (person, labels) in found.items():
        which = ", ".join(dict.fromkeys(labels))
        yield f"{which}, for instance to {person.email}: {reason}"


def _choose_people(people: tuple[Invitee, ...]) -> list[Invitee]:
    """Choose one person of each sort: those of one sort get the same templates and columns."""
    # Not all: a roster of 99 people and a schedule would be a thousand messages.
    chosen: dict[tuple[object, ...], Invitee] = {}
    for person in people:
        chosen.setdefault((person.role, person.language, frozenset(person.extra)), person)
    return [*chosen.values()]
