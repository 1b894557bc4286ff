"""Which people a run keeps to: the fence of a rehearsal, `--only`, `--role`, `--kind`, `--limit`.

The other modules plan for all people; here some of them are left alone, with a reason and a code.
Nothing is added to what was planned. `make_plan` calls this before it counts seats.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType

from onboarding.model.addresses import address_key
from onboarding.model.kinds import Kind, clears_facts, tells_facts
from onboarding.plan.snapshot import Action, Options, Plan, PlanItem, SkipCode

FENCED = "left alone: [rehearsal] allow_domains does not list the domain of their address"
NOT_SELECTED = "left for a later run: not selected"
NOT_AS_TOLD = "left for a later run: --as-told registers and mails no person"
AS_TOLD = "recorded as told, not mailed: only later changes are"


def keep_fence(items: Iterable[PlanItem], allow_domains: Collection[str]) -> list[PlanItem]:
    """Leave people alone who have no address at one of these domains; none means no fence.

    A domain means itself, not its subdomains.
    """
    if not allow_domains:
        return list(items)
    return [
        replace(_leave_alone(item, FENCED, SkipCode.FENCED), upcoming=())
        if _is_fenced(item, allow_domains)
        else item
        for item in items
    ]


def _is_fenced(item: PlanItem, allow_domains: Collection[str]) -> bool:
    """Whether a person is outside. Without an address, they are if a run would do anything."""
    # Keys are compared: like the fence, they have their domain as A-labels.
    domain = item.invitee.key.rpartition("@")[2]
    concerns_run = bool(item.invitee.row) or item.needs_anything
    return concerns_run and domain not in allow_domains


def plan_as_told(item: PlanItem) -> PlanItem:
    """Plan to record what a registered person would be mailed now; leave all others for later."""
    if not item.needs_anything:
        return item
    # A message in the queue is one that this ledger has promised already. A record that still
    # changes would make what is recorded untrue.
    is_true_now = item.action is Action.KEEP and item.registration is not None
    if item.mail is None or item.queued or not is_true_now or clears_facts(item.mail):
        return _leave_alone(item, NOT_AS_TOLD, SkipCode.NOT_SELECTED)
    return replace(item, mail=None, mail_reason=AS_TOLD, as_told=item.mail, entries=())


def select_items(
    items: Sequence[PlanItem], options: Options, within: Plan | None
) -> list[PlanItem]:
    """Keep to the people that were asked for; the others are left for a later run.

    `within` is the plan that a person has agreed to: with it, those that it served are meant.
    """
    if not options.is_selective:
        return list(items)
    items = [_keep_kinds(item, options.kinds) for item in items]
    served = _find_served(items, options, within)
    return [
        item
        if not item.needs_anything or _person_id(item) in served
        else _leave_alone(item, _reason_to_wait(item, options), SkipCode.NOT_SELECTED)
        for item in items
    ]


def _find_served(
    items: Iterable[PlanItem], options: Options, within: Plan | None
) -> frozenset[int | str]:
    """Find who is served, of those who need anything: the first ones, up to the limit."""
    # After the PATCH fewer people need anything: counted again, the limit would reach others.
    agreed = within.items if within else [item for item in items if _is_selected(item, options)]
    needy = [_person_id(item) for item in agreed if item.needs_anything]
    return frozenset(needy[: options.limit])


def _keep_kinds(item: PlanItem, kinds: Collection[Kind]) -> PlanItem:
    """Leave a person's messages of other kinds for a later run."""
    if not kinds:
        return item
    if all(map(tells_facts, kinds)):
        item = replace(item, entries=())
    if item.mail is None or item.mail in kinds or not item.entries:
        return item
    return replace(item, mail=None, mail_reason=NOT_SELECTED, queued=False, adopted=False)


def _is_selected(item: PlanItem, options: Options) -> bool:
    """Whether the options mean this person; an option that was not given means all."""
    keys = {address_key(email) for email in options.only}
    return (
        (not keys or item.invitee.key in keys)
        and (not options.roles or item.role in options.roles)
        and (not options.kinds or item.mail in options.kinds or bool(item.entries))
    )


def _reason_to_wait(item: PlanItem, options: Options) -> str:
    if options.limit is None or not _is_selected(item, options):
        return NOT_SELECTED
    return f"left for a later run: not among the first {options.limit} who need anything"


def _person_id(item: PlanItem) -> int | str:
    """What stays the same of a person through a run's plans: row, else address, else record."""
    record_id = item.registration.id if item.registration else ""
    # The record comes last: a replacement gives the person a new one.
    return item.invitee.row or item.invitee.key or record_id


def _leave_alone(item: PlanItem, reason: str, skip: SkipCode) -> PlanItem:
    registered = item.invitee.row and item.registration
    return replace(
        item,
        action=Action.KEEP if registered else Action.NONE,
        changes=MappingProxyType({}),
        mail=None,
        mail_reason=reason,
        # An adoption is recorded, and every later run would mail them unasked.
        adopted=False,
        as_told=None,
        entries=(),
        missed=(),
        skip=skip,
    )


def find_unknown(emails: Iterable[str], plan: Plan) -> str | None:
    """Find the first of these addresses that no one has; None if there is none.

    A row with a problem counts: its address is known, and the problem says what keeps it.
    """
    known = {item.invitee.key for item in plan.items}
    known |= {address_key(problem.email) for problem in plan.problems}
    # Empty where a person is known by ids alone. As an address it is a script's mistake.
    known.discard("")
    return next((email for email in emails if address_key(email) not in known), None)
