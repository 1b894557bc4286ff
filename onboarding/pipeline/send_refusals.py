"""What follows when the server refuses us, or one connection, in reply to a message that it has not taken.

Pure: a refusal and what is known of message and connections go in, a step comes out; `posting` takes it. What a reply
means was decided before, by `smtp.replies`.
"""

from enum import Enum, auto

from onboarding.smtp.phases import ConnectionRefusal, Phase

MAY_BE_THE_MESSAGE = frozenset({Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT})
"""Phases in which the server knows for whom the message is, so that a refusal of us may be due to that alone."""

ENOUGH = 3
"""Refusals of different messages in a row that show that it is not for the sake of one."""


class Step(Enum):
    """What to do. Unless it is recorded, the message comes again after all others, and no attempt is counted."""

    RECORD_DEFERRED = auto()  # the refusal follows the message, so it is the message's
    KEEP_CONNECTION = auto()  # it may be the message's: another message has to show
    GIVE_UP_CONNECTION = auto()  # the others go on
    STOP_RUN = auto()


def next_step(refusal: ConnectionRefusal, *, again: bool, last: bool, in_a_row: int) -> Step:
    """Decide what follows from the refusal of a connection.

    `again`: the message has met one in this run before; it then gets a new connection, so that only the message can
    be to blame. `last`: no other connection is left. `in_a_row`: refusals since a message was last taken, deferred
    or rejected, this one included.
    """
    if again and refusal.deferred:
        return Step.RECORD_DEFERRED
    if not again and _needs_proof(refusal, last=last, in_a_row=in_a_row):
        return Step.KEEP_CONNECTION
    return Step.STOP_RUN if last else Step.GIVE_UP_CONNECTION


def _needs_proof(refusal: ConnectionRefusal, *, last: bool, in_a_row: int) -> bool:
    """Whether the connection should serve another message before it is given up.

    It should where it was worn out by the messages before (a new line replaces it), and where it is the last one
    and this message alone may be refused.
    """
    return not refusal.fresh or (last and refusal.phase in MAY_BE_THE_MESSAGE and in_a_row < ENOUGH)
