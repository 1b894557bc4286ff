"""Puts the plan together: an item for each person, the change for RingCentral, the calls it costs.

The other modules of this room plan for one person at a time. Here is what concerns all of them: the
order, the seats, and the problems of the whole session; `selection` keeps to the people asked for.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain

from onboarding.model.entries import find_late_send_after, find_misplaced
from onboarding.model.people import Problem
from onboarding.model.registrations import Change, Update, split_change
from onboarding.plan.call_offs import plan_call_off
from onboarding.plan.cron_removals import find_excess
from onboarding.plan.entries_due import list_past
from onboarding.plan.identity import Records, identify
from onboarding.plan.invitee_changes import plan_invitee, refuse_beyond_seats
from onboarding.plan.messages_due import (
    add_due_message,
    add_entries,
    add_ringcentral_notice,
    withhold_suppressed,
)
from onboarding.plan.removals import plan_departed, plan_unlisted
from onboarding.plan.selection import keep_fence, plan_as_told, select_items
from onboarding.plan.snapshot import Action, Options, Plan, PlanItem, Snapshot
from onboarding.plan.timeline import make_timeline

Hold = Callable[[PlanItem, Snapshot, Options], PlanItem]
"""Holds back what is not approved of an item (`approval.hold_unapproved`)."""

LOOKING_CALLS = 2
"""Heavy calls by which a run sees a session and its invitees."""


def make_plan(
    snapshot: Snapshot, options: Options, *, within: Plan | None = None, hold: Hold | None = None
) -> Plan:
    """Compare roster, registrations and mailboxes, and say what to do.

    A look costs a run LOOKING_CALLS, and one more where it asks who has joined; one goes to the
    webinar's own facts when there is anything to do, and one to each PATCH. `within` is the plan
    that a person has agreed to: with it, options that select people mean those that it served.
    `hold` holds back what is not approved.
    """
    # First: all that follows compares people by the addresses and ids that are completed here.
    snapshot = identify(snapshot)
    planned, problems = _plan_items(snapshot, options)
    if excess := find_excess(planned, snapshot, options):
        planned, problems = _plan_items(snapshot, replace(options, remove=False))
        problems = [*problems, excess]
    if hold:
        # Before the selection: who is held back must not use up the limit.
        planned = [hold(item, snapshot, options) for item in planned]
    # Seats are counted twice. People who can't get a seat must not use up the limit, and a removal
    # beyond the limit makes no room.
    selected = select_items(refuse_beyond_seats(planned, snapshot), options, within)
    items = tuple(refuse_beyond_seats(selected, snapshot))
    change = _build_change(items)
    needs_facts = any(item.needs_anything for item in items)
    patches = len(split_change(change, snapshot.seats_taken))
    return Plan(
        items=items,
        problems=_collect_problems(snapshot, items, problems),
        change=change,
        heavy_calls=LOOKING_CALLS + snapshot.attendance_calls + int(needs_facts) + patches,
        attendees=tuple(record for record in snapshot.untouched if not record.fault),
        notes=(
            *list_call_off_notes(snapshot),
            *snapshot.session.notes,
            *filter(None, [snapshot.attendance_note]),
            *list_schedule_notes(snapshot),
        ),
        timeline=make_timeline(items, snapshot),
    )


def list_call_off_notes(snapshot: Snapshot) -> list[str]:
    """Say that a session is called off, who did that, and how to take it back."""
    if snapshot.call_off is None:
        return []
    note = snapshot.call_off.describe(snapshot.session.time_zone)
    # By its ids: what config.toml calls the webinar is not known here, and both are understood.
    return [f"{note} `onboarding call-off {snapshot.session.key} --undo` takes that back."]


def list_schedule_notes(snapshot: Snapshot) -> list[str]:
    """Say which entries no one gets, because they were added after their time."""
    zone = snapshot.session.time_zone
    past = [] if snapshot.call_off else list_past(snapshot.timetable, zone)
    return [f"{entry.id}: its time ({entry.when}) is past, so no one gets it." for entry in past]


def _schedule_problems(snapshot: Snapshot) -> list[Problem]:
    """Say what is wrong with the schedule: what it names is not sent, all else is."""
    session = snapshot.session
    misplaced = [
        find_misplaced(entry, session, session.time_zone) for entry in snapshot.schedule.entries
    ]
    late = find_late_send_after(snapshot.schedule, session)
    sentences = [*snapshot.schedule.faults, *filter(None, [*misplaced, late])]
    return [Problem(None, None, "", sentence) for sentence in sentences]


def _collect_problems(
    snapshot: Snapshot, items: Iterable[PlanItem], others: Iterable[Problem]
) -> tuple[Problem, ...]:
    """Put all problems together, those of the whole session first. Each comes once."""
    of_people = list(chain.from_iterable(item.problems for item in items))
    if snapshot.call_off:
        # The roster is of no use any more, so its faults need no person.
        return tuple(dict.fromkeys(of_people))
    of_session = [
        *_session_problems(snapshot),
        *_schedule_problems(snapshot),
        *_lateness_problems(snapshot),
    ]
    found = [*of_session, *snapshot.roster.problems, *of_people, *others]
    return tuple(dict.fromkeys(found))


def _session_problems(snapshot: Snapshot) -> list[Problem]:
    """Say which of RingCentral's facts of the session this program doesn't understand."""
    odd = snapshot.session.not_understood
    if not odd:
        return []
    message = (
        f"RingCentral's facts of this session are not fully understood ({', '.join(odd)}): the run "
        "goes on without them. Look at the session in RingCentral, or for a newer version of this "
        "program."
    )
    return [Problem(None, None, "", message)]


def _lateness_problems(snapshot: Snapshot) -> list[Problem]:
    """Say that a session is over while people on the roster never had a message."""
    left = sum(not snapshot.mailbox(invitee.key).messages for invitee in snapshot.roster.invitees)
    if not (snapshot.is_over and left):
        return []
    message = (
        f"the session is over, and {left} on the roster never had a message from here: "
        "no more mail is sent. "
        "Is there a later session? `onboarding webinars` lists it; name it in config.toml"
    )
    return [Problem(None, None, "", message)]


def _plan_items(snapshot: Snapshot, options: Options) -> tuple[list[PlanItem], list[Problem]]:
    """Plan for the roster in its order, for others who are registered, and for the departed.

    People outside of the fence of a rehearsal are left alone here, so they take no seat.
    """
    records = Records.of(snapshot.registrations, snapshot.colleagues)
    # Rows before others: a record that no row has claimed is that of a person off the roster.
    rows = [
        plan_invitee(invitee, records, snapshot, options) for invitee in snapshot.roster.invitees
    ]
    others, problems = plan_unlisted(snapshot, rows, options)
    # After the records: which message is due depends on what happens at RingCentral.
    due = [add_due_message(item, snapshot, options) for item in (*rows, *others)]
    noticed = [add_ringcentral_notice(item, snapshot) for item in due]
    # A session that is called off has no schedule any more.
    present = noticed if snapshot.call_off else [add_entries(item, snapshot) for item in noticed]
    planned = [*present, *plan_departed(snapshot, present, options)]
    if snapshot.call_off:
        planned = plan_call_off(planned, snapshot)
    # After the call-off: in a rehearsal not even a cancellation leaves the fence.
    fenced = keep_fence(planned, snapshot.allow_domains)
    items = [withhold_suppressed(item, snapshot) for item in fenced]
    return [plan_as_told(item) for item in items] if options.as_told else items, problems


def _build_change(items: Iterable[PlanItem]) -> Change:
    add, update, remove = [], [], []
    for item in items:
        # A replacement is in both lists: `split_change` then makes two calls, the removal first.
        if item.action in {Action.ADD, Action.REPLACE}:
            add.append(item.invitee)
        if item.action in {Action.REMOVE, Action.REPLACE} and item.registration:
            remove.append(item.registration)
        if item.action is Action.UPDATE and item.registration:
            update.append(Update(item.registration, item.invitee))
    return Change(tuple(add), tuple(update), tuple(remove))
