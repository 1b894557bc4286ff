"""What a run needs to queue, write and send messages, templates included, behind one door.

`pipeline.run` opens this door late, and only when there is a message to send or a person to
register. The modules behind it (template engine, calendar, date formats) take as much processor
time to import and compile as all the rest of a run. A run with nothing to do, the usual case under
cron, loads none of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from onboarding.config import Config
from onboarding.files.stamps import Stamp
from onboarding.ledger.bounces import BounceTokens
from onboarding.messages.attachments import Attachment, read_attachments
from onboarding.messages.load import load_template_set
from onboarding.messages.mime import FixedFields
from onboarding.messages.settings import BrandSettings
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Delivery
from onboarding.model.entries import Schedule
from onboarding.pipeline.deliver import AlsoWrite, deliver, deliver_claimed, queue_messages
from onboarding.pipeline.delivery_run import DeliveryRun, prepare_delivery
from onboarding.pipeline.hold_back import load_gate
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.pipeline.template_files import stamp_templates, template_folders
from onboarding.plan import Plan
from onboarding.smtp.settings import TOKEN_MARK


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

    async def queue(
        self, state: RunState, plan: Plan, rehearsal_to: str, also: AlsoWrite | None = None
    ) -> int:
        """Queue what the plan owes; returns how many messages that are (`queue_messages`)."""
        return await queue_messages(self.services, state, plan, rehearsal_to, also)

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
        run = await self._prepare(state, plan, lease, rehearsal=rehearsal, limited=limited)
        return await deliver(run, retry_window)

    async def deliver_chunk(
        self, state: RunState, plan: Plan, lease: HeldLease, chunk: Iterable[Delivery]
    ) -> int:
        """Send messages that the lease's holder has claimed; returns how many the server took.

        Raises what `pipeline.deliver.deliver` raises.
        """
        run = await self._prepare(state, plan, lease)
        run.claimed.extend(chunk)
        return await deliver_claimed(run)

    async def _prepare(
        self,
        state: RunState,
        plan: Plan,
        lease: HeldLease,
        *,
        rehearsal: bool = False,
        limited: bool = False,
    ) -> DeliveryRun:
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
        if TOKEN_MARK in self.services.config.smtp.envelope_sender:
            run.bounce_tokens = await self.services.ledger.run(BounceTokens.load)
        return run


def load_templates(config: Config, target: Target) -> TemplateSet:
    """Compile a webinar's templates, once in a process as long as no file changes.

    Raises ConfigurationError naming file, line and what is wrong.
    """
    folders = template_folders(config, target.templates)
    # The stamp is only a part of the cache's key: `run --all` compiles the shared templates once
    # for all webinars.
    templates = _load_cached(
        folders,
        config.brand,
        config.smtp.fixed_fields,
        reads_answers=config.replies.is_configured,
        scheduled=list_scheduled_templates(target),
        _stamp=stamp_templates(config, folders),
    )
    # Webinars share compiled templates, and each has files of its own.
    files = load_files(target.schedule, config.folder)
    return replace(templates, files=files) if files else templates


def load_files(schedule: Schedule, folder: Path) -> Mapping[str, tuple[Attachment, ...]]:
    """Read what travels with the messages of each entry, by the entry's id.

    `folder` is that of config.toml. Raises ConfigurationError for a file that can't be used any
    more: the schedule had only entries with good ones.
    """
    return {
        entry.id: read_attachments(entry.attach, folder)
        for entry in schedule.entries
        if entry.attach
    }


def list_scheduled_templates(target: Target) -> tuple[str, ...]:
    """Name the templates that the webinar's schedule needs, each once."""
    return tuple(dict.fromkeys(entry.template for entry in target.schedule.entries))


@lru_cache(maxsize=32)
def _load_cached(
    folders: tuple[Path, ...],
    brand: BrandSettings,
    fixed: FixedFields,
    *,
    reads_answers: bool,
    scheduled: tuple[str, ...],
    _stamp: Stamp,
) -> TemplateSet:
    return load_template_set(
        folders, brand, fixed, reads_answers=reads_answers, scheduled=scheduled
    )
