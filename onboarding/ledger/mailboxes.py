"""What each mailbox of a session holds, computed from its deliveries.

`plan` compares this with the facts of today, and so decides which messages are due. Nothing is
stored here: a mailbox is always computed from `deliveries`, so the two can't disagree. Rehearsals
go elsewhere and never count.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from onboarding.ledger.deliveries import build_delivery, select_deliveries
from onboarding.ledger.schema import REAL, deliveries
from onboarding.model.deliveries import HOLDS_FACTS, Delivery, Mailbox
from onboarding.model.kinds import facts_after


def load_mailboxes(connection: sa.Connection, session: int) -> Mapping[str, Mailbox]:
    """Load each mailbox of a session, by address key. A mailbox without deliveries is left out."""
    mailboxes: dict[str, Mailbox] = {}
    ours = select_deliveries(deliveries.c.session == session, REAL)
    # In the order of the ids, as a reader gets the messages: what came last counts.
    for row in connection.execute(ours).mappings():
        before = mailboxes.get(row["key"], Mailbox())
        mailboxes[row["key"]] = _add_delivery(before, build_delivery(row))
    return mailboxes


def _add_delivery(mailbox: Mailbox, delivery: Delivery) -> Mailbox:
    facts = mailbox.facts
    if delivery.state in HOLDS_FACTS:
        facts = facts_after(delivery.kind, delivery.facts, facts)
    # The highest number and not a count: a Message-ID is made from it, so none may come twice.
    return Mailbox(facts, delivery, max(mailbox.messages, delivery.number))
