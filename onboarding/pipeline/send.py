"""Posts one message: compose, keep the pace, offer, `sending`, hand over, record.

The order is the promise. Everything up to the 354 may be done again; `sending` is committed before the body leaves.
What became of it is handed to the ledger before the connection is free again, and waited for while the next message is
offered on it; before that, the next is not `sending`. What a reply means is `mail`'s to say, what follows from it is
`model.deliveries.settle` for the message, and `refusals` where the server refuses us.

Waits until a message may leave: the mail server's pace and daily cap, which all runs on a ledger share.
"""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import TypeVar

from onboarding.errors import Braked, OnboardingError, TryLater
from onboarding.ledger import rate_limits, transitions
from onboarding.messages.request import MessageRequest
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import (
    Deferred,
    Delivery,
    InDoubt,
    Message,
    Outcome,
    Rejected,
    RetryPolicy,
    State,
    Transition,
    ascii_message_id,
    settle,
)
from onboarding.model.kinds import RULES
from onboarding.pipeline.delivery_run import DeliveryRun, Recording
from onboarding.pipeline.forecast import in_words
from onboarding.pipeline.send_refusals import Step, next_step
from onboarding.smtp.phases import ConnectionRefusal
from onboarding.smtp.pool import Pool
from onboarding.smtp.settings import SmtpSettings
from onboarding.smtp.transaction import Connection, EnvelopeAccepted, Withheld

T = TypeVar("T")

RETRY = RetryPolicy()
STOPPED = "the run was stopped before the message left"


async def deliver_one(run: DeliveryRun, delivery: Delivery, pool: Pool) -> None:
    """Write the letter while the connections are busy with others, then send it over the next that is free.

    Returns once it is written down what became of it, or it is put back to come after all others. Raises what stops
    the run.
    """
    message = _compose(run, delivery)
    recording: Recording | None = None
    if message is None:
        recording = _record(run, delivery, Transition(State.SUPERSEDED, "not on board any more"))
    elif isinstance(message, Rejected):
        recording = _settle(run, delivery, message)
    else:
        async with pool.connection() as connection:
            if await wait_for_rate(run, delivery):
                recording = await _send(run, delivery, pool, connection, message)
    if recording:
        await recording


def _compose(run: DeliveryRun, delivery: Delivery) -> Message | Rejected | None:
    """Write the letter from what is true now; None where the person is to get none any more."""
    reader = run.readers.get(address_key(delivery.email))
    rules = RULES[delivery.kind]
    if reader is None or (rules.needs_registration and not reader.on_board):
        return None
    letter = MessageRequest(
        kind=delivery.kind,
        invitee=reader.invitee,
        session=run.state.snapshot.session,
        registration=reader.record if rules.needs_registration else None,
        number=delivery.number,
        message_id=ascii_message_id(delivery.message_id),
        date=run.services.clock.now(),
        recipient=delivery.rehearsal_to or reader.invitee.email,
        panel=run.panel,
        previous=run.state.snapshot.mailbox(reader.invitee.key).told,
    )
    return run.composer.compose(letter)


async def _send(
    run: DeliveryRun, delivery: Delivery, pool: Pool, connection: Connection, message: Message
) -> Recording | None:
    """Offer, `sending`, hand over, and hand in what became of it. None: it stays queued, and others go on with it."""
    if not await _opened(run, delivery, pool, connection):
        return None
    answer: Outcome | EnvelopeAccepted | OnboardingError | None = await _or_refusal(connection.send_envelope(message))
    if isinstance(answer, EnvelopeAccepted):
        answer = await _send_body(run, delivery, connection, message)
    if isinstance(answer, OnboardingError):
        answer = await _refused(run, delivery, pool, connection, answer)
    else:
        run.refusals = 0
    if answer is None:
        return None
    recording = run.recordings[connection] = _settle(run, delivery, answer)
    return recording


async def _opened(run: DeliveryRun, delivery: Delivery, pool: Pool, connection: Connection) -> bool:
    """Have a line to the server; False: there is none, and the message comes again, on another connection.

    A message that was refused with the connection before gets a new line: what is said on it is the message's.
    Raises what keeps us out, where no connection is left.
    """
    try:
        if delivery.id in run.met_refusal:
            await connection.close()
        await connection.open()
    except ConnectionRefusal as refusal:
        pool.give_up(connection, refusal)
        run.put_back.append(delivery)
        return False
    return True


async def _or_refusal(step: Awaitable[T]) -> T | OnboardingError:
    """Take a step with the server. What it says against us, or the connection, comes back as a value."""
    try:
        return await step
    except OnboardingError as error:
        return error


async def _refused(
    run: DeliveryRun, delivery: Delivery, pool: Pool, connection: Connection, error: OnboardingError
) -> Deferred | None:
    """The server refuses us, or this connection, and has taken nothing: the message goes to the end of the queue.

    Returns an outcome where it turns out to be the message's own trouble. Raises what stops the run.
    """
    step, run.refusals = Step.STOP_RUN, run.refusals + 1
    if isinstance(error, ConnectionRefusal):
        again = delivery.id in run.met_refusal
        step = next_step(error, again=again, last=pool.last, in_a_row=run.refusals)
        if step is Step.RECORD_DEFERRED:
            return error.deferred
        if step is Step.GIVE_UP_CONNECTION:
            pool.give_up(connection, error)
    now = run.services.clock.now()
    is_ours = await _submit(run, transitions.put_last(delivery, run.holder.name, error.message, now))
    if step is Step.STOP_RUN:
        raise error
    run.met_refusal.add(delivery.id)
    if is_ours:
        run.put_back.append(delivery)
    return None


async def _send_body(
    run: DeliveryRun, delivery: Delivery, connection: Connection, message: Message
) -> Outcome | OnboardingError | None:
    """Cross the point of no return. None: the body does not leave, because the delivery is not ours any more.

    Past the lease's term the row is left as it is: another run may have taken it over, and a person
    may have had the message sent again by now. If nobody did, the next run finds it in doubt.
    Only with or after what became of the last message on this connection: one at most may be in
    doubt.
    """
    try:
        renamed = None if message.message_id == delivery.message_id else message.message_id
        move = transitions.sending(delivery, run.holder.name, run.services.clock.now(), renamed)
        ours = await _submit(run, move, after=run.recordings.get(connection))
    except OnboardingError:
        await connection.abandon()
        raise
    except asyncio.CancelledError:
        _detach(_not_taken(run, delivery, STOPPED))
        raise
    if not ours:
        await connection.abandon()
        return None
    try:
        return await _or_refusal(connection.send_body(message, run.lease.is_current))
    except Withheld:
        return None
    except asyncio.CancelledError:
        _detach(_settle(run, delivery, InDoubt("the run was stopped before the server had answered")))
        raise


def _detach(recording: Recording) -> None:
    """Don't wait for it: where it can't be written, giving back what was claimed can't either, and says so."""
    recording.add_done_callback(lambda done: done.cancelled() or done.exception())


def _not_taken(run: DeliveryRun, delivery: Delivery, reason: str) -> Recording:
    return _submit(run, transitions.not_accepted(delivery, run.holder.name, reason, run.services.clock.now()))


def _settle(run: DeliveryRun, delivery: Delivery, outcome: Outcome) -> Recording:
    """Decide what an outcome means, count it, and hand it in."""
    clock = run.services.clock
    transition = settle(delivery, outcome, RETRY, clock.now(), clock.draw())
    run.sent += transition.state is State.SENT
    _brake(run, transition)
    return _record(run, delivery, transition)


def _brake(run: DeliveryRun, transition: Transition) -> None:
    """Stop after many rejections in a row: something is wrong with us, and every further one costs our name."""
    by_server = transition.state is State.REJECTED and transition.reply is not None
    run.rejected = run.rejected + 1 if by_server else 0
    if run.rejected >= run.services.config.smtp.brake:
        run.fail(
            Braked(
                f"the mail server has rejected {run.rejected} messages in a row; "
                f"the last answer was: {transition.reply}",
                hint="Find out why before going on. The rest stays queued; `onboarding retry` takes up the rejected.",
            )
        )


def _record(run: DeliveryRun, delivery: Delivery, transition: Transition) -> Recording:
    return _submit(run, transitions.record(delivery, run.holder.name, transition, run.services.clock.now()))


def _submit(run: DeliveryRun, move: transitions.TransitionWrite, after: Recording | None = None) -> Recording:
    return run.services.ledger.submit(transitions.write_transitions, move, after)


LONGEST_WAIT = timedelta(minutes=10)
"""What takes longer is left to a later run."""

STAYS_QUEUED = "What is left stays queued: run again then."

ANY_PACE = rate_limits.SendRate()


async def wait_for_rate(run: DeliveryRun, delivery: Delivery) -> bool:
    """Wait for the pace that all runs share. False: the run ends, or the message has become too late meanwhile.

    Asked last of all, so that what was counted does leave. Raises TryLater where the next message has to wait for long:
    the day's messages are used up, or the rate is a slow one.
    """
    clock, smtp = run.services.clock, run.services.config.smtp
    allowed = _pace(smtp)
    if allowed == ANY_PACE:
        return run.running and clock.now() < delivery.expires_at
    async with run.pacing:  # one worker waits at a time
        while run.running and clock.now() < delivery.expires_at:
            wait = await run.services.ledger.run(rate_limits.reserve_send, _account(smtp), allowed, clock.now())
            if not wait:
                return True
            if wait > LONGEST_WAIT:
                raise _too_long(smtp, allowed, wait, clock.now())
            await clock.sleep(wait.total_seconds())
    return False


def _pace(smtp: SmtpSettings) -> rate_limits.SendRate:
    """The pace that the settings allow."""
    return rate_limits.SendRate(timedelta(seconds=smtp.rate.interval if smtp.rate else 0), smtp.per_day)


def _account(smtp: SmtpSettings) -> str:
    """Whose pace it is: the account at the mail server."""
    return f"smtp {smtp.host}:{smtp.port} {smtp.username}"


def _too_long(smtp: SmtpSettings, allowed: rate_limits.SendRate, wait: timedelta, now: datetime) -> TryLater:
    """Say why nothing may leave for a while, and when it may again."""
    when = f"the next may leave at {(now + wait).astimezone():%Y-%m-%d %H:%M}, in {in_words(wait)}"
    if wait <= allowed.interval:
        return TryLater(f"the rate ([smtp] rate = {smtp.rate}) is a slow one; {when}", hint=STAYS_QUEUED)
    return TryLater(
        f"the day's messages ([smtp] per_day = {smtp.per_day}) are used up; {when}",
        hint=f"{STAYS_QUEUED} Or raise per_day if your provider allows more.",
    )
