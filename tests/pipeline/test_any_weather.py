"""For any roster, any state at RingCentral and any faults: runs end with what was planned, nobody twice, few calls."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onboarding.errors import Refused, TryLater
from onboarding.model.people import Role
from onboarding.pipeline.looking import look, planned, read_roster
from onboarding.pipeline.target import target
from onboarding.plan import Options
from tests.stage import COHOST, HOST, NAME, SESSION, WEBINAR, Stage, panelist, stage

GUESTS = [panelist(number) for number in range(1, 6)]
rosters = st.lists(st.sampled_from([COHOST, *GUESTS]), unique_by=lambda one: one["email"], max_size=6).map(
    lambda people: [HOST, *people]
)
TROUBLES = [
    "timeout-before",
    "timeout-after",
    "500",
    "500-after",
    "502",
    "503",
    "429=5",
    "429-bare",
    "expired-token",
    "missing-join-uri",
    "missing-person",
    "shuffled",
    "extra-fields",
    "not-json",
]
LATE = ["GET /invitees:lagging", "GET /invitees:lagging=2", "GET /invitees:lagging*2"]
faults = st.lists(
    st.tuples(st.sampled_from(["PATCH", "GET"]), st.sampled_from(TROUBLES))
    .map(":".join)
    .filter(lambda fault: fault not in {"GET:missing-join-uri", "GET:missing-person", "GET:not-json"})
    | st.sampled_from(LATE),
    max_size=3,
)
REMOVE = Options(remove=True)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=rosters, after=rosters, weather=faults)
def test_runs_in_any_weather_end_with_what_was_planned(before, after, weather):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(change_of_roster(Path(folder), before, after, weather))


async def change_of_roster(folder: Path, before: list, after: list, weather: list[str]) -> None:
    everybody = {one["email"]: one for one in (*before, *after)}
    async with stage(folder, everybody.values()) as scene:
        scene.write_roster(before)
        await scene.run()
        scene.write_roster(after)
        allowed = await heavy_calls_planned(scene) + 2 * len(weather)
        told, calls = len(scene.told()), scene.heavy_calls()

        scene.ringcentral.faults.add(*weather)
        await run_through(scene, weather)
        # Where the list lacks people who are there, each of them may have to be looked up.
        assert scene.heavy_calls() - calls <= allowed or set(weather) & set(LATE)
        scene.ringcentral.faults.clear()
        await until_nothing_changes(scene)

        assert registered(scene) == sorted(one["email"] for one in after if one is not HOST)
        assert scene.ringcentral.world.mailed == []
        new = {one["email"] for one in after} - {one["email"] for one in before}
        gone = {one["email"] for one in before} - {one["email"] for one in after}
        assert sorted(scene.told()[told:]) == sorted(new | gone)


async def heavy_calls_planned(scene: Stage) -> int:
    async with scene.rooms() as opened:
        goal = target(opened.config, NAME)
        view = await look(opened, goal, await read_roster(goal, opened.stop))
        _, plan = await planned(opened, goal, view, REMOVE)
        return plan.heavy_calls


async def run_through(scene: Stage, weather: list[str]) -> None:
    """A run that may have to stop. A token that expired again right after the new log-in is nothing to try later."""
    try:
        await scene.run(REMOVE)
    except TryLater:
        assert scene.ringcentral.faults.waiting == []
    except Refused:
        assert sum(fault.endswith("expired-token") for fault in weather) > 1


async def until_nothing_changes(scene: Stage) -> None:
    for _ in range(4):
        result = await scene.run(REMOVE)
        if not result.did:
            return
    raise AssertionError("the runs never come to rest")


def registered(scene: Stage) -> list[str]:
    """The addresses registered at RingCentral, the Host's aside; a linked user's from the directory."""
    world = scene.ringcentral.world
    records = [one for one in world.records(WEBINAR, SESSION) if one.role is not Role.HOST]
    emails = []
    for one in records:
        colleague = world.colleague(one)
        emails.append(colleague.email if colleague else one.email)
    return sorted(emails)
