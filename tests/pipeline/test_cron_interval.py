"""`check` warns of messages that are finer than the time between two runs."""

from datetime import timedelta

import pytest

from onboarding.model.entries import Audience, Entry, Schedule, parse_when
from onboarding.pipeline.cron_interval import find_interval, list_too_fine
from tests.cli.command import on
from tests.samples import NOW
from tests.stage import HOST, NAME, ROOMY, stage

MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("minutes", "interval"),
    [
        ((), None),
        ((0,), None),
        ((0, 5), None),
        ((0, 5, 10), 5),
        ((0, 5.1, 9.9, 15), 5),
        # The machine was off for a night.
        ((0, 15, 30, 600, 615), 15),
    ],
)
def test_interval_is_the_usual_time_between_runs(minutes, interval):
    starts = [NOW + number * MINUTES for number in minutes]

    assert find_interval(starts) == (None if interval is None else interval * MINUTES)


def entry(when: str, to: Audience = Audience.ALL) -> Entry:
    return Entry(when, when, "reminder", parse_when(when), to)


@pytest.mark.parametrize(
    ("entries", "interval", "fine"),
    [
        ([entry("-1h"), entry("-10m"), entry("-1d 09:00")], 15, ["-10m"]),
        ([entry("-1h"), entry("-10m")], 5, []),
        ([entry("-1h")], 90, ["-1h"]),
        ([entry("end+5m")], 15, ["end+5m"]),
        ([entry("start-15m", Audience.MISSING)], 15, ["start-15m"]),
        ([entry("start-5m", Audience.MISSING)], 5, []),
    ],
)
def test_entries_nearer_than_two_runs_are_found(entries, interval, fine):
    found = list_too_fine(Schedule(tuple(entries)), interval * MINUTES)

    assert [entry.id for entry in found] == fine


@pytest.mark.anyio
async def test_check_warns_of_an_entry_that_is_finer_than_cron(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        file = scene.folder / "config.toml"
        messages = f'[webinars.{NAME}.messages]\nreminder = ["-1d 09:00", "-10m"]\n'
        file.write_text(file.read_text("utf-8") + messages, encoding="utf-8")
        for _ in range(3):
            await scene.cron()
            scene.clock.pass_time(minutes=15)

        seen = await on(scene, "check", NAME)

        # Another line of `check` names all entries; this one names only the one that is too fine.
        assert "too fine for cron: reminder@-10m;" in seen.out
        assert "cron starts `run --all` every 15 minutes" in seen.out
