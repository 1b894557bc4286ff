"""What comes back of a delivery: found by what a report names, and recorded once.

`sent -> bounced` is a guarded write like all others: a report that is read again, comes late or is
about another state changes nothing. Addresses that no message can reach are suppressed until a
person says otherwise. What a report says is read in `inbox.bounces`.
"""

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from onboarding.ledger import looks
from onboarding.ledger.deliveries import DeliveryRecord, build_record, move, select_deliveries
from onboarding.ledger.events import record_event
from onboarding.ledger.new_deliveries import load_uid_seed
from onboarding.ledger.schema import (
    REAL,
    deliveries,
    handled_replies,
    sessions,
    suppressed_addresses,
)
from onboarding.ledger.sql import insert
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State

MAC_DIGITS = 20
"""Hex digits of a token that only this ledger can make: 80 bits."""

LONGEST_ID = 12
"""Hex digits of a delivery's number that are believed."""

MAY_COME_BACK = (State.SENT, State.IN_DOUBT)
"""States out of which a message can bounce: the server has it, or may have it."""


@dataclass(frozen=True, slots=True)
class BounceTokens:
    """Makes the tokens that name a delivery in its envelope sender, and reads them.

    A token is the delivery's number with an authentication code by the ledger's random value: no
    one else can make one, and nothing has to be stored for each message.
    """

    seed: str

    @classmethod
    def load(cls, connection: sa.Connection) -> "BounceTokens":
        """Load the ledger's random value."""
        return cls(load_uid_seed(connection))

    def make(self, delivery: int) -> str:
        """Make the token of a delivery: hex digits."""
        # With a word before the number: the same random value serves calendar entries too.
        code = hmac.new(self.seed.encode(), f"bounce {delivery}".encode(), hashlib.sha256)
        return f"{code.hexdigest()[:MAC_DIGITS]}{delivery:x}"

    def read(self, token: str) -> int | None:
        """Read the number of the delivery that a token names; None for one that is not ours."""
        number = token[MAC_DIGITS:]
        if not 0 < len(number) <= LONGEST_ID:
            return None
        try:
            delivery = int(number, 16)
        except ValueError:
            return None
        is_ours = hmac.compare_digest(self.make(delivery).encode(), token.lower().encode())
        return delivery if is_ours else None


@dataclass(frozen=True, slots=True)
class ReportedDelivery:
    """A delivery that a report is about, with the row of its session."""

    session: int
    record: DeliveryRecord


def find_reported(
    connection: sa.Connection,
    *,
    numbers: Collection[int],
    envelope_ids: Collection[str],
    message_ids: Collection[str],
    queue_ids: Collection[str],
    recipients: Collection[str],
) -> ReportedDelivery | None:
    """Find the delivery that a report is about, by the first of these that leads to one.

    `numbers` are those of tokens that are ours. A queue id is another server's word, and short ones
    come again: it counts only where the recipient is the delivery's too.
    """
    # `build_envelope_id` writes the digest at the beginning of our Message-ID.
    digests = [f"<{found}@" for found in envelope_ids if len(found) == _ID_DIGITS]
    queues = [found for found in queue_ids if found]
    ways = (
        (numbers, deliveries.c.id.in_(numbers)),
        (digests, sa.func.substr(deliveries.c.message_id, 1, _ID_DIGITS + 2).in_(digests)),
        (message_ids, deliveries.c.message_id.in_(message_ids)),
        (queues, deliveries.c.queue_id.in_(queues) & _is_addressed_to(recipients)),
    )
    found = (_find_latest_delivery(connection, condition) for values, condition in ways if values)
    return next((delivery for delivery in found if delivery), None)


def _is_addressed_to(recipients: Collection[str]) -> sa.ColumnElement[bool]:
    keys = [address_key(recipient) for recipient in recipients]
    return deliveries.c.key.in_(keys) | deliveries.c.rehearsal_to.in_(recipients)


def _find_latest_delivery(
    connection: sa.Connection, condition: sa.ColumnElement[bool]
) -> ReportedDelivery | None:
    """Find the latest delivery that matches: a queue id may come again for the same person."""
    query = select_deliveries(condition).order_by(None).order_by(deliveries.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return ReportedDelivery(row["session"], build_record(row)) if row else None


_ID_DIGITS = 40
"""Hex digits of the digest in a Message-ID (`model.deliveries.message_id`)."""


def record_bounce(
    connection: sa.Connection, found: ReportedDelivery, reply: str, reason: str, now: datetime
) -> bool:
    """Move a message that came back to `bounced`. False: it is in a state where it can't.

    `reply` is the status code with the words of the server that returned it.
    """
    delivery = found.record.delivery
    where = (deliveries.c.id == delivery.id, deliveries.c.state.in_(MAY_COME_BACK), REAL)
    told = " | ".join(filter(None, (reason, reply)))
    moved = move(connection, where, State.BOUNCED, reason, now, reply=reply, told=told)
    if moved:
        # The next run says in its exit code that this needs a person.
        looks.request_run(connection, found.session)
    return bool(moved)


def record_evidence(
    connection: sa.Connection,
    session: int,
    message_ids: Collection[str],
    reason: str,
    now: datetime,
) -> Sequence[str]:
    """Move messages in doubt to `sent`: the server shows that it has them.

    Returns the address keys. Nothing moves a message back to the queue from here: that would need
    proof that the server has not got it, which there is none of.
    """
    where = (
        deliveries.c.session == session,
        deliveries.c.state == State.IN_DOUBT,
        deliveries.c.message_id.in_(message_ids),
        REAL,
    )
    return move(connection, where, State.SENT, reason, now)


def record_report(
    connection: sa.Connection, found: ReportedDelivery, what: str, detail: str, now: datetime
) -> None:
    """Record a report that changes no state: a delay, an automatic answer, a rehearsal's bounce."""
    delivery = found.record.delivery
    key = address_key(delivery.email)
    record_event(connection, found.session, key, what, now, delivery=delivery.id, detail=detail)


def record_handled(connection: sa.Connection, session: int, digest: str, now: datetime) -> bool:
    """Record that a message from a mailbox was dealt with. False: it was before.

    `digest` names the message and what it says, so that the same message is dealt with once, from
    wherever and however often it is read.
    """
    row = {"digest": digest, "session": session, "at": now}
    stored = insert(handled_replies).values(row).on_conflict_do_nothing()
    is_new = stored.returning(handled_replies.c.digest)
    return connection.execute(is_new).scalar() is not None


def suppress(
    connection: sa.Connection, session: int, email: str, reason: str, now: datetime
) -> bool:
    """Let the account of a session send no further message to an address. False: it did before."""
    row = {"key": address_key(email), "reason": reason, "at": now}
    owned = {"account": _account_of(session), **row}
    stored = insert(suppressed_addresses).values(owned).on_conflict_do_nothing()
    is_new = stored.returning(suppressed_addresses.c.key)
    return connection.execute(is_new).scalar() is not None


def unsuppress(connection: sa.Connection, session: int, emails: Collection[str]) -> list[str]:
    """Let the account of a session send to these addresses again. Returns those that had none."""
    keys = [address_key(email) for email in emails]
    removed = suppressed_addresses.delete().where(
        suppressed_addresses.c.account == _account_of(session), suppressed_addresses.c.key.in_(keys)
    )
    return sorted(connection.execute(removed.returning(suppressed_addresses.c.key)).scalars())


def load_suppressed(connection: sa.Connection, session: int) -> Mapping[str, str]:
    """Load the addresses to which a session's account sends no message: address key -> why."""
    columns = (suppressed_addresses.c.key, suppressed_addresses.c.reason)
    of_account = suppressed_addresses.c.account == _account_of(session)
    rows = connection.execute(
        sa.select(*columns).where(of_account).order_by(suppressed_addresses.c.key)
    )
    return MappingProxyType({row.key: row.reason for row in rows})


def _account_of(session: int) -> sa.ScalarSelect[str]:
    return sa.select(sessions.c.account).where(sessions.c.id == session).scalar_subquery()
