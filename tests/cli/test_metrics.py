"""`run --all --metrics`: the figures that the guide's table has, in a file that is always whole."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from onboarding.cli.metrics import METRICS, write_metrics
from onboarding.cli.run_all import run_all
from onboarding.cli.run_options import RunOptions
from onboarding.pipeline.clock import Clock
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.companies import ACME, stage_companies
from tests.docs.pages import read, table, word, words
from tests.stage import HOST, NAME, Stage, panelist, stage

pytestmark = pytest.mark.anyio

REFUSED = MailRules(refuse={"guest1@example.com": "550 5.1.1 No such user"})


async def cron(scene: Stage, file: Path) -> int:
    clock = Clock(scene.clock.now, scene.clock.sleep, lambda: 0.5)
    options = RunOptions(patience=timedelta(), metrics=file)
    return await run_all(scene.config, options, asyncio.Event(), clock)


def parse(file: Path) -> dict[str, float]:
    lines = file.read_text(encoding="utf-8").splitlines()
    samples = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in samples}


def calls_of(account: str) -> str:
    return f'onboarding_ringcentral_calls{{account="{account}"}}'


async def test_figures_of_a_run_and_of_one_that_left_the_webinar_alone(tmp_path):
    file = tmp_path / "onboarding.prom"
    async with stage(tmp_path, [HOST, panelist(1)], mail_rules=REFUSED) as scene:
        assert await cron(scene, file) == 1
        first = parse(file)
        scene.write_roster([HOST])
        scene.clock.pass_time(minutes=5)
        await cron(scene, file)
        again = parse(file)

        assert first["onboarding_last_run_exit_code"] == 1
        assert first[f'onboarding_messages{{webinar="{NAME}",state="sent"}}'] == 1
        assert first[f'onboarding_messages{{webinar="{NAME}",state="rejected"}}'] == 1
        assert first[f'onboarding_messages_in_doubt{{webinar="{NAME}"}}'] == 0
        assert first[f'onboarding_people_needing_attention{{webinar="{NAME}"}}'] == 1
        assert first[calls_of("default")] == scene.heavy_calls() - again[calls_of("default")]
        left = 10 - first[calls_of("default")]
        assert first['onboarding_ringcentral_calls_left{account="default"}'] == left
        ahead = "onboarding_last_run_timestamp_seconds"
        assert again[ahead] - first[ahead] == 300
        text = file.read_text(encoding="utf-8")
        assert "example.com" not in text
        assert file.stat().st_mode & 0o777 == 0o644
        assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == [file.name]


async def test_each_account_has_figures_of_its_own(tmp_path):
    file = tmp_path / "onboarding.prom"
    async with stage_companies(tmp_path) as stage:
        assert await cron(stage.scene, file) == 0
        figures = parse(file)

        calls = [figures[calls_of(account)] for account in ("default", "acme")]
        assert sum(calls) == stage.scene.heavy_calls()
        assert min(calls) > 0
        assert figures[f'onboarding_messages{{webinar="{ACME}",state="sent"}}'] == 3
        text = file.read_text()
        for company in (stage.brightwater, stage.acme):
            assert [value for value in company.planted if value in text] == []


async def test_a_file_that_cannot_be_written_is_said_and_the_run_is_done(tmp_path, capsys):
    async with stage(tmp_path, [HOST]) as scene:
        assert await cron(scene, tmp_path / "missing" / "onboarding.prom") == 2
        assert "can't be written: No such file" in capsys.readouterr().err
        assert scene.told() == [HOST["email"]]


def test_a_device_a_pipe_and_a_link_are_not_replaced(tmp_path):
    pipe, file, link = tmp_path / "pipe", tmp_path / "real.prom", tmp_path / "link.prom"
    os.mkfifo(pipe)
    link.symlink_to(file)

    for place in (pipe, tmp_path):
        with pytest.raises(OSError, match="it is no regular file"):
            write_metrics(place, "up 1\n")
    write_metrics(link, "up 1\n")

    assert pipe.is_fifo()
    assert (link.is_symlink(), file.read_text()) == (True, "up 1\n")


async def test_metrics_need_all_webinars(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        seen = await on(scene, "run", NAME, "--yes", "--metrics", "x.prom")
        assert seen.code == 2
        assert "It needs --all" in seen.all


async def test_every_metric_is_in_the_file_and_in_the_guide(tmp_path):
    file = tmp_path / "onboarding.prom"
    async with stage(tmp_path, [HOST]) as scene:
        await cron(scene, file)
    written: dict[str, set[str]] = {}
    for sample in parse(file):
        name, _, labels = sample.partition("{")
        names = {part.split("=")[0] for part in labels.removesuffix("}").split(",") if part}
        written.setdefault(name, set()).update(names)
    documented = {
        word(metric): set(words(labels))
        for metric, labels, _ in table(read("docs/guides/alerts.md"), "metric", "labels")
    }

    assert written == documented
    assert list(METRICS) == list(documented)
