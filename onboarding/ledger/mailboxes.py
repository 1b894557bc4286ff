"""What each mailbox of a session holds, computed from its deliveries.

`plan` compares this with the facts of today, and so decides which messages are due. Nothing is
stored here: a mailbox is always computed from `deliveries`, so the two can't disagree. Rehearsals
go elsewhere and never count.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger.deliveries import build_delivery, select_deliveries
from onboarding.ledger.schema import REAL, deliveries, skipped_entries
from onboarding.model.deliveries import HOLDS_FACTS, WAS_ON_ITS_WAY, Delivery, Mailbox, State
from onboarding.model.kinds import RULES, clears_facts, sets_facts, tells_facts


def load_mailboxes(
    connection: sa.Connection, session: int, now: datetime | None = None
) -> Mapping[str, Mailbox]:
    """Load each mailbox of a session, by address key. A mailbox without deliveries is left out.

    What was missed after `now` was missed by a clock that was ahead: its time has not come yet.
    """
    mailboxes: dict[str, Mailbox] = {}
    ours = select_deliveries(deliveries.c.session == session, REAL)
    # In the order of the ids, as a reader gets the messages: what came last counts.
    for row in connection.execute(ours).mappings():
        before = mailboxes.get(row["key"], Mailbox())
        mailboxes[row["key"]] = _add_delivery(before, build_delivery(row))
    missed = skipped_entries.select().where(skipped_entries.c.session == session)
    if now is not None:
        missed = missed.where(skipped_entries.c.at <= now)
    for row in connection.execute(missed).mappings():
        if box := mailboxes.get(row["key"]):
            mailboxes[row["key"]] = _add_entry(box, row["entry"], row["start"])
    return mailboxes


def _add_delivery(mailbox: Mailbox, delivery: Delivery) -> Mailbox:
    # The highest number and not a count: a Message-ID is made from it, so none may come twice.
    mailbox = replace(mailbox, messages=max(mailbox.messages, delivery.number))
    if not tells_facts(delivery.kind):
        # What was superseded never left: the entry is due again.
        if delivery.state is State.SUPERSEDED:
            return mailbox
        return _add_entry(mailbox, delivery.entry, delivery.facts.start)
    facts, invited_at = mailbox.facts, mailbox.invited_at
    if delivery.state in HOLDS_FACTS:
        facts = RULES[delivery.kind].facts_after(delivery.facts, facts)
    if delivery.state in HOLDS_FACTS and clears_facts(delivery.kind):
        invited_at = None
    elif delivery.state in WAS_ON_ITS_WAY and sets_facts(delivery.kind):
        invited_at = invited_at or delivery.queued_at
    return replace(
        mailbox,
        facts=facts,
        last=delivery,
        invited_at=invited_at,
        # The first one stays, also if the sender's domain changes: it names the entry.
        uid=mailbox.uid or delivery.uid,
        sequence=_find_sequence(mailbox, delivery),
    )


def _add_entry(mailbox: Mailbox, entry: str, start: datetime) -> Mailbox:
    starts = (*mailbox.entries.get(entry, ()), start)
    return replace(mailbox, entries={**mailbox.entries, entry: starts})


NOT_TAKEN = frozenset({State.REJECTED, State.FAILED})
"""States of a message that was offered to the mail server and that certainly did not leave."""


def _find_sequence(mailbox: Mailbox, delivery: Delivery) -> int | None:
    """The SEQUENCE of the newest calendar entry that a mailbox may hold."""
    may_have_left = delivery.attempt > 0 and delivery.state not in NOT_TAKEN
    if not (delivery.uid and may_have_left):
        return mailbox.sequence
    return max(mailbox.sequence or 0, delivery.sequence)
