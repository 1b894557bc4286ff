"""All webinars at a glance: which is soonest, how each panel is, what needs a person."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from onboarding.cli.terminal import NoProgress
from onboarding.errors import OnboardingError
from onboarding.ledger.overview import Panel
from onboarding.ledger.settings import find_place
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.overview import (
    WEBINARS_ON_A_PAGE,
    Overview,
    OverviewQuery,
    Show,
    WebinarLine,
    read_overview,
)
from onboarding.pipeline.pause import pause_webinar
from onboarding.pipeline.target import all_targets, find_target
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules
from tests.stage import HOST, NAME, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio


def overview_of(scene: Stage, **query: object) -> Overview:
    return read_overview(
        scene.config,
        all_targets(scene.config),
        OverviewQuery(**query),
        scene.clock.now(),
        NoProgress(),
    )


def names(found: Overview) -> list[str]:
    return [line.target.name for line in found.lines]


def line_of(scene: Stage) -> WebinarLine:
    return next(line for line in overview_of(scene).lines if line.target.name == NAME)


async def test_without_a_ledger_every_webinar_is_listed_as_not_seen(tmp_path):
    async with stage(tmp_path, [HOST], more=2) as scene:
        found = overview_of(scene)

        assert names(found) == [NAME, "launch2", "launch3"]
        assert [line.seen for line in found.lines] == [None] * 3
        assert found.counts == {Show.ALL: 3, Show.ATTENTION: 0, Show.AHEAD: 3, Show.OVER: 0}
        assert not find_place(scene.config.ledger).exists()


async def test_webinar_with_a_run_has_its_title_and_its_panel(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1), panelist(2)]) as scene:
        await scene.run()

        (line,) = overview_of(scene).lines

        assert (line.title, line.is_over, line.attention) == ("The Launch", False, 0)
        assert line.panel == Panel(informed=3)
        assert (line.at_work, line.pause, line.is_called_off) == (None, None, False)


async def test_rejected_person_needs_a_person_and_deferred_one_is_under_way(tmp_path):
    rules = MailRules(
        refuse={"guest1@example.com": "550 5.1.1 No such user"},
        defer_once=frozenset({"guest2@example.com"}),
    )
    async with stage(tmp_path, [HOST, panelist(1), panelist(2)], mail_rules=rules) as scene:
        await scene.run()

        line = line_of(scene)

        assert line.panel == Panel(attention=1, under_way=1, informed=1)
        assert line.attention == 1
        assert names(overview_of(scene, show=Show.ATTENTION)) == [NAME]


async def test_people_who_were_removed_are_on_no_panel(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1), panelist(2)]) as scene:
        await scene.run()
        scene.write_roster([HOST, panelist(1)])
        await scene.run(Options(remove=True))

        assert line_of(scene).panel == Panel(informed=2)


async def test_soonest_webinar_is_first_and_those_over_are_last(tmp_path):
    async with stage(tmp_path, [HOST], more=2) as scene:
        for name in (NAME, "launch2"):
            await scene.run(name=name)
        with sa.create_engine(f"sqlite:///{find_place(scene.config.ledger)}").begin() as ledger:
            past = (scene.clock.now() - timedelta(days=9)).replace(tzinfo=None)
            ledger.execute(
                sa.text("UPDATE sessions SET start = :past WHERE title = 'The Launch'"),
                {"past": past.isoformat(sep=" ")},
            )

        found = overview_of(scene)

        assert names(found) == ["launch2", "launch3", NAME]
        assert [line.is_over for line in found.lines] == [False, False, True]
        assert names(overview_of(scene, show=Show.OVER)) == [NAME]
        assert names(overview_of(scene, show=Show.AHEAD)) == ["launch2", "launch3"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("THE launch", [NAME]),
        ("launch3", ["launch3"]),
        ("123456789014", ["launch2"]),
        ("launch nothing", []),
        ("  ", [NAME, "launch2", "launch3"]),
    ],
)
async def test_every_word_is_looked_for_in_title_name_and_id(tmp_path, words, expected):
    async with stage(tmp_path, [HOST], more=2) as scene:
        await scene.run()

        assert names(overview_of(scene, words=words)) == expected


async def test_list_comes_in_pages_and_a_page_too_high_is_the_last(tmp_path):
    async with stage(tmp_path, [HOST], more=WEBINARS_ON_A_PAGE) as scene:
        first = overview_of(scene)
        assert (len(first.lines), first.page, first.pages) == (WEBINARS_ON_A_PAGE, 1, 2)

        last = overview_of(scene, page=99)
        assert (len(last.lines), last.page, last.pages) == (1, 2, 2)


async def test_run_at_work_and_pause_are_named(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        async with scene.rooms() as opened:
            target = find_target(opened.config, NAME)
            await pause_webinar(opened, target, "", "Ada")
            async with webinar_lease(opened, target):
                line = line_of(scene)

        assert line.at_work
        assert line.at_work.since == scene.clock.now()
        assert line.pause
        assert line_of(scene).at_work is None


async def test_of_several_pauses_the_one_that_ends_last_is_named(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        longest = scene.clock.now() + timedelta(days=2)
        sooner = longest - timedelta(days=1)
        async with scene.rooms() as opened:
            # Of the webinar as a whole, and of its session.
            for name, until in ((WEBINAR, sooner), (NAME, longest)):
                target = find_target(opened.config, name)
                await pause_webinar(opened, target, until.isoformat(), "Ada")

        pause = line_of(scene).pause

    assert pause
    assert pause.until == longest


@pytest.mark.parametrize("webinars", [1, 5])
async def test_number_of_statements_does_not_grow_with_the_webinars(tmp_path, webinars):
    counted: list[str] = []
    async with stage(tmp_path, [HOST, panelist(1)], more=webinars - 1) as scene:
        await scene.cron()

        def count(*arguments: object) -> None:
            counted.append(str(arguments[2]))

        sa.event.listen(sa.Engine, "before_cursor_execute", count)
        try:
            found = overview_of(scene)
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", count)

    assert [line.panel.people for line in found.lines] == [2] * webinars
    assert len([statement for statement in counted if "SELECT" in statement]) <= 12


async def test_ledger_that_is_none_is_said(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        find_place(scene.config.ledger).write_text("no ledger at all" * 100)

        with pytest.raises(OnboardingError):
            overview_of(scene)
