"""Sends people their message again because a person asks for it: "I never got it".

The message says what is true now and has a new Message-ID. It leaves by the same steps as in a run:
lease, queue, rate, point of no return. No person is registered or removed, and nothing else that
waits in the queue is sent. Who may get a copy, and as what kind, is decided in `plan.resends`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from onboarding.config.settings import suggest
from onboarding.errors import (
    EXIT_DONE,
    EXIT_NEEDS_A_PERSON,
    EXIT_TRY_LATER,
    ConfigurationError,
    OnboardingError,
)
from onboarding.ledger import deliveries, operator_actions
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.ledger.new_deliveries import NewDelivery
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import UNDER_WAY, Delivery, State
from onboarding.model.foreign_text import clean
from onboarding.model.kinds import tells_facts
from onboarding.model.people import Invitee, Role
from onboarding.model.time_zones import format_with_zone
from onboarding.pipeline.acts import approve_act
from onboarding.pipeline.deliver import make_deliveries
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.mailer import Mailer
from onboarding.pipeline.refresh import RunState, read_roster, refresh_or_recall
from onboarding.pipeline.run import load_mailer, recover
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Action, Options, Plan, PlanItem, Snapshot, make_plan
from onboarding.plan.resends import plan_resend
from onboarding.plan.selection import keep_fence

CHANGED_MEANWHILE = "something else was queued for them meanwhile; look at their history"
LONGEST_REASON = 500
"""Characters of a reason: history is a table that people read."""

UNKNOWN_PERSON = "neither on the roster nor known to the ledger"


@dataclass(frozen=True, slots=True)
class ResendResult:
    """What came of it for one person. `record` is None where nothing was sent: `reason` says why.

    `email` is the address as it was written.
    """

    email: str
    record: DeliveryRecord | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PreparedResend:
    """A resend that has looked and not yet done anything.

    `plan` has all people, since messages may list the panel, but only the messages to send again.
    `refused` are the people who get none. `latest` has each person's latest message, by address
    key.
    """

    target: Target
    state: RunState
    plan: Plan
    refused: tuple[ResendResult, ...]
    latest: Mapping[str, DeliveryRecord]
    mailer: Mailer


async def prepare_resend(
    services: Services, target: Target, emails: Collection[str], roles: Collection[Role] = ()
) -> PreparedResend:
    """Find out who can be sent their message again; call while holding the webinar's lease.

    `emails` are the people's addresses; without any, they are those on the roster in these roles.
    Raises what RingCentral's client raises, and ConfigurationError for a roster that can't be read.
    """
    roster = await read_roster(target, services.stop)
    # Recovered first: what a dead run was sending is in doubt, and for that no copy may be sent.
    state, _doubts = await recover(services, await refresh_or_recall(services, target, roster))
    found = await _list_with_facts(services, state)
    # Without approvals: an act brings its own (`acts`), and under `strict` it is checked there.
    plan = make_plan(state.snapshot, Options())
    # A named person may have left the roster; a role means only people who are on it now.
    wanted = emails or [item.invitee.email for item in plan.items if _has_role(item, roles)]
    people = {address_key(email): email for email in wanted}
    planned = {
        key: _plan_second_copy(email, plan, found, state.snapshot) for key, email in people.items()
    }
    return PreparedResend(
        target=target,
        state=state,
        plan=replace(plan, items=_join_items(plan, planned)),
        refused=tuple(_build_refusal(item) for item in planned.values() if not item.mail),
        latest=_find_latest(found),
        mailer=await load_mailer(services, target),
    )


async def execute_resend(
    services: Services, prepared: PreparedResend, lease: HeldLease, by: str, reason: str
) -> tuple[Sequence[ResendResult], OnboardingError | None]:
    """Queue the copies, and send them at once.

    Returns what came of each person, and the error that stopped the sending, if any: what is queued
    then leaves with the next run. Raises NotApproved under `approval = "strict"`.
    """
    # A missing password is found here, before anything is queued.
    services.pool.prepare()
    services.raise_if_stopped()
    target, state, copies = prepared.target, prepared.state, prepared.plan.mail
    await approve_act(services, target, state, copies, by, operator_actions.RESEND_ACT)
    # Committed before sending: what is not sent after an error leaves with the next run.
    chosen = await _queue_copies(services, prepared, by, reason)
    # Returned and not raised: what was sent before it has to be reported all the same.
    error = await _deliver_chosen(prepared, lease, chosen)
    found = await _list_with_facts(services, prepared.state)
    latest = _find_latest(found)
    sent = [_build_resend_result(item, latest, chosen) for item in prepared.plan.mail]
    return (*prepared.refused, *sent), error


def parse_reason(text: str) -> str:
    """Make a person's reason one line without secrets. Raises ConfigurationError for a long one."""
    # The text as typed is measured: `clean` cuts, and a cut reason would be stored without a word.
    if len(text) > LONGEST_REASON:
        raise ConfigurationError(f"A reason has {LONGEST_REASON} characters at most.")
    # Cleaned before it is stored: history is shown and handed over, and a reason may quote a reply.
    return clean(text.strip())


def describe_last(prepared: PreparedResend, key: str) -> str:
    """Say what a person got last: kind, state and when."""
    record = prepared.latest[key]
    when = format_with_zone(record.at, prepared.state.snapshot.session.time_zone)
    return f"{record.delivery.kind}, {record.delivery.state.replace('_', ' ')}, {when}"


def describe_result(result: ResendResult) -> str:
    """Say what came of it for one person, or why they were sent nothing."""
    if result.record is None:
        return f"not sent again: {result.reason}."
    state = result.record.delivery.state.replace("_", " ")
    why = result.record.reply or result.reason
    return f"{result.record.delivery.kind} {state}{f': {why}' if why else ''}"


def resend_exit_code(results: Sequence[ResendResult]) -> int:
    """75 if a message still waits, 1 if a person got none or may have got none, else 0."""
    states = [result.record.delivery.state if result.record else None for result in results]
    # First: what waits leaves with the next run. Asking again would send one more.
    if any(state in UNDER_WAY for state in states):
        return EXIT_TRY_LATER
    # An empty list is no success: no person on the roster has the role.
    all_sent = bool(states) and all(state is State.SENT for state in states)
    return EXIT_DONE if all_sent else EXIT_NEEDS_A_PERSON


async def _list_with_facts(services: Services, state: RunState) -> list[DeliveryRecord]:
    """List the deliveries, without scheduled messages: a copy is of what tells the facts."""
    found = await services.ledger.run(deliveries.list_deliveries, state.session_row)
    return [record for record in found if tells_facts(record.delivery.kind)]


async def _queue_copies(
    services: Services, prepared: PreparedResend, by: str, reason: str
) -> frozenset[str]:
    """Queue the copies, release what is queued. Returns the address keys of who gets a message."""
    state, now = prepared.state, services.clock.now()
    waiting = [item.invitee.email for item in prepared.plan.mail if item.queued]
    made = await make_deliveries(services, state, prepared.plan)
    new = [_keep_sequence(copy, state.snapshot) for copy in made]
    # A person was asked between the look and this write. Where something was queued since, a copy
    # of the older facts would arrive after it.
    seen = {key: box.messages for key, box in state.snapshot.mailboxes.items()}
    queued = await services.ledger.run(
        operator_actions.queue_resends, state.session_row, new, seen, by, reason, now
    )
    released = await services.ledger.run(
        operator_actions.release_queued, state.session_row, waiting, by, reason, now
    )
    return frozenset([*queued, *released])


def _keep_sequence(copy: NewDelivery, snapshot: Snapshot) -> NewDelivery:
    """A second copy carries the same version of the calendar entry, unless its times are others."""
    box = snapshot.mailbox(address_key(copy.email))
    told = box.facts or (box.last.facts if box.last else copy.facts)
    # RFC 5546 2.1.4: a higher number wherever the times change. Of two entries with one number the
    # later DTSTAMP counts (2.1.5).
    is_moved = (told.start, told.duration) != (copy.facts.start, copy.facts.duration)
    return copy if box.sequence is None or is_moved else replace(copy, sequence=box.sequence)


async def _deliver_chosen(
    prepared: PreparedResend, lease: HeldLease, chosen: Collection[str]
) -> OnboardingError | None:
    """Send to these people only. Returns the error that stopped it."""
    items = tuple(
        item if item.invitee.key in chosen else _without_mail(item) for item in prepared.plan.items
    )
    try:
        await prepared.mailer.deliver(
            prepared.state,
            replace(prepared.plan, items=items),
            lease,
            rehearsal=False,
            # Only these people's messages: about the rest of the queue no person was asked.
            limited=True,
            # A person waits for the answer. What is deferred is the next run's.
            retry_window=timedelta(),
        )
    except OnboardingError as error:
        return error
    return None


def _has_role(item: PlanItem, roles: Collection[Role]) -> bool:
    return bool(item.invitee.row and item.invitee.email) and item.role in roles


def _plan_second_copy(
    email: str, plan: Plan, found: Iterable[DeliveryRecord], snapshot: Snapshot
) -> PlanItem:
    """Plan for one person, as the roster has them, else as the ledger does."""
    key = address_key(email)
    earlier = [record.delivery for record in found if address_key(record.delivery.email) == key]
    item = next((item for item in plan.items if item.invitee.key == key), None)
    if item is None and not earlier:
        unknown = PlanItem(Invitee(0, email, Role.PANELIST), Action.NONE, "")
        return replace(unknown, mail_reason=_describe_unknown(email, plan))
    # What RingCentral is still to be asked for is a run's: the message tells what is true now.
    still = replace(item or _find_departed(email, earlier, snapshot), action=Action.NONE)
    (fenced,) = keep_fence([plan_resend(still, earlier, snapshot)], snapshot.allow_domains)
    return fenced


def _describe_unknown(email: str, plan: Plan) -> str:
    """Say that nothing is known of an address, and which known one is nearest."""
    hint = suggest(email, filter(None, (item.invitee.email for item in plan.items)))
    return f"{UNKNOWN_PERSON} ({hint[0].lower()}{hint[1:]})" if hint else UNKNOWN_PERSON


def _find_departed(email: str, earlier: Sequence[Delivery], snapshot: Snapshot) -> PlanItem:
    """Find a person who is neither on the roster nor registered: what the ledger knows of them."""
    known = snapshot.managed.get(address_key(email))
    invitee = known.invitee if known else Invitee(0, email, earlier[-1].facts.role)
    return PlanItem(invitee, Action.NONE, "")


def _join_items(plan: Plan, planned: Mapping[str, PlanItem]) -> tuple[PlanItem, ...]:
    """All people of the plan; of its messages only those that are sent again."""
    listed = {item.invitee.key for item in plan.items}
    others = [item for key, item in planned.items() if key not in listed]
    kept = [planned.get(item.invitee.key) or _without_mail(item) for item in plan.items]
    return (*kept, *others)


def _find_latest(found: Iterable[DeliveryRecord]) -> dict[str, DeliveryRecord]:
    """Find each person's latest message, by address key; one of the schedule is not sent again."""
    records = [record for record in found if not record.delivery.entry]
    return {address_key(record.delivery.email): record for record in records}


def _without_mail(item: PlanItem) -> PlanItem:
    return replace(item, mail=None, queued=False)


def _build_refusal(item: PlanItem) -> ResendResult:
    return ResendResult(item.invitee.email, None, item.mail_reason)


def _build_resend_result(
    item: PlanItem, latest: Mapping[str, DeliveryRecord], chosen: Collection[str]
) -> ResendResult:
    key = item.invitee.key
    if key not in chosen:
        return ResendResult(item.invitee.email, None, CHANGED_MEANWHILE)
    record = latest[key]
    return ResendResult(item.invitee.email, record, record.reason)
