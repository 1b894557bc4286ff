"""One webinar and one person as the console shows them, and nothing of other sessions."""

import re

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.model.deliveries import State
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.target import find_target
from onboarding.pipeline.webinar_view import PersonView, WebinarView, read_person, read_webinar
from onboarding.simulator.smtp_catcher import MailRules
from tests.stage import HOST, NAME, Stage, panelist, stage

pytestmark = pytest.mark.anyio

GUEST = "guest1@example.com"


def view_of(scene: Stage, name: str = NAME) -> WebinarView:
    target = find_target(scene.config, name)
    return read_webinar(scene.config, target, scene.clock.now(), NoProgress())


def person_of(scene: Stage, email: str, name: str = NAME) -> PersonView:
    view = view_of(scene, name)
    assert view.report
    (code,) = [view.code_of(person) for person in view.report.people if person.email == email]
    target = find_target(scene.config, name)
    found = read_person(scene.config, target, code, scene.clock.now(), NoProgress())
    assert found
    return found


async def test_webinar_without_a_run_has_no_report(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        view = view_of(scene)

        assert (view.title, view.report, view.at_work, view.is_over) == (NAME, None, None, False)
        assert read_person(scene.config, view.target, "0" * 16, view.read_at, NoProgress()) is None


async def test_webinar_with_a_run_has_its_people_and_no_one_at_work(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()

        view = view_of(scene)

        assert view.title == "The Launch"
        assert view.report
        assert [person.messages[-1].state for person in view.report.people] == [State.SENT] * 2
        assert view.at_work is None


async def test_run_at_work_is_named_with_its_start(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        async with scene.rooms() as opened, webinar_lease(opened, find_target(opened.config, NAME)):
            at_work = view_of(scene).at_work

        assert at_work
        assert at_work.since == scene.clock.now()
        assert at_work.host
        assert at_work.process > 0


async def test_person_has_history_and_each_message_as_kept(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()

        found = person_of(scene, GUEST)

        assert [event.what for event in found.history][-3:] == ["queued", "sending", "sent"]
        (copy,) = found.kept
        assert copy.record.delivery.id == found.person.messages[0].id
        assert found.find_kept(copy.record.delivery.id) == copy
        assert found.find_kept(copy.record.delivery.id + 999) is None
        # A whole link is nowhere in what is kept.
        kept = f"{copy.headers}{copy.text}{copy.html}{copy.calendar}"
        assert [link for link in scene.join_links() if link in kept] == []


async def test_history_of_another_webinar_is_not_shown(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], more=1) as scene:
        await scene.run()
        await scene.run(name="launch2")

        first, second = person_of(scene, GUEST), person_of(scene, GUEST, "launch2")

        assert {event.webinar_id for event in first.history} == {first.webinar.target.webinar_id}
        assert len(first.history) == len(second.history)
        assert first.code != second.code


async def test_code_of_a_person_is_no_address(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()

        assert re.fullmatch("[0-9a-f]{16}", person_of(scene, GUEST).code)


async def test_queued_message_says_when_it_is_due(tmp_path):
    rules = MailRules(defer_once=frozenset({GUEST}))
    async with stage(tmp_path, [HOST, panelist(1)], mail_rules=rules) as scene:
        await scene.run()

        (message,) = person_of(scene, GUEST).person.messages

        assert message.state is State.QUEUED
        assert message.due_at
        assert message.due_at > scene.clock.now()
