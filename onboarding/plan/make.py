"""Puts the plan together: a step for everybody, the change for RingCentral, the calls it costs."""

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from onboarding.model.people import Problem
from onboarding.model.registrations import Change, Update, batches
from onboarding.plan.identity import Records, identify
from onboarding.plan.invitee_changes import plan_invitee, within_seats
from onboarding.plan.messages_due import add_due_message, noticed
from onboarding.plan.removals import plan_departed, plan_unlisted
from onboarding.plan.snapshot import Action, Options, Plan, PlanItem, Snapshot

LOOKING_CALLS = 2
"""Heavy calls by which a run sees a session and its invitees."""


def make_plan(picture: Snapshot, options: Options, *, within: Plan | None = None) -> Plan:
    """Compare roster, registrations and mailboxes, and say what to do.

    To look costs a run LOOKING_CALLS; one more goes to the webinar's own facts when there is anything to do, and one
    to each PATCH. `within` is the plan that a person has agreed to: with it, `options.limit` means those whom that
    plan served.
    """
    picture = identify(picture)
    every, problems = _steps(picture, options)
    # Twice: those without hope of a seat don't use up the limit, and a removal beyond it makes no room.
    steps = tuple(within_seats(_limited(within_seats(every, picture), options.limit, within), picture))
    change = _change(steps)
    anything = any(step.needs_anything for step in steps)
    found = (problem for step in steps for problem in step.problems)
    return Plan(
        items=steps,
        problems=tuple(
            dict.fromkeys((*_odd_session(picture), *_too_late(picture), *picture.roster.problems, *found, *problems))
        ),
        change=change,
        heavy_calls=LOOKING_CALLS + int(anything) + len(batches(change, picture.seats_taken)),
        attendees=tuple(record for record in picture.untouched if not record.fault),
        notes=picture.session.notes,
    )


def _odd_session(picture: Snapshot) -> list[Problem]:
    """What RingCentral says of the webinar and its session in words or fields that this program doesn't know."""
    odd = picture.session.not_understood
    if not odd:
        return []
    message = (
        f"RingCentral's facts of this session are not fully understood ({', '.join(odd)}): the run goes"
        " on without them. Look at the session in RingCentral, or for a newer version of this program."
    )
    return [Problem(None, None, "", message)]


def _too_late(picture: Snapshot) -> list[Problem]:
    """A session that is over while somebody on the roster never had a message: whoever runs this has to know."""
    left = sum(not picture.mailbox(one.key).messages for one in picture.roster.invitees)
    if not (picture.is_over and left):
        return []
    message = (
        f"the session is over, and {left} on the roster never had a message from here: nobody is mailed any more. "
        "Is there a later session? `onboarding webinars` lists it; name it in config.toml"
    )
    return [Problem(None, None, "", message)]


def _steps(picture: Snapshot, options: Options) -> tuple[list[PlanItem], list[Problem]]:
    """A step for everybody: the roster in its order, who else is registered, who is gone."""
    records = Records.of(picture.registrations, picture.colleagues)
    rows = [plan_invitee(one, records, picture, options) for one in picture.roster.invitees]
    others, problems = plan_unlisted(picture, rows, options)
    present = [noticed(add_due_message(step, picture, options), picture) for step in (*rows, *others)]
    return [*present, *plan_departed(picture, present, options)], problems


def _limited(steps: list[PlanItem], limit: int | None, within: Plan | None) -> list[PlanItem]:
    """Keep to the first people who need anything; the others wait for a later run."""
    if limit is None:
        return steps
    needy = [_person(step) for step in (within.items if within else steps) if step.needs_anything]
    served = set(needy[:limit])
    return [_put_off(step, limit) if step.needs_anything and _person(step) not in served else step for step in steps]


def _person(step: PlanItem) -> int | str:
    """What stays the same of a person from one plan of a run to the next: their row, else address, else record."""
    return step.invitee.row or step.invitee.key or (step.registration.id if step.registration else "")


def _put_off(step: PlanItem, limit: int) -> PlanItem:
    registered = step.invitee.row and step.registration
    return replace(
        step,
        action=Action.KEEP if registered else Action.NONE,
        changes=MappingProxyType({}),
        mail=None,
        mail_reason=f"put off: not among the first {limit} who need anything",
        adopted=False,
    )


def _change(steps: Iterable[PlanItem]) -> Change:
    add, update, remove = [], [], []
    for step in steps:
        if step.action in {Action.ADD, Action.REPLACE}:
            add.append(step.invitee)
        if step.action in {Action.REMOVE, Action.REPLACE} and step.registration:
            remove.append(step.registration)
        if step.action is Action.UPDATE and step.registration:
            update.append(Update(step.registration, step.invitee))
    return Change(tuple(add), tuple(update), tuple(remove))
