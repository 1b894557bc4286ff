"""What a run needs to queue, write and send a webinar's messages, behind one door.

`pipeline.run` opens this door late, and only when there is a message to send or a person to
register. The modules behind it (template engine, calendar, date formats) take as much processor
time to import and compile as all the rest of a run. A run with nothing to do, the usual case under
cron, loads none of them.
"""

from dataclasses import dataclass
from datetime import timedelta

from onboarding.messages.composer import TemplateSet
from onboarding.pipeline.deliver import deliver, queue_messages
from onboarding.pipeline.delivery_run import prepare_delivery
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.pipeline.templates import load_templates
from onboarding.plan import Plan


@dataclass(frozen=True, slots=True)
class Mailer:
    """Queues, writes and sends the messages of one webinar, with its compiled templates."""

    services: Services
    templates: TemplateSet

    @classmethod
    def load(cls, services: Services, target: Target) -> "Mailer":
        """Compile the webinar's templates. Raises ConfigurationError naming file, line and what is wrong."""
        return cls(services, load_templates(services.config, target))

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
        """Send what is queued and due; returns how many messages the server took. Raises what `deliver` raises."""
        run = prepare_delivery(
            self.services, state, plan, self.templates, lease, rehearsal=rehearsal, limited=limited
        )
        return await deliver(run, retry_window)
