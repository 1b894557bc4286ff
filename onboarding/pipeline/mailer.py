"""What a run needs to queue, write and send messages, templates included, behind one door.

`pipeline.run` opens this door late, and only when there is a message to send or a person to
register. The modules behind it (template engine, calendar, date formats) take as much processor
time to import and compile as all the rest of a run. A run with nothing to do, the usual case under
cron, loads none of them.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import chain
from pathlib import Path

from onboarding import samples
from onboarding.config import Config
from onboarding.messages.composer import TemplateSet
from onboarding.messages.mime import FixedFields
from onboarding.messages.settings import BrandSettings
from onboarding.pipeline.deliver import deliver, queue_messages
from onboarding.pipeline.delivery_run import prepare_delivery
from onboarding.pipeline.hold_back import load_gate
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Plan

Stamp = tuple[tuple[Path, int], ...]
"""Files with the times of their last change: a template that was changed is compiled again."""


@dataclass(frozen=True, slots=True)
class Mailer:
    """Queues, writes and sends the messages of one webinar, with its compiled templates."""

    services: Services
    target: Target
    templates: TemplateSet

    @classmethod
    def load(cls, services: Services, target: Target) -> "Mailer":
        """Compile the webinar's templates. Raises what `load_templates` raises."""
        return cls(services, target, load_templates(services.config, target))

    async def queue(self, state: RunState, plan: Plan, rehearsal_to: str) -> int:
        """Queue what the plan owes; returns how many messages that are."""
        return await queue_messages(self.services, state, plan, rehearsal_to)

    async def deliver(
        self,
        state: RunState,
        plan: Plan,
        lease: HeldLease,
        *,
        rehearsal: bool,
        limited: bool,
        retry_window: timedelta,
    ) -> int:
        """Send what is queued and due; returns how many messages the server took.

        Raises what `pipeline.deliver.deliver` raises.
        """
        run = prepare_delivery(
            self.services, state, plan, self.templates, lease, rehearsal=rehearsal, limited=limited
        )
        # With these very templates: they may have been compiled before the plan was agreed to.
        run.gate = await load_gate(
            self.services,
            self.target,
            state.session_row,
            state.snapshot,
            dial_in=state.webinar.dial_in,
            templates=self.templates,
        )
        return await deliver(run, retry_window)


def load_templates(config: Config, target: Target) -> TemplateSet:
    """Compile a webinar's templates, once in a process as long as no file changes.

    Raises ConfigurationError naming file, line and what is wrong.
    """
    folders = template_folders(config.folder, target)
    # An empty name would mean the current folder, with everything in it.
    logo = [Path(config.brand.logo)] if config.brand.logo else []
    # All files count, since one template may include another. The stamp is only a part of the
    # cache's key: `run --all` compiles the shared templates once for all webinars.
    return _load_cached(
        folders,
        config.brand,
        config.smtp.fixed_fields,
        reads_answers=config.replies.is_configured,
        _stamp=_stamp([*folders, *logo]),
    )


def template_folders(folder: Path, target: Target) -> tuple[Path, ...]:
    """Find the templates: the webinar's own, those beside config.toml, then the shipped ones."""
    own = (target.templates,) if target.templates else ()
    beside = folder / "templates"
    # The first folder that has a file wins, so a webinar may replace one file and keep the others.
    return (*own, *((beside,) if beside.is_dir() else ()), samples.find_templates())


@lru_cache(maxsize=32)
def _load_cached(
    folders: tuple[Path, ...],
    brand: BrandSettings,
    fixed: FixedFields,
    *,
    reads_answers: bool,
    _stamp: Stamp,
) -> TemplateSet:
    return TemplateSet.load(folders, brand, fixed, reads_answers=reads_answers)


def _stamp(paths: list[Path]) -> Stamp:
    found = chain.from_iterable(path.rglob("*") if path.is_dir() else [path] for path in paths)
    files = sorted(file for file in found if file.is_file())
    # In nanoseconds: a file that is saved twice within a second has changed twice.
    return tuple((file, file.stat().st_mtime_ns) for file in files)
