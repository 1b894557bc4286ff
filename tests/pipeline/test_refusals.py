"""What follows from a refusal of one connection, as a table."""

import pytest

from onboarding.model.deliveries import Deferred
from onboarding.pipeline.send import ENOUGH_IN_A_ROW, RefusalAction, select_action
from onboarding.smtp.phases import ConnectionRefusal, Phase

LEFT, LAST = False, True
FIRST, AGAIN = False, True
MESSAGES_OWN = Deferred("the mail server does not take this message now")


@pytest.mark.parametrize(
    ("phase", "fresh", "deferred", "again", "last", "in_a_row", "step"),
    [
        # Others are left: this one is given up, and the message goes over another.
        (Phase.MAIL, True, None, FIRST, LEFT, 1, RefusalAction.GIVE_UP_CONNECTION),
        (Phase.RCPT, True, None, FIRST, LEFT, 1, RefusalAction.GIVE_UP_CONNECTION),
        (Phase.DOT, True, MESSAGES_OWN, FIRST, LEFT, 9, RefusalAction.GIVE_UP_CONNECTION),
        (Phase.RCPT, True, None, AGAIN, LEFT, 1, RefusalAction.GIVE_UP_CONNECTION),
        # It had carried messages: a new line in its place may do.
        (Phase.DOT, False, None, FIRST, LEFT, 1, RefusalAction.KEEP_CONNECTION),
        (Phase.DOT, False, MESSAGES_OWN, FIRST, LAST, 1, RefusalAction.KEEP_CONNECTION),
        # The last: before a recipient was named it is us; after that, other messages have to show.
        (Phase.GREETING, True, None, FIRST, LAST, 1, RefusalAction.STOP_RUN),
        (Phase.MAIL, True, None, FIRST, LAST, 1, RefusalAction.STOP_RUN),
        (Phase.RCPT, True, None, FIRST, LAST, 1, RefusalAction.KEEP_CONNECTION),
        (Phase.DATA, True, None, FIRST, LAST, ENOUGH_IN_A_ROW - 1, RefusalAction.KEEP_CONNECTION),
        (Phase.DOT, True, None, FIRST, LAST, ENOUGH_IN_A_ROW, RefusalAction.STOP_RUN),
        (Phase.RCPT, True, None, AGAIN, LAST, 1, RefusalAction.STOP_RUN),
        # It follows the message from one connection to the next: it is the message's.
        (Phase.RCPT, True, MESSAGES_OWN, AGAIN, LEFT, 1, RefusalAction.RECORD_DEFERRED),
        (
            Phase.DOT,
            True,
            MESSAGES_OWN,
            AGAIN,
            LAST,
            ENOUGH_IN_A_ROW,
            RefusalAction.RECORD_DEFERRED,
        ),
    ],
)
def test_step_after_a_refusal(phase, fresh, deferred, again, last, in_a_row, step):
    refusal = ConnectionRefusal("no", phase=phase, fresh=fresh, deferred=deferred)

    assert select_action(refusal, again=again, last=last, in_a_row=in_a_row) is step
