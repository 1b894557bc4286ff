"""The plan page's values: each message as it will be sent, each change, and one digest for all."""

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from onboarding.model.kinds import Kind
from onboarding.pipeline.planned_messages import STAND_IN_LINK
from onboarding.pipeline.refresh import read_roster, refresh
from onboarding.pipeline.review import IF_CALLED_OFF, IF_REMOVED, make_review
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from tests.samples import HANNA, JOERG
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, panelist, stage

pytestmark = pytest.mark.anyio

OPTIONS = Options()


@asynccontextmanager
async def opened_state(scene):
    """The rooms, the webinar, and what a run would see of it now."""
    async with scene.rooms() as services:
        target = find_target(services.config, NAME)
        roster = await read_roster(target, services.stop)
        yield services, target, await refresh(services, target, roster)


async def review(scene, options=OPTIONS):
    async with opened_state(scene) as (services, target, state):
        return await make_review(services, target, state, options)


def by_person(messages):
    return [(message.invitee.email, message.kind) for message in messages]


async def test_review_shows_all_messages_before_any_person_is_registered(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        made = await review(scene)

        assert by_person(made.messages) == [
            (HANNA.email, Kind.INVITATION),
            (JOERG.email, Kind.INVITATION),
        ]
        assert [(change.action, change.invitee.email) for change in made.changes] == [
            ("add", JOERG.email)
        ]
        assert by_person(made.conditional) == [
            (HANNA.email, Kind.UPDATE),
            (HANNA.email, Kind.CANCELLATION),
            (HANNA.email, Kind.CANCELLATION),
            (JOERG.email, Kind.UPDATE),
            (JOERG.email, Kind.CANCELLATION),
            (JOERG.email, Kind.CANCELLATION),
        ]
        cancellations = made.conditional[4:]
        assert [message.reason for message in cancellations] == [IF_REMOVED, IF_CALLED_OFF]
        assert [message.shown.subject for message in cancellations if message.shown] == [
            "Cancelled: your part in The Launch",
            "Cancelled: The Launch",
        ]
        for message in (*made.messages, *made.conditional):
            assert message.fault == ""
            assert message.shown is not None
            assert not message.covered
        assert all(
            STAND_IN_LINK.get_secret_value() in message.shown.html for message in made.messages
        )
        assert made.problems == ()
        assert made.forecast.startswith("2 emails")
        assert scene.ringcentral.requests.select("PATCH") == []
        assert scene.messages() == []


async def test_digests_are_the_same_before_and_after_registering(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        before = await review(scene)
        port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        with pytest.raises(Exception, match="mail server"):
            await scene.run()
        scene.variables["ONBOARDING_SMTP__PORT"] = port

        after = await review(scene)

        assert after.changes == ()
        assert [message.digest for message in after.messages] == [
            message.digest for message in before.messages
        ]
        assert after.digest != before.digest


async def test_review_is_the_same_each_time(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        first = await review(scene)
        scene.clock.pass_time(hours=3)

        assert (await review(scene)).digest == first.digest


async def test_a_list_of_the_panel_changes_no_digest_and_is_shown(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        before = (await review(scene)).messages[0]
        scene.write_roster([HOST, PANELIST, panelist(1)])

        after = (await review(scene)).messages[0]

        assert after.invitee.key == before.invitee.key == HANNA.email
        assert (after.digest, after.text) == (before.digest, before.text)
        assert after.panel != before.panel
        assert "Guest1 Example" in after.shown.html


async def test_what_cannot_be_composed_is_a_fault_of_its_person(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)]) as scene:
        templates = scene.folder / "templates"
        templates.mkdir()
        (templates / "invitation.html.j2").write_text(
            "<html><head><title>Hi</title></head><body>{{ join_link }} "
            "{% if invitee.first_name == 'Guest1' %}"
            f" Ask {JOERG.email}"
            "{% endif %}</body></html>",
            encoding="utf-8",
        )

        made = await review(scene)

        (faulty,) = [message for message in made.messages if message.fault]
        assert faulty.invitee.email == "guest1@example.com"
        assert (faulty.shown, faulty.digest, faulty.wording) == (None, "", "")
        assert faulty.fault.startswith("The message was stopped")
        assert JOERG.email not in faulty.fault


async def test_no_real_link_or_code_is_on_a_page(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))

        made = await review(scene)

        assert by_person(made.messages) == [(HANNA.email, Kind.UPDATE), (JOERG.email, Kind.UPDATE)]
        written = "".join(
            message.shown.text + message.shown.html + message.shown.calendar
            for message in (*made.messages, *made.conditional)
        )
        for link in scene.join_links():
            assert link.rpartition("/")[2] not in written
