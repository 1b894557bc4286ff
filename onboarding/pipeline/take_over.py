"""Takes over a running webinar: records what is true now as told, so that only changes are mailed.

For `run --adopt --as-told`. It mails no person and changes nothing at RingCentral: another program,
or a person, has given the panel their links already. Which mailboxes are recorded is planned in
`plan.selection`.
"""

from onboarding.ledger import new_deliveries
from onboarding.model.kinds import RULES
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.plan import Plan, PlanItem
from onboarding.plan.messages_due import current_facts


async def record_as_told(services: Services, state: RunState, plan: Plan, by: str) -> int:
    """Record the mailboxes that the plan names; `by` is who said so. Returns how many."""
    now = services.clock.now()
    made = [_make_record(item, state) for item in plan.as_told]
    records = [record for record in made if record]
    await services.ledger.run(new_deliveries.record_told, state.session_row, records, by, now)
    return len(records)


def _make_record(item: PlanItem, state: RunState) -> new_deliveries.NewDelivery | None:
    """Make the record of one mailbox; None without a link, for then there is nothing to record."""
    session, registration = state.snapshot.session, item.registration
    facts = current_facts(session, registration.role, registration) if registration else None
    if facts is None or item.as_told is None:
        return None
    return new_deliveries.NewDelivery(
        email=item.invitee.email,
        name=item.invitee.name,
        kind=item.as_told,
        # It counts as a message, so that the next one is not numbered as the person's first: the
        # Message-ID is made from the number. It carries no calendar entry.
        number=state.snapshot.mailbox(item.invitee.key).messages + 1,
        # No message left, so there is no Message-ID that a person could look for.
        message_id="",
        facts=facts,
        # Never claimed: only what is `queued` is, and this is stored as `recorded`.
        due_at=state.snapshot.now,
        expires_at=RULES[item.as_told].expires_at(session),
    )
