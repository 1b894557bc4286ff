"""All that the mail server does in any phase: the ledger is true, no person is mailed twice.

The whole pipeline against a scripted server: it drops the line, refuses for now or for good, talks
nonsense, or says nothing, twice at each phase, and is polite from then on.
(`tests/smtp/test_faults.py` has more faults, line by line.)
"""

import contextlib
from collections import Counter

import pytest

from onboarding.errors import OnboardingError
from tests.smtp.scripted import Act, HangUp, Say, Scripted, Stall, scripted
from tests.stage import Stage, as_email, panelist, stage

pytestmark = pytest.mark.anyio

PEOPLE = [panelist(number) for number in range(1, 5)]
FAULTS: dict[str, Act] = {
    "drops": HangUp(),
    "421": Say("421 4.3.2 closing", hang_up=True),
    "4xx": Say("451 4.7.1 not now"),
    "5xx": Say("550 5.7.1 no"),
    "nonsense": Say("nonsense"),
    "half": Say("250-half", hang_up=True),
    "twice": Say("250 fine\r\n250 twice"),
    "nothing": Stall(),
}
PHASES = ("greeting", "ehlo", "mail", "rcpt", "data", "body", "dot", "rset", "quit")
IN_BODY = {"drops": HangUp(5_000), "nothing": Stall()}


def cases() -> list[tuple[str, str, Act]]:
    return [
        (phase, name, act)
        for phase in PHASES
        for name, act in (IN_BODY if phase == "body" else FAULTS).items()
    ]


@pytest.mark.parametrize(
    ("phase", "act"),
    [pytest.param(phase, act, id=f"{phase} {name}") for phase, name, act in cases()],
)
async def test_ledger_is_true_after_a_fault_and_a_good_server_gets_the_rest(tmp_path, phase, act):
    script = (
        {"rcpt": [Say("550 5.1.1 unknown")], "rset": [act] * 2}
        if phase == "rset"
        else {phase: [act] * 2}
    )
    async with stage(tmp_path, PEOPLE) as scene, scripted(script) as server:
        timeout = "0.1" if isinstance(act, Stall) else "10"
        scene.variables |= {
            "ONBOARDING_SMTP__PORT": str(server.port),
            "ONBOARDING_SMTP__TIMEOUT": timeout,
        }
        for _later in range(3):
            await assert_true_after_a_run(scene, server)
            scene.clock.pass_time(hours=2)

        assert set((await scene.states()).values()) <= {"sent", "rejected", "in_doubt"}


async def assert_true_after_a_run(scene: Stage, server: Scripted) -> None:
    with contextlib.suppress(OnboardingError):
        await scene.run()
    taken = Counter(str(as_email(body)["To"].addresses[0].addr_spec) for body in server.taken)
    for email, state in (await scene.states()).items():
        match state:
            case "sent":
                assert taken[email] == 1
            case "in_doubt":
                assert taken[email] <= 1
            case _:
                assert (state, taken[email]) in {("queued", 0), ("rejected", 0)}
