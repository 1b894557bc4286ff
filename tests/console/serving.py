"""A console on a stage, for tests: served on loopback, with people who have logged in."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from onboarding.cli.terminal import NoProgress
from onboarding.config.console import ConsoleRole, ConsoleSettings
from onboarding.console.access import Viewer
from onboarding.console.console import STEP_SECONDS, Console, open_console
from onboarding.console.routes import ROUTES, RouteRow
from onboarding.console.start import serve_console
from onboarding.model.ports import Progress
from onboarding.pipeline import services
from onboarding.pipeline.clock import Clock as RunClock
from onboarding.web.timed_protocol import TimedProtocol
from tests.stage import Stage, stage

BY = "Dana Reyes"


@dataclass(frozen=True)
class RunningConsole:
    """A console that is served: its state, and where it is."""

    console: Console
    url: str

    @property
    def cookie_name(self) -> str:
        return f"onboarding-{self.url.rpartition(':')[2]}"

    def client(
        self,
        role: ConsoleRole | None = ConsoleRole.APPROVER,
        webinars: tuple[str, ...] = (),
        name: str = BY,
    ) -> httpx.AsyncClient:
        """A browser in which a person has logged in; None: a stranger's."""
        cookies = {}
        if role:
            viewer = Viewer(name, role, frozenset(webinars))
            cookies[self.cookie_name] = self.console.log_ins.add(viewer)
        # As a browser does for a form of our own page.
        headers = {"Origin": self.url}
        # The first question compiles the templates, which takes a busy machine its time.
        return httpx.AsyncClient(base_url=self.url, cookies=cookies, headers=headers, timeout=60)

    async def wait_for_acts(self) -> None:
        """Wait until no act is at work."""
        await self.console.tasks.wait()


@asynccontextmanager
async def serve_on(
    scene: Stage,
    *,
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
    settings: Mapping[str, Any] | None = None,
    rows: Iterable[RouteRow] = ROUTES,
    protocol: type[TimedProtocol] = TimedProtocol,
    step_seconds: float = STEP_SECONDS,
) -> AsyncIterator[RunningConsole]:
    """Serve a console on a stage, with the stage's clock, on any free port."""
    clock = RunClock(scene.clock.now, scene.clock.sleep, lambda: 0.5, scene.clock.linger)
    console_settings = ConsoleSettings.model_validate({"port": 0, **(settings or {})})
    config = scene.config.model_copy(update={"console": console_settings})
    async with services.open_services(
        config, progress or NoProgress(), clock, stop or asyncio.Event()
    ) as opened:
        console = replace(open_console(opened, BY), step_seconds=step_seconds)
        async with serve_console(console, rows, protocol) as url:
            yield RunningConsole(console, url)


@asynccontextmanager
async def console_stage(
    folder: Path, people: Iterable[Mapping[str, str]], **on_stage: Any
) -> AsyncIterator[tuple[Stage, RunningConsole, httpx.AsyncClient]]:
    """A stage, its console, and the browser of a person who may do everything there."""
    async with (
        stage(folder, people, **on_stage) as scene,
        serve_on(scene) as served,
        served.client() as browser,
    ):
        yield scene, served, browser
