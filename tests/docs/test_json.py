"""The JSON in the reference has the very shape that the commands print, key by key."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import typer.main

from onboarding.cli.main import app
from onboarding.model.people import Role
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.docs.pages import blocks, read
from tests.inbox import reports
from tests.stage import COHOST, HOST, NAME, ROOMY, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

DOCUMENTED = {
    block.mark: json.loads(block.text)
    for block in blocks(read("docs/reference.md"), "json")
    if block.mark
}

BAD_ROW = {"first_name": "Tom", "last_name": "Baker", "email": "tom@example.com", "role": "Speaker"}
FREE_KEYS = {"counts", "changes", "extra"}
"""Objects whose keys are not fixed: states, fields, columns."""


MAY_BE_EMPTY = {"as_told", "answers", "attendance", "suppressed", "attachments"}
"""Lists that no single run fills together with all others; their shape has a test of its own."""


ELSEWHERE = {"worker"}
"""Shapes that need a PostgreSQL server: `tests/fleet/test_status.py` compares them."""


def shape(value: Any, name: str = "") -> Any:
    """What a program relies on: keys in order, kinds of values; a list is like its first item."""
    match value:
        case dict() if name in FREE_KEYS:
            return {"...": {str(shape(one)) for one in value.values()}}
        case dict():
            return {key: shape(one, key) for key, one in value.items()}
        case list() if name in MAY_BE_EMPTY:
            return "list"
        case list():
            assert value, "an empty list shows no shape"
            return [shape(value[0])]
        case _:
            return type(value).__name__


def mail_by_ringcentral(scene: Stage) -> None:
    """RingCentral mails the co-host itself."""
    people = scene.ringcentral.account.invitees[WEBINAR, SESSION]
    scene.ringcentral.account.invitees[WEBINAR, SESSION] = {
        key: replace(one, send_invite=one.send_invite or one.role is Role.COHOST)
        for key, one in people.items()
    }


LOOKING = {
    "status": ["status", NAME],
    "plan": ["plan", NAME, "--remove"],
    "webinars": ["webinars"],
    "directory": ["directory", COHOST["email"]],
    "show": ["show", NAME, HOST["email"]],
    "lint": ["lint"],
}
DOING = {
    "run": ["run", NAME, "--yes"],
    "history": ["history", "guest3@example.com"],
    "report": ["report", NAME],
    "resend": ["resend", NAME, "guest3@example.com", "--yes"],
    "replace": [
        "replace",
        NAME,
        "guest3@example.com",
        "--with",
        "Guest4,E,g4@example.com",
        "--yes",
    ],
    "call-off": ["call-off", NAME, "--yes"],
}


async def move_session(scene: Stage) -> None:
    """Move the session, and let a plan see it: what was sent is out of date for the report."""
    start = scene.ringcentral.account.sessions[WEBINAR, SESSION].start + timedelta(hours=1)
    scene.ringcentral.account.update_session(WEBINAR, SESSION, start=start)
    await on(scene, "plan", NAME)


async def read_replies(scene: Stage) -> Any:
    """Let one message come back, and read the mailbox that it comes to."""
    mailbox = scene.folder / "mail"
    for part in ("new", "cur", "tmp"):
        (mailbox / part).mkdir(parents=True)
    sent = scene.messages()[0]["Message-ID"]
    (mailbox / "new" / "1.example").write_text(reports.QMAIL.replace(reports.MESSAGE_ID, sent))
    place = {"ONBOARDING_REPLIES__MAILDIR": str(mailbox)}
    return await on(scene, "replies", NAME, "--json", **place)


async def test_json_is_printed_as_documented(tmp_path):
    guests = [panelist(1, job_title="Analyst"), panelist(2), panelist(4), panelist(5)]
    first = [HOST, COHOST, *guests, BAD_ROW]
    pale = {
        "ONBOARDING_BRAND__COLOURS__BUTTON_TEXT": "#1f5fbe"
    }  # so that lint has something to say
    rules = MailRules(
        refuse=dict.fromkeys(("guest2@example.com", "guest4@example.com"), "550 5.1.1 Unknown"),
        lose_reply=frozenset({"guest5@example.com"}),
    )
    async with stage(tmp_path, first, limits=ROOMY, mail_rules=rules) as scene:
        with (scene.folder / "config.toml").open("a", encoding="utf-8") as file:
            file.write('\nremove = true\n[messages]\nreminder = "-1h"\n')
        await on(scene, "run", NAME, "--yes")
        mail_by_ringcentral(scene)
        await on(scene, "run", NAME, "--yes")
        scene.ringcentral.account.update_session(
            WEBINAR, SESSION, time_zone=""
        )  # so that the plan has a note
        # Since then a person came, a person left, a person has another title, and the host is gone
        # from the list.
        scene.write_roster(
            [
                COHOST,
                panelist(1, job_title="Head of Analysis", topic="Engines"),
                panelist(3),
                panelist(4, topic="Engines"),  # rejected, so no run mails them again by itself
                BAD_ROW,
            ]
        )
        looked = list(
            await asyncio.gather(
                *(on(scene, *command, "--json", **pale) for command in LOOKING.values())
            )
        )
        did = []
        for mark, command in DOING.items():
            if mark == "report":
                await move_session(scene)
            did.append(await on(scene, *command, "--json"))
        # Last: what bounced would be missing in the others' shapes.
        looked.append(await read_replies(scene))
    printed = {
        mark: json.loads(seen.out)
        for mark, seen in zip([*LOOKING, "replies", *DOING], [*looked, *did], strict=True)
    }

    # Who is left out may be on the roster or not: the documented person is.
    for mark in ("plan", "run"):
        printed[mark]["skip"].sort(key=lambda skipped: skipped["roster"] is None)
    # The events of a registration, which come first, have no message.
    printed["history"] = [one for one in printed["history"] if one["delivery"]]
    assert {mark: shape(value) for mark, value in printed.items()} == {
        mark: shape(value) for mark, value in DOCUMENTED.items() if mark not in ELSEWHERE
    }


def test_every_command_that_prints_json_has_its_shape_documented():
    group: Any = typer.main.get_command(app)
    real = {
        name
        for name, one in group.commands.items()
        if any("--json" in option.opts for option in one.load().params)
    }
    assert set(DOCUMENTED) == real
