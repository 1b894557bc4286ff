"""Delivers one message: compose, wait for the rate, envelope, `sending`, body, record.

The order is the promise. Everything up to the server's 354 may be done again; `sending` is
committed before the body leaves. The outcome is submitted to the ledger before the connection is
free again; no later message becomes `sending` on that connection before the outcome is written.
What a reply means is decided by `smtp.replies`; what follows from it for the message by
`model.deliveries.settle`, and for the connection by `select_action`.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from enum import Enum, auto
from typing import TypeVar

from onboarding.errors import OnboardingError, TooManyRejections
from onboarding.ledger import transitions
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
from onboarding.model.kinds import RULES, clears_facts
from onboarding.model.sessions import CALLED_OFF
from onboarding.pipeline.delivery_run import (
    DeliveryRecipient,
    DeliveryRun,
    Recording,
    wait_for_rate,
)
from onboarding.pipeline.hold_back import NOT_APPROVED
from onboarding.plan.messages_due import SUPPRESSED
from onboarding.smtp.phases import ConnectionRefusal, Phase
from onboarding.smtp.transaction import Connection, EnvelopeAccepted, Withheld

T = TypeVar("T")

RETRY = RetryPolicy()
NOT_REGISTERED = "not on board any more"
UNSCHEDULED = "not on the schedule any more"
STOPPED = "the run was stopped before the message left"
NO_ANSWER_YET = "the run was stopped before the server had answered"

MAY_BE_THE_MESSAGE = frozenset({Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT})
"""Phases in which the server knows the recipient: a refusal may be due to this message alone."""

ENOUGH_IN_A_ROW = 3
"""So many refusals of different messages in a row show that they are not due to one message."""


class RefusalAction(Enum):
    """What to do. Unless it is recorded, the message comes after all others; no attempt is counted.

    - RECORD_DEFERRED: the refusal came again on a new connection, so it is due to the message.
    - KEEP_CONNECTION: it may be due to the message; the next message will show.
    - GIVE_UP_CONNECTION: the other connections go on.
    """

    RECORD_DEFERRED = auto()
    KEEP_CONNECTION = auto()
    GIVE_UP_CONNECTION = auto()
    STOP_RUN = auto()


async def deliver_one(run: DeliveryRun, delivery: Delivery) -> None:
    """Compose the message while the connections are busy, then send it over the next free one.

    Returns once the outcome is written, or once the message is put back to come after all others.
    Raises what stops the run.
    """
    recording: Recording | None = None
    recipient = _find_recipient(run, delivery)
    # Without a connection in hand: composing is processor time, in which another worker can send.
    message = _compose_message(run, delivery, recipient) if recipient else None
    if recipient is None or message is None:
        # Superseded, not failed: nothing is wrong with the message, and if the person comes back
        # the plan owes them a new one.
        reason = _why_not_sent(run, delivery, recipient)
        recording = _record_transition(run, delivery, Transition(State.SUPERSEDED, reason))
    elif isinstance(message, Rejected):
        recording = _settle_delivery(run, delivery, message)
    else:
        async with run.services.pool.connection() as connection:
            # With the connection in hand: places that were counted could else pile up while all
            # lines are busy, and their messages would leave in a burst.
            if await wait_for_rate(run, delivery):
                recording = await _send_message(run, delivery, connection, message)
    # Outside of the `async with`: the next message may use the line while this outcome is written.
    if recording:
        await recording


def _find_recipient(run: DeliveryRun, delivery: Delivery) -> DeliveryRecipient | None:
    """Find the person a message goes to; None if they should not get it any more."""
    recipient = run.recipients.get(address_key(delivery.email))
    needs_registration = RULES[delivery.kind].needs_registration
    is_stopped = _is_stopped_by_call_off(run, delivery) or _is_suppressed(run, delivery)
    if recipient is None or is_stopped or _is_unscheduled(run, delivery):
        return None
    # It may have been queued days ago. Who has left the roster meanwhile must not get a link now.
    if needs_registration and not recipient.may_have_link:
        return None
    return recipient


def _compose_message(
    run: DeliveryRun, delivery: Delivery, recipient: DeliveryRecipient
) -> Message | Rejected | None:
    """Write the message from what is true now; None if it is not approved as it is now."""
    entry = run.schedule.find(delivery.entry)
    if run.gate and not run.gate.covers(recipient.invitee, delivery.kind, recipient.record, entry):
        return None
    rules = RULES[delivery.kind]
    box = run.state.snapshot.mailbox(recipient.invitee.key)
    request = MessageRequest(
        kind=delivery.kind,
        invitee=recipient.invitee,
        session=run.state.snapshot.session,
        # A cancellation gets no registration at all, so that no template can put a link into it.
        registration=recipient.record if rules.needs_registration else None,
        uid=delivery.uid,
        sequence=delivery.sequence,
        message_id=ascii_message_id(delivery.message_id),
        date=run.services.clock.now(),
        # On the envelope and in `To:`; all else of a rehearsal is what the person would get.
        recipient=delivery.rehearsal_to or recipient.invitee.email,
        panel=run.panel,
        # Any other kind would then say more than the page that was approved.
        previous=box.facts if rules.shows_previous else None,
        entry=delivery.entry,
        template=entry.template if entry else "",
        participation=run.state.snapshot.participation(recipient.invitee.key),
        called_off=run.state.snapshot.says_called_off(delivery.kind),
    )
    message = run.composer.compose(request)
    if isinstance(message, Rejected) or run.bounce_tokens is None:
        return message
    return replace(message, bounce_token=run.bounce_tokens.make(delivery.id))


def _is_stopped_by_call_off(run: DeliveryRun, delivery: Delivery) -> bool:
    """Whether the session does not take place, and the message says anything but that.

    Asked before each message leaves, because a run that had planned it before may have queued it.
    """
    return run.state.snapshot.call_off is not None and not clears_facts(delivery.kind)


def _is_suppressed(run: DeliveryRun, delivery: Delivery) -> bool:
    """Whether no message goes to the address any more. A rehearsal goes to another one."""
    key = address_key(delivery.email)
    return not delivery.rehearsal_to and key in run.state.snapshot.suppressed


def _is_unscheduled(run: DeliveryRun, delivery: Delivery) -> bool:
    """Whether a message was queued for an entry that the schedule does not have any more."""
    return bool(delivery.entry) and run.schedule.find(delivery.entry) is None


def _why_not_sent(run: DeliveryRun, delivery: Delivery, recipient: DeliveryRecipient | None) -> str:
    if _is_stopped_by_call_off(run, delivery):
        return CALLED_OFF
    if _is_suppressed(run, delivery):
        return SUPPRESSED
    if _is_unscheduled(run, delivery):
        return UNSCHEDULED
    return NOT_APPROVED if recipient else NOT_REGISTERED


async def _send_message(
    run: DeliveryRun, delivery: Delivery, connection: Connection, message: Message
) -> Recording | None:
    """Send envelope and body, and submit the outcome. None: the message stays queued."""
    if not await _open_connection(run, delivery, connection):
        return None
    answer: Outcome | EnvelopeAccepted | OnboardingError | None
    answer = await _result_or_error(connection.send_envelope(message))
    if isinstance(answer, EnvelopeAccepted):
        answer = await _send_body(run, delivery, connection, message)
    if isinstance(answer, OnboardingError):
        answer = await _handle_refusal(run, delivery, connection, answer)
    else:
        # Any outcome shows that the server serves this line: refusals before it were not of us.
        run.refusals = 0
    if answer is None:
        return None
    # Submitted before the connection is free, and kept with it: the next `sending` on it waits for
    # this write. Otherwise a crash could leave two messages of one connection in doubt.
    recording = run.recordings[connection] = _settle_delivery(run, delivery, answer)
    return recording


async def _open_connection(run: DeliveryRun, delivery: Delivery, connection: Connection) -> bool:
    """Connect to the server. False: it does not serve this connection, so another one is used.

    Raises the refusal if no connection is left.
    """
    try:
        # A message that was refused together with its connection gets a new one: a second refusal
        # is the message's.
        if delivery.id in run.met_refusal:
            await connection.reopen()
        else:
            await connection.open()
    except ConnectionRefusal as error:
        # No command of this message has left, so nothing is written: it stays queued, and claimed
        # by us. For the last connection this raises.
        run.services.pool.give_up(connection, error)
        run.put_back.append(delivery)
        return False
    return True


async def _result_or_error(reply: Awaitable[T]) -> T | OnboardingError:
    """Wait for the server. If it refuses us or the connection, return the error."""
    try:
        return await reply
    except OnboardingError as error:
        return error


async def _handle_refusal(
    run: DeliveryRun, delivery: Delivery, connection: Connection, error: OnboardingError
) -> Deferred | None:
    """Put a message back that the server did not take, because it refuses us or this connection.

    Returns an outcome if the refusal turns out to be due to the message itself. Raises what stops
    the run.
    """
    # Counted over all connections: a server that refuses us does so on each of them.
    run.refusals += 1
    action = _action_after(run, delivery, error)
    if action is RefusalAction.RECORD_DEFERRED and isinstance(error, ConnectionRefusal):
        return error.deferred
    if action is RefusalAction.GIVE_UP_CONNECTION and isinstance(error, ConnectionRefusal):
        run.services.pool.give_up(connection, error)
    now = run.services.clock.now()
    # Written even if the run stops now. After a refused body the row says `sending`, which the next
    # run would take for a message in doubt.
    is_ours = await _submit(
        run, transitions.requeue_last(delivery, run.holder.name, error.message, now)
    )
    if action is RefusalAction.STOP_RUN:
        raise error
    run.met_refusal.add(delivery.id)
    # Otherwise a person has cancelled it, or another run has taken it over: it is theirs to send.
    if is_ours:
        run.put_back.append(delivery)
    return None


def _action_after(run: DeliveryRun, delivery: Delivery, error: OnboardingError) -> RefusalAction:
    """Choose what follows from an error."""
    if not isinstance(error, ConnectionRefusal):
        return RefusalAction.STOP_RUN  # it is not about one connection, so it is about all
    again = delivery.id in run.met_refusal
    return select_action(error, again=again, last=run.services.pool.last, in_a_row=run.refusals)


def select_action(
    refusal: ConnectionRefusal, *, again: bool, last: bool, in_a_row: int
) -> RefusalAction:
    """Decide what follows from the refusal of a connection.

    `again`: the message has met one in this run before; it then gets a new connection, so that only
    the message can be to blame. `last`: no other connection is left. `in_a_row`: refusals since a
    message was last accepted, deferred or rejected, this one included.
    """
    # First of all, or a message that every line refuses would use up all connections.
    if again and refusal.deferred:
        return RefusalAction.RECORD_DEFERRED
    if not again and _needs_proof(refusal, last=last, in_a_row=in_a_row):
        return RefusalAction.KEEP_CONNECTION
    # Many servers limit connections for each client. With one fewer the others often go on well.
    return RefusalAction.STOP_RUN if last else RefusalAction.GIVE_UP_CONNECTION


def _needs_proof(refusal: ConnectionRefusal, *, last: bool, in_a_row: int) -> bool:
    """Whether the connection should serve another message before it is given up.

    It should if the messages before have worn it out (a new one replaces it), and if it is the last
    one and the refusal may be due to this message alone.
    """
    return not refusal.fresh or (
        last and refusal.phase in MAY_BE_THE_MESSAGE and in_a_row < ENOUGH_IN_A_ROW
    )


async def _send_body(
    run: DeliveryRun, delivery: Delivery, connection: Connection, message: Message
) -> Outcome | OnboardingError | None:
    """Cross the point of no return. None: the body does not leave, the delivery is not ours.

    Past the lease's term the row stays as it is: another run may have taken it over, and a person
    may have had the message sent again by now. Otherwise the next run finds it in doubt.
    """
    if not await _start_sending(run, delivery, connection, message):
        # After the 354 only a cut line is safe: a final dot would complete an empty message.
        await connection.abort()
        return None
    # ---- The point of no return: the server may deliver the message. Nothing sends it again. ----
    try:
        # Asked again directly before the body: this process may have been suspended since it
        # committed `sending`.
        return await _result_or_error(connection.send_body(message, run.lease.is_current))
    except Withheld:
        return None
    except asyncio.CancelledError:
        # Submitted and not awaited: this task is being cancelled, so it would not see the end of a
        # wait. In doubt even if no byte had left, because that can't be known here.
        _detach(_settle_delivery(run, delivery, InDoubt(NO_ANSWER_YET)))
        raise


async def _start_sending(
    run: DeliveryRun, delivery: Delivery, connection: Connection, message: Message
) -> bool:
    """Commit `sending`. False: the delivery is not ours any more."""
    # An older version may have queued a Message-ID that is not ASCII. Then the one in the body is
    # stored, or a bounce and the server's log would name a message that the ledger does not know.
    renamed = None if message.message_id == delivery.message_id else message.message_id
    now = run.services.clock.now()
    # The order is what keeps a person from getting two messages. `sending` is committed before the
    # first byte of the body leaves, and not before the outcome of the connection's last message is
    # written, so that at most one message for each connection can be in doubt after a crash.
    write = transitions.start_sending(delivery, run.holder.name, now, renamed, message.copy)
    try:
        return await _submit(run, write, depends_on=run.recordings.get(connection))
    except OnboardingError:
        # The ledger can't write, so the body must not leave: nothing would show that it had.
        await connection.abort()
        raise
    except asyncio.CancelledError:
        # The write may be done or not. This one follows it and undoes it: no body has left.
        _detach(_record_not_accepted(run, delivery, STOPPED))
        raise


def _detach(recording: Recording) -> None:
    """Don't wait for a recording."""
    # Its error is taken here, or asyncio would print it. It is not lost: a ledger that can't write
    # this can't release the claims either, and that error ends the run.
    recording.add_done_callback(lambda done: done.cancelled() or done.exception())


def _record_not_accepted(run: DeliveryRun, delivery: Delivery, reason: str) -> Recording:
    now = run.services.clock.now()
    return _submit(run, transitions.requeue_unsent(delivery, run.holder.name, reason, now))


def _settle_delivery(run: DeliveryRun, delivery: Delivery, outcome: Outcome) -> Recording:
    """Decide what an outcome means, count it, and submit it to the ledger."""
    clock = run.services.clock
    # The draw spreads the next attempts: what was deferred together must not come back together.
    transition = settle(delivery, outcome, RETRY, clock.now(), clock.draw())
    run.sent += transition.state is State.SENT
    _count_rejection(run, transition)
    return _record_transition(run, delivery, transition)


def _count_rejection(run: DeliveryRun, transition: Transition) -> None:
    """Stop after many rejections in a row: more of them would hurt the sender's reputation."""
    # Our own check rejects without a reply, which says nothing of the server's view of us.
    by_server = transition.state is State.REJECTED and transition.reply is not None
    run.rejections = run.rejections + 1 if by_server else 0
    if run.rejections >= run.services.config.smtp.max_consecutive_rejections:
        message = (
            f"The mail server has rejected {run.rejections} messages in a row; "
            f"the last answer was: {transition.reply}"
        )
        hint = (
            "Find out why before going on. The rest stays queued; "
            "`onboarding retry` queues the rejected again."
        )
        # Not raised: this message's outcome has still to be written, and so have those in flight.
        run.fail(TooManyRejections(message, hint=hint))


def _record_transition(run: DeliveryRun, delivery: Delivery, transition: Transition) -> Recording:
    now = run.services.clock.now()
    return _submit(run, transitions.record_outcome(delivery, run.holder.name, transition, now))


def _submit(
    run: DeliveryRun, write: transitions.TransitionWrite, depends_on: Recording | None = None
) -> Recording:
    return run.services.ledger.submit(transitions.write_transitions, write, depends_on)
