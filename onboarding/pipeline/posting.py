"""Posts one message: compose, keep the pace, offer, `sending`, hand over, record.

The order is the promise. Everything up to the 354 may be done again; `sending` is committed before the body leaves.
What became of it is handed to the ledger before the connection is free again, and waited for while the next message is
offered on it; before that, the next is not `sending`. What a reply means is `mail`'s to say, what follows from it is
`model.deliveries.settle`.
"""

import asyncio

from onboarding.errors import Braked, OnboardingError
from onboarding.ledger import moves
from onboarding.letters.letter import Letter
from onboarding.mail.pool import Pool
from onboarding.mail.transaction import Connection, Ready
from onboarding.model.deliveries import (
    Delivery,
    InDoubt,
    Kind,
    Message,
    Outcome,
    Rejected,
    RetryPolicy,
    State,
    Transition,
    settle,
)
from onboarding.model.people import address_key
from onboarding.pipeline.pacing import may_leave
from onboarding.pipeline.round import Recording, Round

RETRY = RetryPolicy()
STOPPED = "the run was stopped before the message left"


async def post(work: Round, delivery: Delivery, pool: Pool) -> None:
    """Write the letter while the connections are busy with others, then send it over the next that is free.

    Returns once it is written down what became of it. Raises what stops the run.
    """
    message = _compose(work, delivery)
    recording: Recording | None = None
    if message is None:
        recording = _record(work, delivery, Transition(State.SUPERSEDED, "not on board any more"))
    elif isinstance(message, Rejected):
        recording = _settle(work, delivery, message)
    else:
        async with pool.connection() as connection:
            if await may_leave(work, delivery):
                recording = await _send(work, delivery, connection, message)
    if recording:
        await recording


def _compose(work: Round, delivery: Delivery) -> Message | Rejected | None:
    """Write the letter from what is true now; None where the person is to get none any more."""
    reader = work.readers.get(address_key(delivery.email))
    cancels = delivery.kind is Kind.CANCELLATION
    if reader is None or not (cancels or reader.on_board):
        return None
    letter = Letter(
        kind=delivery.kind,
        invitee=reader.invitee,
        session=work.view.picture.session,
        registration=None if cancels else reader.record,
        number=delivery.number,
        message_id=delivery.message_id,
        date=work.rooms.clock.now(),
        recipient=delivery.rehearsal_to or reader.invitee.email,
        panel=work.panel,
        previous=work.view.picture.mailbox(reader.invitee.key).told,
    )
    return work.composer.compose(letter)


async def _send(work: Round, delivery: Delivery, connection: Connection, message: Message) -> Recording | None:
    """Offer, `sending`, hand over, and hand in what became of it. None: it stays queued, and others go on with it."""
    outcome: Outcome | Ready | None = await connection.offer(message)
    if isinstance(outcome, Ready):
        outcome = await _hand_over(work, delivery, connection, message)
    if outcome is None:
        return None
    recording = work.recordings[connection] = _settle(work, delivery, outcome)
    return recording


async def _hand_over(work: Round, delivery: Delivery, connection: Connection, message: Message) -> Outcome | None:
    """Cross the point of no return. None: the body does not leave, because the delivery is not ours any more.

    Only with or after what became of the last message on this connection: one at most may be in doubt.
    """
    try:
        move = moves.sending(delivery, work.holder.name, work.rooms.clock.now())
        ours = await _move(work, move, after=work.recordings.get(connection))
    except OnboardingError:
        await connection.abandon()
        raise
    except asyncio.CancelledError:
        _leave(_not_taken(work, delivery, STOPPED))
        raise
    if not ours:
        await connection.abandon()
        return None
    try:
        return await connection.hand_over(message)
    except OnboardingError as error:
        # The server said that it does not want us, so it has not taken the message: no doubt, and no attempt lost.
        await _not_taken(work, delivery, error.message)
        raise
    except asyncio.CancelledError:
        _leave(_settle(work, delivery, InDoubt("the run was stopped before the server had answered")))
        raise


def _leave(recording: Recording) -> None:
    """Don't wait for it: where it can't be written, giving back what was claimed can't either, and says so."""
    recording.add_done_callback(lambda done: done.cancelled() or done.exception())


def _not_taken(work: Round, delivery: Delivery, reason: str) -> Recording:
    return _move(work, moves.not_taken(delivery, work.holder.name, reason, work.rooms.clock.now()))


def _settle(work: Round, delivery: Delivery, outcome: Outcome) -> Recording:
    """Decide what an outcome means, count it, and hand it in."""
    clock = work.rooms.clock
    transition = settle(delivery, outcome, RETRY, clock.now(), clock.draw())
    work.sent += transition.state is State.SENT
    _brake(work, transition)
    return _record(work, delivery, transition)


def _brake(work: Round, transition: Transition) -> None:
    """Stop after many rejections in a row: something is wrong with us, and every further one costs our name."""
    by_server = transition.state is State.REJECTED and transition.reply is not None
    work.rejected = work.rejected + 1 if by_server else 0
    if work.rejected >= work.rooms.config.smtp.brake:
        work.fail(
            Braked(
                f"the mail server has rejected {work.rejected} messages in a row; "
                f"the last answer was: {transition.reply}",
                hint="Find out why before going on. The rest stays queued; `onboarding retry` takes up the rejected.",
            )
        )


def _record(work: Round, delivery: Delivery, transition: Transition) -> Recording:
    return _move(work, moves.record(delivery, work.holder.name, transition, work.rooms.clock.now()))


def _move(work: Round, move: moves.Move, after: Recording | None = None) -> Recording:
    return work.rooms.ledger.hand_in(moves.carry_out, move, after)
