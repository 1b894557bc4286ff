"""A file on the schedule, from config.toml to the mailbox and to what is kept; and a bad one."""

import json
from datetime import datetime, timedelta

import pytest

from onboarding.cli.output import kept_json
from onboarding.cli.terminal import NoProgress
from onboarding.pipeline.kept_messages import read_kept, rebuild
from onboarding.pipeline.target import find_target
from tests.stage import NAME, PANELIST, SESSION, WEBINAR, Stage, stage

pytestmark = pytest.mark.anyio

JOERG = PANELIST["email"]
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 10
SCHEDULE = """
[messages]
material = { when = "-1d", attach = ["checklist.pdf"] }
reminder = "-1h"
"""


def prepare(scene: Stage, content: bytes) -> datetime:
    """Write schedule and file; gives the session's start."""
    (scene.folder / "checklist.pdf").write_bytes(content)
    with (scene.folder / "config.toml").open("a", encoding="utf-8") as config:
        config.write(SCHEDULE)
    start: datetime = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
    return start


async def test_file_arrives_and_is_kept_by_its_digest(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        start = prepare(scene, PDF)
        scene.clock.time = start - timedelta(days=2)
        await scene.run()
        scene.clock.time = start - timedelta(days=1)
        assert (await scene.run()).sent == 1

        invitation, material = scene.messages()
        [file] = material.iter_attachments()
        assert (file.get_filename(), file.get_content()) == ("checklist.pdf", PDF)
        assert [part.get_filename() for part in invitation.iter_attachments()] == ["invite.ics"]

        found = read_kept(
            scene.config, find_target(scene.config, NAME), JOERG, scene.clock.now(), NoProgress()
        )
        first, last = json.loads(json.dumps(kept_json(found)))
        assert first["attachments"] == []
        [kept] = last["attachments"]
        assert list(kept) == ["name", "media_type", "size", "sha256"]
        assert (kept["name"], kept["media_type"], kept["size"]) == (
            "checklist.pdf",
            "application/pdf",
            len(PDF),
        )
        assert b"X-Onboarding-Attachment: checklist.pdf" in rebuild(found.messages[-1])


async def test_program_in_a_files_place_keeps_its_entry_back_and_nothing_else(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        start = prepare(scene, b"MZ" + PDF)
        results = []
        for before in (timedelta(days=2), timedelta(days=1), timedelta(hours=1)):
            scene.clock.time = start - before
            results.append(await scene.run())

        assert [result.sent for result in results] == [1, 0, 1]
        assert [result.exit_code for result in results] == [1, 1, 1]
        [problem] = results[-1].problems
        assert "[messages] material: " in problem.message
        assert "checklist.pdf can't be attached: it is a program" in problem.message
