"""Holds a run to what a person has approved, where `[webinars.NAME] approval` asks for it.

Loads approvals and templates only for that: any other run pays nothing. What is covered is decided
in `plan.approval`; here its question is answered from the ledger and the templates.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onboarding.ledger import reviews
from onboarding.model.entries import Entry
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee
from onboarding.model.reviews import ApprovalMode, Approved, PlannedMessage, SessionFacts
from onboarding.model.sessions import Registration
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Options, PlanItem, Snapshot
from onboarding.plan.approval import ApprovalRule, hold_unapproved, is_message_covered
from onboarding.plan.entries_due import DueEntry

if TYPE_CHECKING:
    from onboarding.messages.templates import TemplateSet
    from onboarding.pipeline.planned_messages import PlannedMessages

NOT_APPROVED = "not approved as it is now"
"""Why a queued message does not leave."""


@dataclass(slots=True)
class ApprovalGate:
    """Lets through what is approved of one session, and holds back the rest.

    `templates` are None until a message has to be rendered.
    """

    services: Services
    target: Target
    approved: Approved
    snapshot: Snapshot
    dial_in: bool
    templates: "TemplateSet | None" = None
    _planned: "PlannedMessages | None" = None

    def hold(self, item: PlanItem, snapshot: Snapshot, options: Options) -> PlanItem:
        """Hold back what is not approved of an item. Raises ConfigurationError for a template."""
        return hold_unapproved(item, snapshot, options, self._rule())

    def covers(
        self,
        invitee: Invitee,
        kind: Kind,
        record: Registration | None,
        entry: Entry | None = None,
    ) -> bool:
        """Tell whether a message that is about to be sent is approved as it is now.

        `entry` is that of a message of the schedule.
        """
        rule = self._rule()
        # Rendered again, and not taken from the plan: an earlier run may have queued this message
        # before the template, the row or the brand was changed.
        messages = self._messages()
        message = (
            messages.plan_scheduled(invitee, entry)
            if entry
            else messages.plan_kind(invitee, kind, record)
        )
        return is_message_covered(message, self.approved, rule.mode, rule.recompose)

    def _rule(self) -> ApprovalRule:
        mode = self.target.approval
        # Methods that load late: for an item without message and change no template is compiled.
        return ApprovalRule(
            mode, self.approved, self._plan_item, self._plan_entry, self._find_wording
        )

    def _plan_item(self, item: PlanItem) -> PlannedMessage:
        return self._messages().plan_item(item)

    def _plan_entry(self, item: PlanItem, due: DueEntry) -> PlannedMessage:
        return self._messages().plan_entry(item, due.entry)

    def _find_wording(self, message: PlannedMessage, facts: SessionFacts) -> str:
        return self._messages().find_wording(message, facts)

    def _messages(self) -> "PlannedMessages":
        # A late import, as in `pipeline.run`: a run with nothing to do loads no templates.
        if self._planned is None:
            from onboarding.pipeline.mailer import load_templates  # noqa: PLC0415
            from onboarding.pipeline.planned_messages import PlannedMessages  # noqa: PLC0415

            # Those of the run where there are some: a file may have been edited since, and then the
            # content that is compared would not be the content that is sent.
            templates = self.templates or load_templates(self.services.config, self.target)
            self._planned = PlannedMessages(templates, self.snapshot, self.dial_in)
        return self._planned


async def load_gate(
    services: Services,
    target: Target,
    session_row: int,
    snapshot: Snapshot,
    *,
    dial_in: bool,
    templates: "TemplateSet | None" = None,
) -> ApprovalGate | None:
    """Load what is approved of a session. None for a webinar that asks for no approval."""
    # None and not a gate that lets all through: callers then skip even the rendering.
    if target.approval is ApprovalMode.NONE:
        return None
    # Loaded at each plan and again before sending: a page may be approved while a run waits.
    approved = await services.ledger.run(reviews.load_approved, session_row)
    return ApprovalGate(services, target, approved, snapshot, dial_in, templates)
