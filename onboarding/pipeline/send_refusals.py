"""Chooses what follows when the server refuses us, or one connection, in reply to a message that it has not taken.

Pure: the refusal and what is known of message and connections go in, an action comes out; `send`
carries it out. What the reply means was decided before, by `smtp.replies`.
"""

from enum import Enum, auto

from onboarding.smtp.phases import ConnectionRefusal, Phase

MAY_BE_THE_MESSAGE = frozenset({Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT})
"""Phases in which the server knows the recipient, so that a refusal of us may be due to this message alone."""

ENOUGH_IN_A_ROW = 3
"""So many refusals of different messages in a row show that they are not due to one message."""


class RefusalAction(Enum):
    """What to do. Unless it is recorded, the message comes again after all others, and no attempt is counted."""

    RECORD_DEFERRED = auto()  # the refusal came again on a new connection: it is due to the message
    KEEP_CONNECTION = auto()  # it may be due to the message: the next one will show
    GIVE_UP_CONNECTION = auto()  # the others go on
    STOP_RUN = auto()


def choose_action(
    refusal: ConnectionRefusal, *, again: bool, last: bool, in_a_row: int
) -> RefusalAction:
    """Decide what follows from the refusal of a connection.

    `again`: the message has met one in this run before; it then gets a new connection, so that only
    the message can be to blame. `last`: no other connection is left. `in_a_row`: refusals since a
    message was last taken, deferred or rejected, this one included.
    """
    if again and refusal.deferred:
        return RefusalAction.RECORD_DEFERRED
    if not again and _needs_proof(refusal, last=last, in_a_row=in_a_row):
        return RefusalAction.KEEP_CONNECTION
    return RefusalAction.STOP_RUN if last else RefusalAction.GIVE_UP_CONNECTION


def _needs_proof(refusal: ConnectionRefusal, *, last: bool, in_a_row: int) -> bool:
    """Whether the connection should serve another message before it is given up.

    It should if the messages before have worn it out (a new one replaces it), and if it is the last
    one and the refusal may be due to this message alone.
    """
    return not refusal.fresh or (
        last and refusal.phase in MAY_BE_THE_MESSAGE and in_a_row < ENOUGH_IN_A_ROW
    )
