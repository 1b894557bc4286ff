"""A run with nothing to do, the usual one under cron, loads nothing that writes messages."""

import asyncio
import sys

import pytest

from onboarding.errors import ConfigurationError
from onboarding.smtp.pool import Pool
from onboarding.smtp.settings import SmtpSettings
from tests.cli.command import OWN, on
from tests.pipeline.approving import approval_stage, approve_all
from tests.stage import HOST, NAME, PANELIST, ROOMY, Stage, panelist, stage

pytestmark = pytest.mark.anyio

MESSAGE_LIBRARIES = {"jinja2", "icalendar", "babel.dates", "css_inline", "mrml", "selectolax"}
"""Of Babel only what formats dates: rosters and sessions need its languages and zones."""

LIGHT = {"onboarding.messages", "onboarding.messages.settings"}

PROGRAM = """
import sys
from onboarding.cli.main import main
try:
    main()
except SystemExit as end:
    print(*sys.modules, file=sys.stderr)
    raise
"""


async def run_and_list_modules(scene: Stage, *words: str) -> tuple[int | None, set[str]]:
    """Run a command in its own process; returns its exit code, and the modules that it loaded."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, *words),
        cwd=scene.folder,
        env={**OWN, **scene.variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    return process.returncode, set(err.decode().split())


def message_modules(loaded: set[str]) -> set[str]:
    libraries = {name for name in loaded if name in MESSAGE_LIBRARIES}
    return libraries | {name for name in loaded if name.startswith("onboarding.messages")} - LIGHT


@pytest.mark.parametrize("words", [(NAME, "--yes"), (NAME, "--yes", "--json"), ("--all",)])
async def test_run_with_nothing_to_do_loads_nothing_for_messages(tmp_path, words):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        busy_code, busy = await run_and_list_modules(scene, "run", *words)
        idle_code, idle = await run_and_list_modules(scene, "run", *words)

        assert (busy_code, idle_code, len(scene.messages())) == (0, 0, 2)
        assert message_modules(busy) >= {"jinja2", "onboarding.messages.composer"}
        assert "onboarding.pipeline.run" in idle
        assert message_modules(idle) == set()


async def test_run_with_nothing_to_do_stays_as_cheap_where_it_needs_approval(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await approve_all(scene)
        await scene.run()
        calls = scene.heavy_calls()

        code, loaded = await run_and_list_modules(scene, "run", NAME, "--yes")

        assert (code, scene.heavy_calls() - calls) == (0, 2)
        assert "onboarding.pipeline.hold_back" in loaded
        assert message_modules(loaded) == set()


def break_a_template(scene: Stage) -> None:
    (scene.folder / "templates").mkdir()
    (scene.folder / "templates" / "update.html.j2").write_text(
        "{{ no_such_name }}", encoding="utf-8"
    )


async def test_broken_template_is_found_before_anybody_is_registered(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        break_a_template(scene)
        assert (await scene.run()).exit_code == 0  # no message is due

        scene.write_roster([HOST, PANELIST, panelist(1)])
        with pytest.raises(ConfigurationError, match="no_such_name"):
            await scene.run()
        assert len(scene.ringcentral.requests.select("PATCH")) == 1


async def test_broken_template_is_found_when_only_a_queued_message_is_left(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        with pytest.raises(Exception, match="mail server"):
            await scene.run()
        scene.variables["ONBOARDING_SMTP__PORT"] = port
        break_a_template(scene)

        with pytest.raises(ConfigurationError, match="no_such_name"):
            await scene.run()


async def test_check_compiles_the_templates_though_no_message_is_due(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        break_a_template(scene)

        seen = await on(scene, "check")

        assert seen.code != 0
        assert "no_such_name" in seen.all


def test_pool_that_sends_nothing_needs_no_certificate_file(tmp_path):
    Pool(SmtpSettings(host="mail.example.com", ca_file=tmp_path / "none.pem"))
