"""What comes next for a webinar's people: what is queued, and what is on the schedule. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.model.foreign_text import printable
from onboarding.model.people import join_names
from onboarding.pipeline.webinar_view import WebinarView
from onboarding.reports.report import ReportedPerson


@dataclass(frozen=True, slots=True)
class ComingMessage:
    """A message that some people get next: `at` is when it is due, past if the next run sends it.

    `what` is its kind or its entry, `names` are the people's.
    """

    at: datetime
    what: str
    names: tuple[str, ...]

    @property
    def people(self) -> str:
        """The names, the first few if there are many."""
        return join_names(self.names)


def list_coming(view: WebinarView) -> list[ComingMessage]:
    """List what comes next for all people, by time; what goes to several is one line."""
    people = view.report.people if view.report else ()
    return _group([*_list_queued(people), *_list_scheduled(view)])


def list_coming_for(view: WebinarView, person: ReportedPerson) -> list[ComingMessage]:
    """List all that is to come for one person, by time."""
    key = address_key(person.email)
    found = list(_list_queued([person]))
    for scheduled in view.status.upcoming.people:
        if scheduled.invitee.key == key:
            entries = (*scheduled.entries.due, *scheduled.entries.upcoming)
            found += [(entry.due_at, entry.entry.id, person.name) for entry in entries]
    return _group(found)


def _list_queued(people: Iterable[ReportedPerson]) -> Iterator[tuple[datetime, str, str]]:
    for person in people:
        for message in person.messages:
            if message.state is State.QUEUED and message.due_at:
                # Only messages of the schedule have an entry.
                yield message.due_at, message.entry or message.kind, person.name


def _list_scheduled(view: WebinarView) -> Iterator[tuple[datetime, str, str]]:
    for person in view.status.upcoming.people:
        if entry := person.entries.next:
            name = printable(person.invitee.name or person.invitee.email)
            yield entry.due_at, entry.entry.id, name


def _group(found: Sequence[tuple[datetime, str, str]]) -> list[ComingMessage]:
    """Put the people together who get the same at the same time."""
    names: dict[tuple[datetime, str], list[str]] = {}
    for at, what, name in found:
        names.setdefault((at, what), []).append(name)
    return [ComingMessage(at, what, tuple(people)) for (at, what), people in sorted(names.items())]
