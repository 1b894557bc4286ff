"""The schedule of a webinar as a timeline: each entry, when it goes, and to how many people. Pure.

For a person to read, and for programs. Nothing is decided from it.
"""

from collections.abc import Iterable, Iterator

from onboarding.model.entries import Entry, Recipients
from onboarding.plan.entries_due import DueEntry, TimelineRow, plan_entries
from onboarding.plan.snapshot import Action, PlanItem, Snapshot


def make_timeline(items: Iterable[PlanItem], snapshot: Snapshot) -> tuple[TimelineRow, ...]:
    """Make the timeline of a webinar that takes place, by time."""
    if snapshot.call_off or not snapshot.schedule:
        return ()
    people = [item for item in items if item.invitee.row and item.invitee.email]
    ahead = [due for item in people for due in _list_ahead(item, snapshot)]
    rows = [
        _build_timeline_row(entry, ahead, people, snapshot) for entry in snapshot.schedule.entries
    ]
    return tuple(sorted(rows, key=lambda row: (row.first, row.entry.id)))


def _list_ahead(item: PlanItem, snapshot: Snapshot) -> Iterator[DueEntry]:
    yield from item.entries
    yield from item.upcoming
    # Who is added by this run has no entries in the plan yet.
    is_added = item.action in {Action.ADD, Action.REPLACE}
    if is_added and item.invitee.key not in snapshot.suppressed:
        yield from plan_entries(
            snapshot.reader(item.invitee, item.role), snapshot.timetable
        ).upcoming


def _build_timeline_row(
    entry: Entry, ahead: Iterable[DueEntry], people: Iterable[PlanItem], snapshot: Snapshot
) -> TimelineRow:
    session = snapshot.session
    moments = [due.due_at for due in ahead if due.entry.id == entry.id]
    usual = entry.when.moment(session.start, session.end, session.time_zone)
    boxes = [snapshot.mailbox(item.invitee.key) for item in people]
    return TimelineRow(
        entry,
        min(moments, default=usual),
        max(moments, default=usual),
        len(moments),
        sum(entry.id in box.entries for box in boxes),
    )


def describe_recipients(to: Recipients) -> str:
    """Say to which people an entry goes, as config.toml has it."""
    return to.value if not isinstance(to, frozenset) else ", ".join(sorted(to))
