"""For every fault at every phase, what the client says is true of what the server did.

The promise behind it: nothing that a server took is ever sent again, nothing that it did not take
is ever counted as sent, and doubt is admitted only where nobody can know.
"""

import asyncio
import itertools

import pytest

from onboarding.errors import OnboardingError
from onboarding.model.deliveries import Deferred, InDoubt, Message, Outcome, Rejected, Sent
from onboarding.smtp.pool import Pool
from onboarding.smtp.settings import SmtpSettings
from tests.smtp.scripted import POLITE, Act, HangUp, Say, Scripted, Stall, scripted
from tests.smtp.steps import deliver, message

pytestmark = pytest.mark.anyio

REFUSING = [
    Say("421 4.3.2 closing", hang_up=True),
    Say("421 closing", hang_up=True),
    Say("450 4.7.1 not now"),
    Say("451 not now"),
    Say("452 4.3.1 full"),
    Say("550 no"),
    Say("550 5.4.5 daily limit"),
    Say("554-5.7.1 no\r\n554 5.7.1 never", bytewise=True),
    Say("552 5.3.4 too big", hang_up=True),
]
BREAKING = [
    HangUp(),
    Stall(),
    Say("nonsense"),
    Say("25"),
    Say("\x00\xff"),
    Say("250-half", hang_up=True),
    Say("250-one\r\n550 two"),
    Say("199 odd"),
    Say("999 odd"),
]
AGREEING = [
    Say("250 fine", hang_up=True),
    Say("250 fine", bytewise=True),
    Say("250-fine\r\n250 all", bytewise=True),
    Say("354 go on"),
    Say("250 fine\r\n421 closing", hang_up=True),
    Say("250 fine\r\n250 twice"),
]
FAULTS = [*REFUSING, *BREAKING, *AGREEING]
PHASES = ("greeting", "ehlo", "mail", "rcpt", "data", "dot", "rset", "quit")
FIRST, SECOND = message(1, b"Subject: first\r\n"), message(2, b"Subject: second\r\n")


def script_of(phase: str, acts: list[Act], *, used: bool) -> dict[str, list[Act]]:
    """Script a fault for the second message on a line where it is `used`, for the only one else.

    RSET is heard only after a refusal: there the first message is refused.
    """
    if phase == "rset":
        return {"rcpt": [Say("550 5.1.1 unknown")], "data": [Say("503 no")], "rset": acts}
    before = [Say(POLITE[phase])] if used and phase in ("mail", "rcpt", "data", "dot") else []
    return {phase: [*before, *acts]}


def check(server: Scripted, outcomes: list[Outcome | OnboardingError]) -> None:
    """Compare what the client says of the last message with what is true of it."""
    body = b"Subject: second\r\n.\r\n"
    assert server.bodies.count(body) <= 1
    match outcomes[-1]:
        case Sent():
            assert server.taken.count(body) == 1
        case Deferred() | Rejected() | OnboardingError():
            assert server.taken.count(body) == 0
        case InDoubt():
            assert server.bodies.count(body) == 1


async def trial(phase: str, act: Act, times: int, extensions: list[str], *, used: bool) -> None:
    timeout = 0.05 if isinstance(act, Stall) else 5.0
    async with scripted(script_of(phase, [act] * times, used=used), extensions) as server:
        outcomes = await outcomes_of(
            server.settings(timeout=timeout), [FIRST, SECOND] if used else [SECOND]
        )

    check(server, outcomes)


@pytest.mark.parametrize(
    "extensions", [["PIPELINING"], ["8BITMIME"]], ids=["together", "one by one"]
)
@pytest.mark.parametrize("used", [False, True], ids=["new line", "used line"])
@pytest.mark.parametrize("phase", PHASES)
async def test_outcome_is_true_for_every_fault_at_every_phase(phase, used, extensions):
    faults = itertools.product(FAULTS, (1, 2))

    await asyncio.gather(
        *(trial(phase, act, times, extensions, used=used) for act, times in faults)
    )


@pytest.mark.parametrize("after", [0, 1, 5, 17])
async def test_line_lost_within_a_body_is_never_a_refusal(after):
    async with scripted({"body": [HangUp(after)]}) as server:
        outcomes = await outcomes_of(server.settings(), [SECOND])

    assert [type(outcome) for outcome in outcomes] == [InDoubt]
    assert server.taken == []


async def outcomes_of(
    settings: SmtpSettings, messages: list[Message]
) -> list[Outcome | OnboardingError]:
    """Send messages through one connection, whatever becomes of each."""
    outcomes: list[Outcome | OnboardingError] = []
    async with Pool(settings) as pool, pool.connection() as connection:
        for item in messages:
            try:
                outcomes.append(await deliver(connection, item))
            except OnboardingError as refusal:
                outcomes.append(refusal)
    return outcomes
