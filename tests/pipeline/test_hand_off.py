"""What the ledger holds becomes the report: people, messages, and what is no longer true."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from onboarding.cli.terminal import NoProgress
from onboarding.errors import ConfigurationError
from onboarding.model.deliveries import State
from onboarding.model.people import Role
from onboarding.model.sessions import link_digest
from onboarding.pipeline.hand_off import read_report
from onboarding.pipeline.reported_people import REMOVED_FROM_BOARD
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.reports.report import WebinarReport
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio


def report_of(scene: Stage) -> WebinarReport:
    target = find_target(scene.config, NAME)
    report, unknown = read_report(scene.config, [target], scene.clock.now(), NoProgress())
    assert (report.made_at, unknown) == (scene.clock.now(), [])
    return report.webinars[0]


def write_roster_text(scene: Stage, *lines: str) -> None:
    text = "\n".join(["First name,Last name,E-Mail,Role,Company,T-Shirt size,Site", *lines])
    (scene.folder / "invitees.csv").write_text(text, encoding="utf-8")


def link_digests(scene: Stage) -> dict[str, str]:
    """All people's join links at RingCentral, by their fingerprint."""
    return {link_digest(SecretStr(link)): link for link in scene.join_links()}


GUEST = "Guest1,Example,guest1@example.com,Panelist"


async def test_report_has_what_the_roster_says_of_each_person(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        write_roster_text(scene, f"{GUEST},Analytical Engines,M,https://guest.example/me")
        began = scene.clock.now()
        await scene.run()

        report = report_of(scene)

        (guest,) = report.people
        assert (guest.email, guest.first_name, guest.last_name) == (
            *("guest1@example.com", "Guest1", "Example"),
        )
        assert (guest.role, guest.company) == (Role.PANELIST, "Analytical Engines")
        assert guest.extra == {"t_shirt_size": "M", "site": "https://guest.example/me"}
        assert guest.registered_at
        assert began <= guest.registered_at <= scene.clock.now()
        assert [message.state for message in guest.messages] == [State.SENT]
        assert guest.link_fingerprint == guest.messages[0].link_fingerprint
        assert guest.link_fingerprint in link_digests(scene)
        assert guest.outdated == ()


async def test_join_link_that_a_person_put_on_the_roster_is_masked(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        write_roster_text(scene, f"{GUEST},A,M,")
        await scene.run()
        mailed = report_of(scene).messages[0].link_fingerprint
        write_roster_text(scene, f"{GUEST},A,M,{link_digests(scene)[mailed]}")
        await scene.run()

        site = report_of(scene).people[0].extra["site"]

        assert site == f"https://…/•••• {mailed[:4]}"


async def test_people_without_a_message_are_there_with_the_reason_and_notes_apart(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        scene.ringcentral.account.update_session(WEBINAR, SESSION, time_zone="")
        await scene.run(Options(limit=1))

        report = report_of(scene)

        assert report.problems == ()
        assert len(report.notes) == 1
        by_email = {person.email: person for person in report.people}
        assert by_email.keys() == {HOST["email"], PANELIST["email"]}
        assert [len(person.messages) for person in report.people] == [1, 0]


async def test_who_was_removed_and_has_no_cancellation_holds_what_is_not_true(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        scene.write_roster([HOST])
        await scene.run(Options(remove=True), to="me@example.com")

        guest = report_of(scene).people[-1]

        assert (guest.email, guest.first_name) == ("guest1@example.com", "Guest1")
        assert guest.registered_at is None
        assert guest.outdated == (REMOVED_FROM_BOARD,)


async def test_moved_session_makes_what_was_sent_out_of_date_until_the_update_is_sent(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        start = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
        scene.ringcentral.account.update_session(WEBINAR, SESSION, start=start + timedelta(hours=1))
        await scene.run(Options(limit=1))

        outdated = [person.outdated for person in report_of(scene).people]
        assert outdated == [(), ("start",)]

        await scene.run()
        assert [person.outdated for person in report_of(scene).people] == [(), ()]


async def test_changed_row_of_the_roster_is_in_the_next_report(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        write_roster_text(scene, f"{GUEST},Old Name,M,")
        await scene.run()
        write_roster_text(scene, f"{GUEST},New Name,M,")
        await scene.run()

        assert [person.company for person in report_of(scene).people] == ["New Name"]
        assert len(report_of(scene).messages) == 1


async def test_before_the_first_run_there_is_no_report(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        with pytest.raises(ConfigurationError, match="has had no run yet"):
            report_of(scene)


async def test_webinars_without_a_run_are_named(tmp_path):
    async with stage(tmp_path, [HOST], more=1) as scene:
        await scene.run()
        targets = [find_target(scene.config, name) for name in (NAME, f"{NAME}2")]

        report, unknown = read_report(scene.config, targets, scene.clock.now(), NoProgress())

        assert [webinar.webinar_name for webinar in report.webinars] == [NAME]
        assert unknown == [f"{NAME}2"]


async def test_after_the_session_nothing_is_out_of_date(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        start = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
        scene.ringcentral.account.update_session(WEBINAR, SESSION, start=start + timedelta(hours=1))
        await scene.run(Options(limit=1))
        scene.clock.pass_time(days=60)

        assert [person.outdated for person in report_of(scene).people] == [(), ()]
