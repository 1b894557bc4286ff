"""For any roster, list and faults: runs end as planned, people get one mail, calls are few."""

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onboarding.errors import Refused, TryLater
from onboarding.model.people import Role
from onboarding.pipeline.refresh import plan_fresh, read_roster, refresh
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.records import CompanyDirectory, DirectoryEntry
from onboarding.simulator.rules import Rules
from tests.stage import COHOST, HOST, NAME, SESSION, WEBINAR, Stage, panelist, stage

GUESTS = [panelist(number) for number in range(1, 6)]
rosters = st.lists(
    st.sampled_from([COHOST, *GUESTS]), unique_by=lambda person: person["email"], max_size=6
).map(lambda people: [HOST, *people])
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
    .filter(
        lambda fault: fault not in {"GET:missing-join-uri", "GET:missing-person", "GET:not-json"}
    )
    | st.sampled_from(LATE),
    max_size=3,
)
REMOVE = Options(remove=True)


@pytest.mark.usefixtures("each_ledger")
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=rosters, after=rosters, weather=faults)
def test_runs_in_any_weather_end_with_what_was_planned(before, after, weather):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(change_of_roster(Path(folder), before, after, weather))


async def change_of_roster(folder: Path, before: list, after: list, weather: list[str]) -> None:
    people = {person["email"]: person for person in (*before, *after)}
    async with stage(folder, people.values()) as scene:
        scene.write_roster(before)
        await scene.run()
        scene.write_roster(after)
        allowed = await heavy_calls_planned(scene) + 2 * len(weather)
        mailed, calls = len(scene.told()), scene.heavy_calls()

        scene.ringcentral.faults.add(*weather)
        await run_through(scene, weather)
        # Where the list lacks people who are there, each of them may have to be looked up.
        assert scene.heavy_calls() - calls <= allowed or set(weather) & set(LATE)
        scene.ringcentral.faults.clear()
        await until_nothing_changes(scene)

        assert registered(scene) == sorted(
            person["email"] for person in after if person is not HOST
        )
        assert scene.ringcentral.account.mailed == []
        new = {person["email"] for person in after} - {person["email"] for person in before}
        gone = {person["email"] for person in before} - {person["email"] for person in after}
        assert sorted(scene.told()[mailed:]) == sorted(new | gone)


async def heavy_calls_planned(scene: Stage) -> int:
    async with scene.rooms() as opened:
        goal = find_target(opened.config, NAME)
        view = await refresh(opened, goal, await read_roster(goal, opened.stop))
        _, plan = await plan_fresh(opened, goal, view, REMOVE)
        return plan.heavy_calls


async def run_through(scene: Stage, weather: list[str]) -> None:
    """A run that may have to stop.

    A token that expired again right after the new log-in is nothing to try later, nor is a web page
    in the place of an answer, which a person has to look at.
    """
    try:
        await scene.run(REMOVE)
    except TryLater:
        assert scene.ringcentral.faults.waiting == []
    except Refused:
        assert (
            sum(fault.endswith("expired-token") for fault in weather) > 1
            or "PATCH:not-json" in weather
        )


async def until_nothing_changes(scene: Stage) -> None:
    for _ in range(4):
        result = await scene.run(REMOVE)
        if not result.has_changes:
            return
    raise AssertionError("the runs never come to rest")


def registered(scene: Stage) -> list[str]:
    """List the addresses at RingCentral without the Host's; a linked user's is the directory's."""
    world = scene.ringcentral.account
    records = [
        record for record in world.list_records(WEBINAR, SESSION) if record.role is not Role.HOST
    ]
    emails = []
    for record in records:
        colleague = world.find_entry(record)
        emails.append(colleague.email if colleague else record.email)
    return sorted(emails)


OLD = {**COHOST, "role": "Panelist"}
NEW = {**OLD, "user_id": "800100203"}
rows = st.lists(
    st.sampled_from([[OLD], [NEW], [], [OLD, GUESTS[0]], [NEW, GUESTS[0]]]), min_size=2, max_size=3
)
# A record that shows no ids, and the directory's address instead of the roster's, is not certain
# enough to follow changes of ids: `test_record_without_ids_is_found_by_the_directory` has what is
# promised then.
shown = st.sampled_from([Rules(), Rules(linked_users_show_email=False)])
trouble = st.lists(
    st.sampled_from(["PATCH:500*9", "PATCH:timeout-after", "PATCH:missing-person", *LATE]),
    max_size=2,
)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rosters=rows,
    rules=shown,
    known_as=st.sampled_from([COHOST["email"], "old@example.com"]),
    weather=trouble,
)
def test_all_people_added_from_here_are_removed_however_ids_change(
    rosters, rules, known_as, weather
):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(changes_of_ids(Path(folder), rosters, rules, known_as, weather))


async def changes_of_ids(
    folder: Path, rosters: list, rules: Rules, known_as: str, weather: list[str]
) -> None:
    async with stage(folder, [HOST, OLD, GUESTS[0]]) as scene:
        world = scene.ringcentral.account
        world.rules = rules
        company = [
            colleague
            for colleague in world.directory.entries
            if colleague.user_id not in {OLD["user_id"], NEW["user_id"]}
        ]
        world.directory = CompanyDirectory(
            [
                *company,
                DirectoryEntry(OLD["user_id"], OLD["account_id"], known_as, "Carlos", "Ortega"),
                DirectoryEntry(
                    NEW["user_id"], NEW["account_id"], "new@example.com", "Carla", "Ortega"
                ),
            ]
        )
        for roster in rosters:
            scene.write_roster([HOST, *roster])
            scene.ringcentral.faults.add(*weather)
            with suppress(TryLater):
                await scene.run()
            scene.ringcentral.faults.clear()
            await scene.run()
        await until_nothing_changes(scene)

        there = [
            record
            for record in world.list_records(WEBINAR, SESSION)
            if record.role is not Role.HOST
        ]
        wanted = [person.get("user_id") or person["email"] for person in rosters[-1]]
        assert sorted(
            record.linked_user.user_id if record.linked_user else record.email for record in there
        ) == sorted(wanted)
        assert world.mailed == []
        links = {
            record.join_uri.get_secret_value() for record in world.list_records(WEBINAR, SESSION)
        }
        for person in rosters[-1]:
            (last,) = [
                message
                for message in scene.messages()
                if message["To"].addresses[0].addr_spec == person["email"]
            ][-1:]
            assert any(link in str(last.get_body(("plain",)).get_content()) for link in links)


@pytest.mark.anyio
async def test_record_without_ids_is_found_by_the_directory(tmp_path):
    """A colleague is added by ids; the record shows the directory's address and no ids."""
    async with stage(tmp_path, [HOST, OLD]) as scene:
        world = scene.ringcentral.account
        world.rules = Rules(linked_users_show_ids=False)
        company = [entry for entry in world.directory.entries if entry.user_id != OLD["user_id"]]
        renamed = DirectoryEntry(
            OLD["user_id"], OLD["account_id"], "old@example.com", "Carlos", "Ortega"
        )
        world.directory = CompanyDirectory([*company, renamed])
        await scene.run()
        await scene.run()
        assert registered(scene) == ["old@example.com"]

        scene.write_roster([HOST])
        await until_nothing_changes(scene)

        assert registered(scene) == []
        assert world.mailed == []
