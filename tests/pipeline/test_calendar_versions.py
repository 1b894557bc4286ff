"""One entry in each calendar: over a move, a second copy and a removal, as calendars receive it."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from icalendar import Calendar

from onboarding.pipeline.inbox import read_one
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.resend import execute_resend, prepare_resend
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.replies import build_answer
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, stage

pytestmark = pytest.mark.anyio

JOERG = PANELIST["email"]


@dataclass(frozen=True)
class Entry:
    method: str
    sequence: int
    uid: str
    stamp: object
    participation: str = ""


def entries(scene: Stage, email: str) -> list[Entry]:
    return [
        _read(part.get_content())
        for mail in scene.messages()
        if email in mail["To"]
        for part in mail.walk()
        if part.get_content_type() == "text/calendar"
    ]


def _read(content: str) -> Entry:
    whole = Calendar.from_ical(content)
    [event] = whole.walk("VEVENT")
    return Entry(
        str(whole["METHOD"]),
        int(event["SEQUENCE"]),
        str(event["UID"]),
        event.decoded("DTSTAMP"),
        event["ATTENDEE"].params["PARTSTAT"] if "ATTENDEE" in event else "",
    )


def move(scene: Stage, days: int) -> None:
    start = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
    scene.ringcentral.account.update_session(WEBINAR, SESSION, start=start + timedelta(days=days))


async def resend(scene: Stage) -> None:
    async with scene.rooms() as opened:
        target = find_target(opened.config, NAME)
        async with webinar_lease(opened, target) as lease:
            prepared = await prepare_resend(opened, target, [JOERG])
            await execute_resend(opened, prepared, lease, "Mia", "")


async def test_entry_counts_up_and_stays_one(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        await resend(scene)
        move(scene, 1)
        await scene.run()
        await resend(scene)
        scene.write_roster([HOST])
        await scene.run(Options(remove=True))

        found = entries(scene, JOERG)
        assert [(entry.method, entry.sequence) for entry in found] == [
            ("REQUEST", 0),
            ("REQUEST", 0),  # a second copy
            ("REQUEST", 1),  # moved
            ("REQUEST", 1),  # a second copy of that
            ("CANCEL", 2),
        ]
        assert len({entry.uid for entry in found}) == 1


async def test_second_copy_that_tells_a_new_time_is_a_new_version(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        move(scene, 1)
        await resend(scene)

        assert [entry.sequence for entry in entries(scene, JOERG)] == [0, 1]


async def test_entry_of_a_rehearsal_is_another_one(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run(to="tester@example.com")
        await scene.run()

        [rehearsed], [real] = entries(scene, "tester@example.com"), entries(scene, JOERG)
        assert (rehearsed.sequence, real.sequence) == (0, 0)
        assert rehearsed.uid != real.uid


async def test_uids_can_not_be_worked_out_from_an_address(tmp_path):
    uids = []
    for ledger in ("a", "b"):
        (tmp_path / ledger).mkdir()
        async with stage(tmp_path / ledger, [PANELIST]) as scene:
            await scene.run()
            uids += [entry.uid for entry in entries(scene, JOERG)]

    assert len(set(uids)) == 2


async def answer(scene: Stage, participation: str) -> None:
    """The person answers the newest entry that they have."""
    caught = [mail for mail in scene.mail.messages() if mail.recipients == (JOERG,)][-1]
    scene.clock.pass_time(minutes=5)
    async with scene.rooms() as services:
        await read_one(services, build_answer(caught, participation, scene.clock.now()))


async def test_an_update_repeats_the_answer_until_the_time_changes(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        await answer(scene, "ACCEPTED")
        await resend(scene)
        await answer(scene, "TENTATIVE")
        await resend(scene)
        move(scene, 1)
        await scene.run()
        await resend(scene)
        # It was answered once, and is a new time all the same.
        move(scene, -1)
        await scene.run()
        await answer(scene, "DECLINED")
        await resend(scene)

        assert [(entry.sequence, entry.participation) for entry in entries(scene, JOERG)] == [
            (0, "NEEDS-ACTION"),
            (0, "ACCEPTED"),
            (0, "TENTATIVE"),
            (1, "NEEDS-ACTION"),  # moved
            (1, "NEEDS-ACTION"),
            (2, "NEEDS-ACTION"),  # moved back
            (2, "DECLINED"),
        ]


async def test_who_was_removed_and_comes_back_is_asked_again(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        await answer(scene, "ACCEPTED")
        scene.write_roster([HOST])
        await scene.run(Options(remove=True))
        scene.write_roster([HOST, PANELIST])
        await scene.run()

        found = [(entry.method, entry.participation) for entry in entries(scene, JOERG)]
        assert found == [
            ("REQUEST", "NEEDS-ACTION"),
            ("CANCEL", "ACCEPTED"),
            ("REQUEST", "NEEDS-ACTION"),
        ]
