"""What a person sees of a webinar's schedule: in plan, status, check and lint."""

import json

import pytest

from tests.cli.command import on
from tests.stage import HOST, NAME, PANELIST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

PEOPLE = [HOST, PANELIST, panelist(1, time_zone="Pacific/Auckland")]
SCHEDULE = """
[messages]
material = { when = "-60d 09:00" }
reminder = ["-1d 09:00", "-1h"]
missing = { when = "start-5m", to = "missing" }
thanks = { when = "end+1d 09:00", to = ["Panelist"] }
"""
WRONG = """
[messages]
reminder = "-1h"
broken = "-1h 09:00"
postcard = "-2h"
late = { when = "+1d", template = "reminder" }
"""


def add_schedule(scene, text: str) -> None:
    with (scene.folder / "config.toml").open("a", encoding="utf-8") as file:
        file.write(text)


async def test_plan_shows_a_timeline_and_status_what_comes_next(tmp_path):
    async with stage(tmp_path, PEOPLE, limits=ROOMY) as scene:
        add_schedule(scene, SCHEDULE)
        planned = await on(scene, "plan", NAME)
        await on(scene, "run", NAME, "--yes")
        status = await on(scene, "status", NAME)
        found = json.loads((await on(scene, "status", NAME, "--json")).out)
        again = json.loads((await on(scene, "plan", NAME, "--json")).out)
    entries = ["material", "reminder@-1d 09:00", "reminder@-1h", "missing", "thanks"]
    assert planned.code == 0
    places = [planned.out.index(f" {entry} ") for entry in entries]
    assert places == sorted(places)
    assert "2027-01-17 09:00 CET to 2027-01-17 21:00 CET" in planned.out
    assert [row["entry"] for row in again["schedule"]] == entries
    assert [row["waiting"] for row in again["schedule"]] == [3, 3, 3, 3, 2]
    assert "2027-01-17 09:00 CET  material: Hanna Holm, Jörg Müller\n" in status.out
    assert "2027-01-17 21:00 CET  material: Guest1 Example\n" in status.out
    assert [(row["email"], row["entry"], row["due_at"]) for row in found["next"]] == [
        (HOST["email"], "material", "2027-01-17T08:00:00+00:00"),
        (PANELIST["email"], "material", "2027-01-17T08:00:00+00:00"),
        ("guest1@example.com", "material", "2027-01-17T20:00:00+00:00"),
    ]


async def test_plan_and_status_leave_out_people_to_whom_nothing_goes(tmp_path):
    # The host is outside of the fence, and the co-host is in no directory: neither gets a message.
    people = [HOST, panelist(1)]
    fence = {"ONBOARDING_REHEARSAL__ALLOW_DOMAINS": '["example.com"]'}
    async with stage(tmp_path, people, limits=ROOMY) as scene:
        scene.write_roster([*people, panelist(2, role="CoHost")])
        add_schedule(scene, '[messages]\nmaterial = { when = "-60d 09:00" }\n')
        planned = json.loads((await on(scene, "plan", NAME, "--json", **fence)).out)
        await on(scene, "run", NAME, "--yes", **fence)
        found = json.loads((await on(scene, "status", NAME, "--json", **fence)).out)
    assert [line["waiting"] for line in planned["schedule"]] == [1]
    assert [person["email"] for person in found["next"]] == ["guest1@example.com"]


async def test_what_is_wrong_is_one_sentence_each_and_the_rest_goes_on(tmp_path):
    async with stage(tmp_path, PEOPLE, limits=ROOMY) as scene:
        add_schedule(scene, WRONG)
        for command in (["plan", NAME], ["check", NAME], ["lint", NAME], ["run", NAME, "--yes"]):
            seen = await on(scene, *command)
            said = "".join((seen.out + seen.err).split())
            assert said.count("broken:'-1h09:00'hasaclocktimewithoutdays.") == 1, command
            assert said.count("postcard:Thereisnotemplatepostcard.mjml.j2") == 1, command
            # Whether it is after the session is known only with the session.
            assert ("late:+1disafterthesession'send." in said) is (command[0] != "lint")
            assert seen.code == 1
        assert len(scene.messages()) == 3
